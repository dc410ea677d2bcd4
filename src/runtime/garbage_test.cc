// What dead processes leave is found and removed; what others own is not.

#include <dirent.h>
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>

#include "monitor/launch.h"
#include "os/marked_process.h"
#include "os/subprocess.h"
#include "pod/journal.h"
#include "pod/pod_mark.h"
#include "runtime/test_runtime.h"

namespace {

std::atomic<int> looks_at_all_processes{0};

}  // namespace

// The C library's, and a count of how often all processes of the host are looked at.
extern "C" DIR* opendir(const char* path) {
  static const auto next = reinterpret_cast<DIR* (*)(const char*)>(::dlsym(RTLD_NEXT, "opendir"));
  if (std::string_view(path) == "/proc") ++looks_at_all_processes;
  return next(path);
}

namespace virtcontainers {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class GarbageTest : public RuntimeTest {
 protected:
  // A process that a monitor of that pod has left.
  Subprocess& Orphan(const std::string& mark) {
    Result<Subprocess> spawned =
        Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = MarkedEnvironment(mark)});
    if (!spawned) throw std::runtime_error(spawned.error().ToString());
    return *orphans_.emplace_back(std::make_unique<Subprocess>(std::move(*spawned)));
  }

  ~GarbageTest() override {
    for (const auto& orphan : orphans_) {
      (void)orphan->Kill(SIGKILL);
      (void)orphan->Wait(Deadline::Infinite());
    }
  }
  static bool Ended(Subprocess& process) {
    return process.Wait(Deadline::After(std::chrono::seconds(0))).has_value();
  }

  std::vector<std::string> Collect(bool dry_run = false) {
    std::vector<std::string> lines;
    const auto found = runtime_.CollectGarbage({.dry_run = dry_run}, Soon());
    EXPECT_OK(found);
    if (!found) return lines;
    for (const Garbage& garbage : *found) {
      std::string line(GarbageKindName(garbage.kind));
      line += " " + garbage.pod + ": ";
      // A process by its name alone.
      line += garbage.kind == Garbage::Kind::kProcess ? garbage.what.substr(garbage.what.find('('))
                                                      : garbage.what;
      if (!garbage.error.empty()) line += ": " + garbage.error;
      lines.push_back(line);
    }
    return lines;
  }

 private:
  std::vector<std::unique_ptr<Subprocess>> orphans_;
};

TEST_F(GarbageTest, Collect_WholePods_FindsNothing) {
  CreateAndStart(Pod("runs", {Container("a")}));
  ASSERT_OK(runtime_.CreatePod(Pod("ready", {Container("a")})));
  CreateAndStart(Pod("stopped", {Container("a")}));
  ASSERT_OK(runtime_.StopPod("stopped", std::chrono::milliseconds(0), Soon()));
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(StatusOf("runs").state, PodState::kRunning);
  // Nor of one that runs without its monitor: the next call takes it over.
  KillMonitor("runs");
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_OK(runtime_.RestoreMonitor("runs", Soon()));
}

