// VMs that die, each cause with its monitor alive and dying as well: the pod is stopped and says why, whoever
// waits is answered, nothing is left, and it can be started again.

#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <set>

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

constexpr char kWithoutMonitor[] = "the VM is gone, and so is its monitor";

Deadline Soon() { return Deadline::After(seconds(120)); }

// The one pod of the suite is started again after each death, which is part of what is tested.
class VmDeath : public SharedPodTest<VmDeath>, public testing::WithParamInterface<bool> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("c", {"sleep", "1000"}), host.Container("attached", {"cat"})};
    pod.containers[1].output = ContainerOutput::kAttach;
    return pod;
  }

 protected:
  void SetUp() override {
    SharedPodTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (StatusOf(kPod).state == PodState::kRunning) return;
    ASSERT_OK(runtime().StartPod(kPod));
  }

  static void Kill(pid_t pid, int signal = SIGKILL) {
    ASSERT_GT(pid, 1);
    ASSERT_EQ(::kill(pid, signal), 0);
  }

  std::vector<pid_t> ProcessesCalled(const std::string& name) const {
    std::vector<pid_t> pids;
    for (const std::string& line : host_->ProcessesLeft()) {
      if (line.find(name) != std::string::npos) pids.push_back(std::atoi(line.c_str()));
    }
    return pids;
  }

  // A command in the guest's own root. It works a second later, when the monitor may be gone.
  void InGuest(const std::string& script) {
    ProcessConfig command = Shell("sleep 1; " + script);
    command.capabilities.emplace().bounding = {"CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"};
    command.capabilities->effective = command.capabilities->permitted = command.capabilities->bounding;
    ASSERT_OK(runtime().EnterPod(kPod, command));
  }

  // Lets the VM die, with its monitor if the parameter says so.
  void Die(const std::function<void()>& cause, const testing::Matcher<std::string>& reason);

  template <typename T>
  void ExpectAnswered(const Result<T>& answer, Code code) {
    if (!answer) {
      EXPECT_EQ(answer.error().code(), code) << Explain(answer);
      EXPECT_EQ(answer.error().reason(), Reason::kVmDied) << Explain(answer);
    } else {
      EXPECT_TRUE(processes_end_first_) << "who waited was told of an end that nobody saw";
    }
  }

  // Every line of every mount namespace that names this test's directory.
  std::set<std::string> Mounts() const {
    std::set<std::string> found;
    for (const auto& process : fs::directory_iterator("/proc")) {
      std::ifstream mounts(process.path() / "mountinfo");
      for (std::string line; std::getline(mounts, line);) {
        if (line.find(dir()) != std::string::npos) found.insert(line);
      }
    }
    return found;
  }

  // What is in the guest ends by itself before its VM does.
  bool processes_end_first_ = false;
};

void VmDeath::Die(const std::function<void()>& cause, const testing::Matcher<std::string>& reason) {
  const bool monitor_dies = GetParam();
  const PodStatus before = StatusOf(kPod);
  auto events = runtime().Events();
  ASSERT_OK(events);

  const auto attached = runtime().AttachContainer(kPod, "attached");
  ASSERT_OK(attached);
  const auto entered = runtime().EnterContainer(kPod, "c", Command({"sleep", "1000"}));
  ASSERT_OK(entered);
  const auto asynchronously = [](auto wait) { return std::async(std::launch::async, wait); };
  const auto read = [](Process& process) {
    char byte;
    return process.ReadStdout({&byte, 1}, Soon());
  };
  auto wait_container = asynchronously([&] { return runtime().WaitContainer(kPod, "c", Soon()); });
  auto wait_process = asynchronously([&] { return (*entered)->Wait(Soon()); });
  auto wait_attached = asynchronously([&] { return (*attached)->Wait(Soon()); });
  auto read_process = asynchronously([&] { return read(**entered); });
  auto read_attached = asynchronously([&] { return read(**attached); });

  cause();
  if (HasFatalFailure()) return;
  if (monitor_dies) Kill(before.monitor_pid);

  ExpectAnswered(wait_container.get(), Code::kAborted);
  ExpectAnswered(wait_process.get(), Code::kUnavailable);
  ExpectAnswered(wait_attached.get(), Code::kUnavailable);
  ExpectAnswered(read_process.get(), Code::kUnavailable);
  ExpectAnswered(read_attached.get(), Code::kUnavailable);

  // The next call on the pod finds what is left of it, if nobody else has.
  EXPECT_OK(runtime().RestoreMonitor(kPod, Soon()));
  // One that took over just before the VM ended has yet to say why it did.
  EXPECT_TRUE(Eventually([&] {
    const PodStatus now = StatusOf(kPod);
    return now.monitor_pid == 0 && now.reason != "the VM has ended";
  }));
  const PodStatus after = StatusOf(kPod);
  EXPECT_EQ(after.state, PodState::kStopped);
  EXPECT_EQ(after.vm_pid, 0);
  EXPECT_TRUE(after.finished);
  if (monitor_dies) {
    EXPECT_THAT(after.reason, AnyOf(reason, HasSubstr(kWithoutMonitor)));
  } else {
    EXPECT_THAT(after.reason, reason);
  }
  for (const ContainerStatus& container : after.containers) {
    EXPECT_EQ(container.state, ContainerState::kStopped) << container.id;
    EXPECT_TRUE(processes_end_first_ || !container.exit) << container.id << ": nobody saw its end";
    EXPECT_TRUE(container.exit || !container.reason.empty()) << container.id << ": nobody says how it ended";
  }
  EXPECT_TRUE(Eventually([&] { return host_->ProcessesLeft().empty(); }))
      << testing::PrintToString(host_->ProcessesLeft());
  EXPECT_TRUE(fs::is_empty(run()));
  EXPECT_THAT(Mounts(), IsEmpty());
  std::string told;
  while (told.empty()) {
    const auto event = (*events)->Next(Soon());
    ASSERT_OK(event);
    ASSERT_TRUE(*event) << "no event tells of it";
    if ((*event)->type == EventType::kPodStopped) told = (*event)->reason;
  }
  EXPECT_EQ(told, after.reason);

  ASSERT_OK(runtime().StartPod(kPod));
  EXPECT_EQ(StatusOf(kPod).reason, "");
  EXPECT_EQ(Enter("c", Command({"echo", "again"})).out, "again\n");
}

