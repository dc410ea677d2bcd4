// What names processes may be a copy, and what it names another's: only processes with the pod's own mark are
// touched.

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>

#include "os/marked_process.h"
#include "os/subprocess.h"
#include "pod/journal.h"
#include "pod/pod_mark.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CopiedRoot : public RuntimeTest {
 protected:
  // A process of somebody's that has nothing to do with pods.
  class Stranger {
   public:
    Stranger() : process_(Subprocess::Spawn({.argv = {"sleep", "1000"}}).value()) {}
    ~Stranger() {
      EXPECT_FALSE(process_.Wait(Deadline::After(milliseconds(0)))) << "a stranger's process was killed";
      (void)process_.Kill(SIGKILL);
      (void)process_.Wait(Deadline::Infinite());
    }
    ProcessIdentity identity() const { return IdentifyProcess(process_.pid()).value(); }

   private:
    Subprocess process_;
  };

  Runtime OpenAt(const std::string& root) const {
    RuntimeOptions options = Options();
    options.root = root;
    return std::move(*Runtime::Open(options));
  }
  Runtime Copy(fs::copy_options how = fs::copy_options::none) const {
    fs::copy(directory_ / "root", directory_ / "copy", fs::copy_options::recursive | how);
    return OpenAt(directory_ / "copy");
  }

  // Every call that has killed the original's processes, and the rest of a pod's life, on the copy of a pod
  // that runs.
  void UseUp(Runtime& copy) {
    EXPECT_OK(copy.CollectGarbage({}, Soon()));
    EXPECT_OK(copy.UpdateContainer("web", "a", {}, Soon()));
    if (copy.PodStatus("web")->state != PodState::kReady) {
      EXPECT_OK(copy.StopPod("web", milliseconds(0), Soon()));
    }
    EXPECT_OK(copy.StartPod("web", Soon()));
    EXPECT_OK(copy.EnterContainer("web", "a", Command({"true"}), Soon()));
    EXPECT_OK(copy.StopPod("web", milliseconds(0), Soon()));
    EXPECT_OK(copy.DeletePod("web", Soon()));
    const auto garbage = copy.CollectGarbage({}, Soon());
    EXPECT_OK(garbage);
    EXPECT_THAT(garbage.value_or(std::vector<Garbage>()), IsEmpty());
  }

  void ExpectRuns(const PodStatus& before, bool monitored = true) {
    const PodStatus now = StatusOf("web");
    EXPECT_EQ(now.state, before.state);
    EXPECT_EQ(now.vm_pid, before.vm_pid);
    if (monitored) {
      EXPECT_EQ(now.reason, "");
      EXPECT_EQ(now.monitor_pid, before.monitor_pid);
    }
  }
};

TEST_F(CopiedRoot, OfAPodThatRuns_LeavesTheOriginalAlone) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus before = StatusOf("web");
  Runtime copy = Copy();
  const Result<PodStatus> status = copy.PodStatus("web");
  ASSERT_OK(status);
  EXPECT_EQ(status->state, PodState::kStopped);
  EXPECT_EQ(status->reason,
            "it ran under root directory '" + directory_ / "root" + "', of which this one is a copy");
  EXPECT_EQ(status->vm_pid, 0);
  EXPECT_EQ(status->containers[0].state, ContainerState::kStopped);
  EXPECT_EQ(copy.ListPod(PodFilter::kRunning)->size(), 0u);
  UseUp(copy);
  ExpectRuns(before);
  EXPECT_OK(runtime_.EnterContainer("web", "a", Command({"true"}), Soon()));
}

TEST_F(CopiedRoot, OfAPodWhoseMonitorDied_LeavesTheOriginalAlone) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus before = StatusOf("web");
  KillMonitor("web");
  Runtime copy = Copy();
  EXPECT_THAT(copy.PodStatus("web")->reason, HasSubstr("of which this one is a copy"));
  UseUp(copy);
  ExpectRuns(before, false);
  EXPECT_OK(runtime_.RestoreMonitor("web", Soon()));
}

TEST_F(CopiedRoot, OfAPodThatIsPaused_LeavesTheOriginalAlone) {
  CreateAndStart(Pod("web", {Container("a")}));
  ASSERT_OK(runtime_.PausePod("web", Soon()));
  const PodStatus before = StatusOf("web");
  Runtime copy = Copy();
  UseUp(copy);
  ExpectRuns(before);
}

// A start that is under way has its processes in the journal, and in a state that is still the one before.
TEST_F(CopiedRoot, OfAPodThatStarts_LeavesTheOriginalAlone) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus before = StatusOf("web");
  const PodFiles files(Paths("web"));
  const PodRecord running = *files.LoadRecord();
  PodRecord starting = running;
  starting.state = PodState::kReady;
  ASSERT_OK(files.SaveRecord(starting));
  Runtime copy = Copy();
  ASSERT_OK(files.SaveRecord(running));
  UseUp(copy);
  ExpectRuns(before);
}

// As `cp -al` makes it: the files are the same, also the locks that the original's monitor holds.
TEST_F(CopiedRoot, OfHardLinks_LeavesTheOriginalAlone) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus before = StatusOf("web");
  Runtime copy = Copy(fs::copy_options::create_hard_links);
  EXPECT_EQ(copy.PodStatus("web")->state, PodState::kStopped);
  UseUp(copy);
  ExpectRuns(before);
}