TEST_F(GarbageTest, Collect_RemainsOfUnknownPods_RemovesThem) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  const PodPaths gone = Paths("gone");
  Subprocess& process = Orphan(gone.mark);
  ASSERT_TRUE(MakeDirectories(gone.run_dir + "/share"));
  const std::vector<std::string> expected = {"process gone: (sleep)", "directory : " + gone.run_dir};
  EXPECT_EQ(Collect(true), expected);
  EXPECT_FALSE(Ended(process)) << "a dry run removes nothing";
  EXPECT_TRUE(IsDirectory(gone.run_dir));
  EXPECT_EQ(Collect(), expected);
  EXPECT_TRUE(Ended(process));
  EXPECT_FALSE(IsDirectory(gone.run_dir));
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(GarbageTest, Collect_RemainsOfStoppedPod_RemovesThem) {
  CreateAndStart(Pod("web", {Container("a")}));
  const pid_t vm = StatusOf("web").vm_pid;
  KillMonitor("web");
  Kill(vm);
  const PodPaths paths = Paths("web");
  Subprocess& process = Orphan(paths.mark);
  const std::string half = directory_.Write("root/pods/web/state.json.tmp.5.0", "{");
  const std::string orphan = directory_.Write("root/pods/web/containers/b.json", "{}");
  EXPECT_THAT(Collect(true), UnorderedElementsAre("process web: (sleep)", "directory web: " + paths.run_dir,
                                                  "file web: " + half, "file web: " + orphan,
                                                  "record web: " + paths.state()));
  EXPECT_FALSE(Ended(process));
  EXPECT_EQ(Collect().size(), 5u);
  EXPECT_TRUE(Ended(process));
  EXPECT_FALSE(FileExists(half) || FileExists(orphan) || IsDirectory(paths.run_dir));
  EXPECT_EQ(StatusOf("web").reason, "the VM is gone, and so is its monitor");
  EXPECT_EQ(LoadJournal(paths.journal()).open.size(), 0u);
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_OK(runtime_.StartPod("web", Soon()));
}

TEST_F(GarbageTest, Collect_OtherRoots_AreNotTouched) {
  RuntimeOptions options = Options();
  options.root = directory_ / "other";
  Result<Runtime> other = Runtime::Open(options);
  ASSERT_OK(other);
  const PodPaths theirs = Store::Open(options.root, options.run)->Pod("web").paths();
  ASSERT_NE(theirs.run_dir, Paths("web").run_dir);
  Subprocess& process = Orphan(theirs.mark);
  Subprocess& ours = Orphan(Paths("web").mark);
  Subprocess& user = Orphan("somebody's/web");
  ASSERT_TRUE(MakeDirectories(theirs.run_dir));
  EXPECT_THAT(Collect(), UnorderedElementsAre("process web: (sleep)"));
  EXPECT_TRUE(Ended(ours));
  EXPECT_FALSE(Ended(process) || Ended(user));
  EXPECT_TRUE(IsDirectory(theirs.run_dir));
  ASSERT_OK(other->CollectGarbage({}, Soon()));
  EXPECT_TRUE(Ended(process));
  EXPECT_FALSE(Ended(user));
}

TEST_F(GarbageTest, Collect_PodIsLocked_IsLeftAlone) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  Subprocess& process = Orphan(Paths("web").mark);
  {
    const auto lock = FileLock::Acquire(Paths("web").lock(), Soon());
    ASSERT_OK(lock);
    EXPECT_THAT(Collect(), IsEmpty());
    EXPECT_FALSE(Ended(process));
  }
  EXPECT_EQ(Collect().size(), 1u);
  EXPECT_TRUE(Ended(process));
}

// It was looked once for each pod: the time was that of the pods multiplied by that of the processes.
TEST_F(GarbageTest, CollectGarbage_OfManyPods_LooksAtTheProcessesOnce) {
  constexpr int kPods = 40;
  for (int i = 0; i < kPods; ++i) ASSERT_OK(runtime_.CreatePod(Pod("pod" + std::to_string(i))));
  looks_at_all_processes = 0;
  EXPECT_THAT(Collect(true), IsEmpty());
  EXPECT_EQ(looks_at_all_processes, 1);
  looks_at_all_processes = 0;
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(looks_at_all_processes, 1);

  for (int i = 0; i < kPods; ++i) Orphan(Paths("pod" + std::to_string(i)).mark);
  Orphan(Paths("gone").mark);
  looks_at_all_processes = 0;
  EXPECT_EQ(Collect().size(), kPods + 1);
  // What was killed may have been starting another: of the pods that are there, and of those that are not.
  EXPECT_EQ(looks_at_all_processes, 3);
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(GarbageTest, CollectGarbage_OfAPodWhoseStateIsLost_NamesWhatRunsAndLeavesIt) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus status = StatusOf("web");
  const PodFiles files(Paths("web"));
  const PodRecord record = *files.LoadRecord();
  KillMonitor("web");
  std::filesystem::remove(files.paths().state());
  const std::vector<std::string> found = Collect();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0], StartsWith("process web: (sleep): '" + files.paths().state() +
                                   "' cannot be read: it is missing"));
  EXPECT_THAT(found[0], HasSubstr("it may run: stop the pod, or delete it by force"));
  // Its file restored, it goes on.
  ASSERT_OK(files.SaveRecord(record));
  EXPECT_OK(runtime_.RestoreMonitor("web", Soon()));
  EXPECT_EQ(StatusOf("web").vm_pid, status.vm_pid);
}