TEST_P(VmDeath, Qemu_Killed_StopsPodWithReason) {
  const pid_t vm = StatusOf(kPod).vm_pid;
  Die([&] { Kill(vm); },
      AnyOf(HasSubstr("killed by signal 9"), HasSubstr("killed or failed, its status went to another")));
}

TEST_P(VmDeath, Guest_Panics_StopsPodWithReason) {
  Die([&] { InGuest("echo c > /proc/sysrq-trigger"); },
      AllOf(HasSubstr("Kernel panic - not syncing"), HasSubstr("sysrq triggered crash")));
}

// What fills memory cannot be killed for it: in the end the kernel has no process left that can.
TEST_P(VmDeath, Guest_OutOfMemory_StopsPodWithReason) {
  processes_end_first_ = true;
  Die(
      [&] {
        InGuest(
            "echo -1000 > /proc/self/oom_score_adj; mkdir /run/full; "
            "mount -t tmpfs -o size=200% full /run/full; exec cat /dev/zero > /run/full/file");
      },
      HasSubstr("memory"));
}

// The host's kernel kills QEMU when its memory cgroup is full.
TEST_P(VmDeath, Host_OutOfMemory_StopsPodWithReason) {
  const fs::path cgroup = "/sys/fs/cgroup/memory/virtcontainers-vm-death";
  std::error_code error;
  if (!fs::exists("/sys/fs/cgroup/memory/memory.limit_in_bytes")) {
    GTEST_SKIP() << "the host has no memory cgroups (v1) at /sys/fs/cgroup/memory";
  }
  ASSERT_TRUE(fs::create_directory(cgroup, error)) << error.message();
  WriteTo(cgroup / "memory.limit_in_bytes", std::to_string(16 << 20));
  const pid_t vm = StatusOf(kPod).vm_pid;
  Die(
      [&] {
        WriteTo(cgroup / "cgroup.procs", std::to_string(vm));
        InGuest(
            "mkdir -p /run/some; mount -t tmpfs some /run/some; head -c 90000000 /dev/zero > /run/some/file");
      },
      AnyOf(HasSubstr("killed by signal 9"), HasSubstr("killed or failed, its status went to another")));
  EXPECT_TRUE(Eventually([&] { return fs::remove(cgroup, error); })) << error.message();
}

TEST_P(VmDeath, Virtiofsd_EachProcessKilled_StopsPodWithReason) {
  const std::vector<pid_t> all = ProcessesCalled("virtiofsd");
  ASSERT_FALSE(all.empty());
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE("process " + std::to_string(i + 1) + " of " + std::to_string(all.size()));
    const std::vector<pid_t> now = ProcessesCalled("virtiofsd");
    ASSERT_EQ(now.size(), all.size());
    Die([&] { Kill(now[i]); }, HasSubstr("virtiofsd"));
    if (HasFatalFailure()) return;
  }
}