TEST_F(CopiedRoot, PutInThePlaceOfTheOriginal_SaysSo) {
  CreateAndStart(Pod("web", {Container("a")}));
  const ProcessIdentity vm = *IdentifyProcess(StatusOf("web").vm_pid);
  fs::rename(directory_ / "root", directory_ / "original");
  fs::copy(directory_ / "original", directory_ / "root", fs::copy_options::recursive);
  Runtime copy = Open();
  EXPECT_EQ(copy.PodStatus("web")->reason,
            "it ran under another directory at '" + directory_ / "root" + "', of which this one is a copy");
  UseUp(copy);
  EXPECT_TRUE(IsAlive(vm));
  fs::remove_all(directory_ / "root");
  fs::rename(directory_ / "original", directory_ / "root");
}

TEST_F(CopiedRoot, OfOnePodInItsRoot_LeavesTheOriginalAlone) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus before = StatusOf("web");
  fs::copy(directory_ / "root/pods/web", directory_ / "root/pods/web2", fs::copy_options::recursive);
  const PodStatus copy = StatusOf("web2");
  EXPECT_EQ(copy.id, "web2");
  EXPECT_EQ(copy.state, PodState::kStopped);
  EXPECT_THAT(copy.reason, StartsWith("its state is a copy of the state of pod 'web'; '"));
  EXPECT_THAT(copy.reason, HasSubstr("config.json' cannot be read"));
  EXPECT_OK(runtime_.CollectGarbage({}, Soon()));
  EXPECT_OK(runtime_.StopPod("web2", milliseconds(0), Soon()));
  EXPECT_CODE(runtime_.StartPod("web2", Soon()), Code::kDataLoss);
  EXPECT_OK(runtime_.DeletePod("web2", Soon()));
  ExpectRuns(before);
}

TEST_F(CopiedRoot, MovedWhileAPodRuns_StillHasIt) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus before = StatusOf("web");
  const ProcessIdentity vm = *IdentifyProcess(before.vm_pid);
  fs::rename(directory_ / "root", directory_ / "moved");
  {
    Runtime moved = OpenAt(directory_ / "moved");
    EXPECT_EQ(moved.PodStatus("web")->state, PodState::kRunning);
    EXPECT_EQ(moved.PodStatus("web")->vm_pid, before.vm_pid);
    EXPECT_OK(moved.StopPod("web", milliseconds(0), Soon()));
    EXPECT_FALSE(IsAlive(vm));
    EXPECT_EQ(moved.PodStatus("web")->state, PodState::kStopped);
    EXPECT_OK(moved.StartPod("web", Soon()));
    EXPECT_OK(moved.StopPod("web", milliseconds(0), Soon()));
  }
  fs::rename(directory_ / "moved", directory_ / "root");
}

TEST_F(CopiedRoot, AJournalThatNamesAStranger_DoesNotGetItKilled) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  const Stranger stranger;
  const auto name_it = [&] {
    const auto journal = Journal::Open(Paths("web").journal());
    ASSERT_OK(journal);
    ASSERT_OK((*journal)->Begin(EffectKind::kProcess, "vmm"));
    (*journal)->Done(EffectKind::kProcess, "vmm", stranger.identity());
  };
  name_it();
  EXPECT_OK(runtime_.CollectGarbage({}, Soon()));
  name_it();
  EXPECT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  name_it();
  EXPECT_OK(runtime_.UpdateContainer("web", "a", {}, Soon()));
  name_it();
  EXPECT_OK(runtime_.DeletePod("web", Soon()));
}

TEST_F(CopiedRoot, AStateThatNamesStrangers_DoesNotGetThemKilled) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  const Stranger vm, helper, monitor;
  const PodFiles files(Paths("web"));
  const auto name_them = [&](const std::string& mark) {
    PodRecord record = *files.LoadRecord();
    record.state = PodState::kRunning;
    record.vm.emplace().info.process = vm.identity();
    record.vm->mark = mark;
    record.attachments = {{"share", {{"virtiofsd", helper.identity()}}, {}, {}}};
    record.monitor = monitor.identity();
    ASSERT_OK(files.SaveRecord(record));
  };
  // Also one that says that they are this pod's.
  for (const std::string& mark : {std::string(), Paths("web").mark}) {
    name_them(mark);
    EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
    EXPECT_EQ(StatusOf("web").reason, "the VM is gone, and so is its monitor");
    EXPECT_OK(runtime_.CollectGarbage({}, Soon()));
    name_them(mark);
    EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
    name_them(mark);
    EXPECT_EQ(runtime_.RestoreMonitor("web", Soon()).value(), true);
    name_them(mark);
    EXPECT_OK(runtime_.StartPod("web", Soon()));
    EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  }
  name_them("");
  EXPECT_OK(runtime_.DeletePod("web", Soon()));
}

TEST_F(CopiedRoot, AJournalThatNamesDirectories_DoesNotGetThemRemoved) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  const std::string name = fs::path(Paths("web").run_dir).filename();
  fs::create_directory_symlink(directory_ / "outside", directory_ / "link");
  std::vector<std::string> kept = {directory_ / "outside/data", directory_ / "outside" + "/" + name};
  for (const std::string& directory : kept) fs::create_directories(directory);
  {
    const auto journal = Journal::Open(Paths("web").journal());
    ASSERT_OK(journal);
    for (const std::string& what :
         {kept[0], directory_ / "link/" + name, directory_ / "outside/../outside/data", name}) {
      ASSERT_OK((*journal)->Begin(EffectKind::kDirectory, what));
    }
  }
  EXPECT_OK(runtime_.DeletePod("web", Soon()));
  for (const std::string& directory : kept) EXPECT_TRUE(IsDirectory(directory)) << directory;
}

}  // namespace
}  // namespace virtcontainers