// ---- and without being asked for it, by the next call on the pod

using RecoveryTest = GarbageTest;

TEST_F(RecoveryTest, NextCall_CallerDiedHalfWay_UndoesIt) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  const PodPaths paths = Paths("web");
  // As far as it came.
  Subprocess& process = Orphan(paths.mark);
  {
    const auto journal = Journal::Open(paths.journal());
    ASSERT_OK(journal);
    ASSERT_OK((*journal)->Begin(EffectKind::kProcess, kMonitorEffect));
    ASSERT_OK((*journal)->Begin(EffectKind::kDirectory, paths.run_dir));
    ASSERT_TRUE(MakeDirectories(paths.run_dir));
  }
  EXPECT_EQ(StatusOf("web").state, PodState::kReady) << "who only looks changes nothing";
  EXPECT_FALSE(Ended(process));
  ASSERT_OK(runtime_.CreateContainer("web", Container("a"), Soon()));
  EXPECT_TRUE(Ended(process));
  EXPECT_FALSE(IsDirectory(paths.run_dir));
  EXPECT_EQ(TestDirectory::Read(paths.journal()), "");
}

TEST_F(RecoveryTest, NextCall_JournalIsDamaged_RemovesWhatIsThere) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  Subprocess& process = Orphan(Paths("web").mark);
  std::ofstream(Paths("web").journal()) << "\x01garbage";
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_TRUE(Ended(process));
  ASSERT_OK(runtime_.StopPod("web", std::chrono::milliseconds(0), Soon()));
  EXPECT_EQ(TestDirectory::Read(Paths("web").journal()), "");
}

TEST_F(RecoveryTest, Journal_OfRunningPod_NamesItsEffects) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodPaths paths = Paths("web");
  const PodStatus status = StatusOf("web");
  const std::vector<Effect> open = LoadJournal(paths.journal()).open;
  const auto process = [](const char* what, pid_t pid) {
    return Effect{EffectKind::kProcess, what, true, *IdentifyProcess(pid)};
  };
  EXPECT_THAT(open, Contains(process("vmm", status.vm_pid)));
  EXPECT_THAT(open, Contains(process("monitor", status.monitor_pid)));
  EXPECT_THAT(open, Contains(Effect{EffectKind::kDirectory, paths.run_dir, true, {}}));
  EXPECT_THAT(open, Contains(Effect{EffectKind::kSocket, paths.monitor_socket(), true, {}}));
  ASSERT_OK(runtime_.StopPod("web", std::chrono::milliseconds(0), Soon()));
  EXPECT_EQ(TestDirectory::Read(paths.journal()), "") << "a pod that has stopped has nothing anywhere";
}

TEST_F(RecoveryTest, NextCall_RunDirectoryWasElsewhere_RemovesIt) {
  RuntimeOptions options = Options();
  options.run = directory_ / "run2";
  Result<Runtime> before = Runtime::Open(options);
  ASSERT_OK(before);
  ASSERT_OK(before->CreatePod(Pod("web")));
  ASSERT_OK(before->StartPod("web", Soon()));
  const std::string there = Store::Open(options.root, options.run)->Pod("web").paths().run_dir;
  KillMonitor("web");
  Kill(StatusOf("web").vm_pid);
  ASSERT_TRUE(IsDirectory(there));
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_FALSE(IsDirectory(there));
}