// `gc`, `stop` and `delete` on a copy of the root directory killed the VM.
TEST_P(VmDeath, Vm_CallsOnCopyOfRoot_LeaveItRunning) {
  const PodStatus before = StatusOf(kPod);
  if (GetParam()) Kill(before.monitor_pid);
  RuntimeOptions options = runtime().options();
  options.root = dir() + "/copy";
  fs::copy(root(), options.root, fs::copy_options::recursive);
  auto copy = Runtime::Open(options);
  ASSERT_OK(copy);
  const auto status = copy->PodStatus(kPod);
  ASSERT_OK(status);
  EXPECT_EQ(status->state, PodState::kStopped);
  EXPECT_EQ(status->reason, "it ran under root directory '" + root() + "', of which this one is a copy");
  EXPECT_OK(copy->CollectGarbage());
  EXPECT_OK(copy->StopPod(kPod));
  EXPECT_OK(copy->DeletePod(kPod));
  fs::remove_all(options.root);
  EXPECT_EQ(StatusOf(kPod).vm_pid, before.vm_pid);
  EXPECT_EQ(Enter("c", Command({"echo", "alive"})).out, "alive\n");
}

// A pod without a state that can be read could neither be stopped nor deleted, and its VM was in nobody's
// reach.
TEST_P(VmDeath, StopPod_StateIsDamaged_EndsVm) {
  const PodStatus before = StatusOf(kPod);
  const std::string file = root() + "/pods/" + kPod + "/state.json", content = FileContent(file);
  if (GetParam()) Kill(before.monitor_pid);
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(StatusOf(kPod).state, PodState::kRunning);
  EXPECT_THAT(StatusOf(kPod).reason, HasSubstr("state.json' is a fifo and not a regular file"));
  EXPECT_FAILS(runtime().DeletePod(kPod), Code::kFailedPrecondition, "is running: stop it first");
  EXPECT_OK(runtime().CollectGarbage());
  EXPECT_FALSE(ProcessesCalled("qemu").empty()) << "what may run is no garbage";
  EXPECT_OK(runtime().StopPod(kPod, milliseconds(100)));
  EXPECT_TRUE(Eventually([&] { return host_->ProcessesLeft().empty(); }))
      << testing::PrintToString(host_->ProcessesLeft());
  EXPECT_TRUE(fs::is_empty(run()));
  EXPECT_THAT(Mounts(), IsEmpty());
  EXPECT_EQ(StatusOf(kPod).state, PodState::kStopped);
  // For the tests to come.
  fs::remove(file);
  WriteTo(file, content);
}

INSTANTIATE_TEST_SUITE_P(, VmDeath, testing::Bool(), [](const auto& parameter) {
  return std::string(parameter.param ? "AndItsMonitor" : "Alone");
});

class HungVm : public PodTest {};

// A guest that stands still is not dead: calls come back when their time is up, and it can be stopped.
TEST_F(HungVm, Calls_VmHangs_ReturnAtTheirDeadline) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c")})));
  ASSERT_OK(runtime().StartPod("p"));
  const pid_t vm = StatusOf("p").vm_pid;
  ASSERT_EQ(::kill(vm, SIGSTOP), 0);
  EXPECT_FAILS(runtime().EnterContainer("p", "c", Command({"true"}), Deadline::After(seconds(2))),
               Code::kDeadlineExceeded, "");
  EXPECT_FAILS(runtime().WaitContainer("p", "c", Deadline::After(milliseconds(500))), Code::kDeadlineExceeded,
               "");
  EXPECT_EQ(StatusOf("p").state, PodState::kRunning);
  ASSERT_OK(runtime().ListPod());

  ASSERT_EQ(::kill(vm, SIGCONT), 0);
  EXPECT_EQ(Finish(runtime().EnterContainer("p", "c", Command({"echo", "awake"}))).out, "awake\n");

  auto waiting = std::async(std::launch::async, [&] { return runtime().WaitContainer("p", "c", Soon()); });
  ASSERT_EQ(::kill(vm, SIGSTOP), 0);
  EXPECT_OK(runtime().StopPod("p", milliseconds(100)));
  EXPECT_EQ(StatusOf("p").state, PodState::kStopped);
  EXPECT_FAILS(waiting.get(), Code::kAborted, "its pod was stopped");
  EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); })) << testing::PrintToString(ProcessesLeft());
  EXPECT_TRUE(fs::is_empty(run()));
  ASSERT_OK(runtime().StartPod("p"));
  EXPECT_EQ(Finish(runtime().EnterContainer("p", "c", Command({"echo", "again"}))).out, "again\n");
}

}  // namespace
}  // namespace virtcontainers::test