TEST_F(RecoveryTest, StartPod_MonitorDies_LeavesNothing) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  RuntimeOptions options = Options();
  options.monitor = directory_.Write("monitor", "#!/bin/sh\nsleep 1000 <&- >&- 2>&- 3>&- &\nexit 1\n");
  std::filesystem::permissions(options.monitor, std::filesystem::perms(0755));
  Result<Runtime> other = Runtime::Open(options);
  ASSERT_OK(other);
  EXPECT_CODE(other->StartPod("web", Soon()), Code::kAborted);
  EXPECT_THAT(FindMarkedProcesses(ProcessesOfPod(Paths("web").mark)).value(), IsEmpty());
  EXPECT_EQ(TestDirectory::Read(Paths("web").journal()), "");
}

// ---- what hooks leave running

class HookDaemonTest : public RuntimeTest {
 protected:
  // A pod that runs, one of whose hooks has become a daemon.
  ProcessIdentity Start() {
    const std::string path = directory_.Write(
        "daemon", "#!/bin/sh\nsetsid sleep 1000 >/dev/null 2>&1 &\necho $! >" + Pid() + "\n");
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    PodConfig pod = Pod("web", {Container("a")});
    pod.containers[0].hooks.poststop = {{path, {}, {"PATH=/usr/bin:/bin"}, {}}};
    pod.containers[0].hooks.create_runtime = pod.containers[0].hooks.poststop;
    CreateAndStart(pod);
    const pid_t pid = std::stoi(TestDirectory::Read(Pid()));
    return IdentifyProcess(pid).value();
  }
  std::string Pid() const { return directory_ / "pid"; }
};

TEST_F(HookDaemonTest, StopPod_EndsIt) {
  const ProcessIdentity daemon = Start();
  EXPECT_TRUE(IsAlive(daemon));
  ASSERT_OK(runtime_.StopPod("web", std::chrono::milliseconds(0), Soon()));
  EXPECT_FALSE(IsAlive(daemon));
  EXPECT_NE(std::stoi(TestDirectory::Read(Pid())), daemon.pid) << "the hook that runs last leaves one, too";
  EXPECT_THAT(FindMarkedProcesses(ProcessesOfPod(Paths("web").mark)).value(), IsEmpty());
  EXPECT_EQ(TestDirectory::Read(Paths("web").journal()), "");
}

TEST_F(HookDaemonTest, DeletePod_AfterItsMonitorAndItsVmWereKilled_EndsIt) {
  const ProcessIdentity daemon = Start();
  const pid_t vm = StatusOf("web").vm_pid;
  KillMonitor("web");
  Kill(vm);
  EXPECT_TRUE(IsAlive(daemon));
  ASSERT_OK(runtime_.DeletePod("web", Soon()));
  EXPECT_FALSE(IsAlive(daemon));
}

TEST_F(HookDaemonTest, CollectGarbage_AfterItsMonitorAndItsVmWereKilled_EndsIt) {
  const ProcessIdentity daemon = Start();
  const pid_t vm = StatusOf("web").vm_pid;
  KillMonitor("web");
  Kill(vm);
  const auto found = runtime_.CollectGarbage({}, Soon());
  ASSERT_OK(found);
  EXPECT_THAT(*found, Contains(testing::Field(&Garbage::what, std::to_string(daemon.pid) + " (sleep)")));
  EXPECT_FALSE(IsAlive(daemon));
}

TEST_F(HookDaemonTest, StopPod_AfterAnotherMonitorTookOver_EndsIt) {
  const ProcessIdentity daemon = Start();
  KillMonitor("web");
  ASSERT_OK(runtime_.RestoreMonitor("web", Soon()));
  EXPECT_TRUE(IsAlive(daemon));
  ASSERT_OK(runtime_.StopPod("web", std::chrono::milliseconds(0), Soon()));
  EXPECT_FALSE(IsAlive(daemon));
}

}  // namespace
}  // namespace virtcontainers
