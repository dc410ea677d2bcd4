// What goes wrong: each is an error that names the value and the way out, nothing is created by it, and
// nothing lost.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

// Whether a process runs: one that nobody has collected yet has no command line any more.
bool Runs(pid_t pid) { return !FileContent("/proc/" + std::to_string(pid) + "/cmdline").empty(); }

std::string GuestFile(const std::string& name) {
  const char* guest = std::getenv("VIRTCONTAINERS_GUEST");
  return std::string(guest == nullptr ? "" : guest) + "/" + name;
}

// Every file below `dir`, with its size: what a call that changes nothing leaves as it is.
std::vector<std::string> Tree(const std::string& dir) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    files.push_back(entry.path().string() +
                    (entry.is_regular_file() ? " " + std::to_string(entry.file_size()) : ""));
  }
  std::sort(files.begin(), files.end());
  return files;
}

class FailureTest : public PodTest {
 protected:
  // A start that fails leaves the pod as it was, and nothing that runs.
  void ExpectAsBefore(const std::string& pod, PodState state = PodState::kReady) {
    const PodStatus status = StatusOf(pod);
    EXPECT_EQ(status.state, state);
    EXPECT_EQ(status.vm_pid, 0);
    EXPECT_EQ(status.monitor_pid, 0);
    for (const ContainerStatus& container : status.containers) {
      EXPECT_EQ(ContainerStateName(container.state), PodStateName(state)) << container.id;
    }
    EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); }))
        << testing::PrintToString(ProcessesLeft());
    EXPECT_TRUE(!fs::exists(run()) || fs::is_empty(run()));
  }

  // virtc refuses, says why in a line, and nothing is there that was not before.
  void ExpectRefused(const std::vector<std::string>& args, const std::string& why) {
    const std::vector<std::string> before = Tree(dir());
    const Finished refused = Virtc(args);
    EXPECT_EQ(refused.code, 125) << testing::PrintToString(args).substr(0, 500);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, HasSubstr(why));
    EXPECT_LT(refused.err.size(), 1000u) << "a line for a person";
    EXPECT_EQ(Tree(dir()), before) << testing::PrintToString(args).substr(0, 500);
  }
};

// ---- L: a guest that fails to boot is not noticed

class OriginalDefectL : public FailureTest {
 protected:
  // Starts the pod, which fails, long before its time is up.
  std::string WhyNot(const PodConfig& config, Reason reason = Reason::kGuestDidNotBoot) {
    EXPECT_OK(runtime().CreatePod(config));
    const virtcontainers::Status started = runtime().StartPod(config.id, Deadline::After(seconds(300)));
    EXPECT_FALSE(started);
    if (started) return "";
    EXPECT_THAT(started.error().ToString(), Not(HasSubstr("in time")));
    EXPECT_EQ(started.error().reason(), reason) << started.error().ToString();
    ExpectAsBefore(config.id);
    return started.error().ToString();
  }
};

TEST_F(OriginalDefectL, StartPod_InitIsMissing_FailsWithConsole) {
  PodConfig config = Pod("p", {Container("c")});
  config.hypervisor.kernel_parameters = {"rdinit=/nonexistent"};
  EXPECT_THAT(WhyNot(config),
              AllOf(HasSubstr("start pod 'p': the guest did not come up"), HasSubstr("no init"),
                    HasSubstr("Kernel panic"), HasSubstr("console's last lines:\n")));
  EXPECT_THAT(FileContent(StatusOf("p").console), HasSubstr("Kernel panic")) << "all of it is kept";
}

TEST_F(OriginalDefectL, StartPod_InitramfsHasNoAgent_FailsWithConsole) {
  const Finished packed =
      RunOnHost({"sh", "-c", "cd \"$1\" && mkdir empty && cd empty && : | cpio -o -H newc >../no-agent.cpio",
                 "sh", dir()});
  if (packed.code != 0) GTEST_SKIP() << "cpio: " << packed.err;
  PodConfig config = Pod("p");
  config.hypervisor.initrd = dir() + "/no-agent.cpio";
  EXPECT_THAT(WhyNot(config), AllOf(HasSubstr("no init"), HasSubstr("Kernel panic")));
}

TEST_F(OriginalDefectL, StartPod_KernelIsBroken_FailsAndNamesIt) {
  PodConfig config = Pod("p");
  config.hypervisor.kernel = dir() + "/text";
  WriteTo(config.hypervisor.kernel, "no kernel\n");
  EXPECT_THAT(WhyNot(config, Reason::kNone), AllOf(HasSubstr(dir() + "/text'"), HasSubstr("kernel")));

  config.id = "cut";
  config.hypervisor.kernel = dir() + "/cut";
  WriteTo(config.hypervisor.kernel, FileContent(GuestFile("vmlinux")).substr(0, 4 << 20));
  EXPECT_THAT(WhyNot(config, Reason::kNone), AllOf(HasSubstr(dir() + "/cut'"), HasSubstr("kernel")));
}

// ---- what is killed

TEST_F(FailureTest, Pod_VmOrMonitorIsKilled_StopsOrGoesOn) {
  ASSERT_OK(runtime().CreatePod(
      Pod("p", {Container("logged"), Container("heard", {"sh", "-c", "exec sleep 1000"})})));
  ASSERT_OK(runtime().StartPod("p"));
  PodStatus pod = StatusOf("p");

  // Those who wait are answered.
  const auto process = runtime().AttachContainer("p", "logged");
  ASSERT_OK(process);
  const auto entered = runtime().EnterContainer("p", "heard", Command({"sleep", "1000"}));
  ASSERT_OK(entered);
  const auto wait = [](Process& of) { return of.Wait(Deadline::After(seconds(60))); };
  auto waiter = std::async(std::launch::async, [&] { return wait(**process); });
  auto other = std::async(std::launch::async, [&] { return wait(**entered); });
  auto reader = std::async(std::launch::async, [&] {
    char byte;
    return (*entered)->ReadStdout({&byte, 1}, Deadline::After(seconds(60)));
  });

  ASSERT_EQ(::kill(pod.vm_pid, SIGKILL), 0);
  EXPECT_FAILS(waiter.get(), Code::kUnavailable, "");
  EXPECT_FAILS(other.get(), Code::kUnavailable, "");
  EXPECT_FAILS(reader.get(), Code::kUnavailable, "");
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").monitor_pid == 0 && !Runs(pod.monitor_pid); }));
  PodStatus killed = StatusOf("p");
  EXPECT_EQ(killed.state, PodState::kStopped);
  EXPECT_THAT(killed.reason, HasSubstr("killed by signal 9"));
  for (const ContainerStatus& container : killed.containers) {
    EXPECT_EQ(container.state, ContainerState::kStopped);
    EXPECT_FALSE(container.exit) << "nobody saw its end";
    EXPECT_THAT(container.reason, Not(IsEmpty()));
  }
  EXPECT_THAT(Virtc({"pod", "status", "p"}).out, HasSubstr("killed by signal 9"));
  EXPECT_FAILS(runtime().EnterContainer("p", "heard", Command({"true"})), Code::kFailedPrecondition,
               "pod 'p' is stopped: start it first");
  EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); })) << testing::PrintToString(ProcessesLeft());
  EXPECT_TRUE(fs::is_empty(run()));
  EXPECT_OK(runtime().StopPod("p"));

  // Started again; and now the monitor.
  ASSERT_OK(runtime().StartPod("p"));
  pod = StatusOf("p");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_EQ(pod.reason, "");
  const auto orphan = runtime().AttachContainer("p", "logged");
  ASSERT_OK(orphan);
  auto left_alone = std::async(std::launch::async, [&] { return wait(**orphan); });
  ASSERT_EQ(::kill(pod.monitor_pid, SIGKILL), 0);
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").monitor_pid != pod.monitor_pid; }))
      << "who waits has it replaced";
  EXPECT_EQ(StatusOf("p").vm_pid, pod.vm_pid);
  EXPECT_EQ(Finish(runtime().EnterContainer("p", "heard", Command({"echo", "still here"}))).out,
            "still here\n");
  EXPECT_FAILS(runtime().DeletePod("p"), Code::kFailedPrecondition, "stop it first");
  EXPECT_FAILS(runtime().StartPod("p"), Code::kFailedPrecondition, "stop it first");
  ASSERT_OK(runtime().StopPod("p"));
  EXPECT_OK(left_alone.get());
  EXPECT_EQ(StatusOf("p").state, PodState::kStopped);
  EXPECT_FALSE(Runs(pod.vm_pid));
  EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); })) << testing::PrintToString(ProcessesLeft());
  EXPECT_TRUE(fs::is_empty(run()));

  ASSERT_OK(runtime().StartPod("p"));
  EXPECT_EQ(Finish(runtime().EnterContainer("p", "heard", Command({"echo", "as new"}))).out, "as new\n");

  // Both at once.
  pod = StatusOf("p");
  ::kill(pod.monitor_pid, SIGKILL);
  ::kill(pod.vm_pid, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").state == PodState::kStopped; }));
  EXPECT_THAT(StatusOf("p").reason, Not(IsEmpty()));
  EXPECT_OK(runtime().DeletePod("p"));
  EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); })) << testing::PrintToString(ProcessesLeft());
  EXPECT_TRUE(fs::is_empty(run()));
}

TEST_F(FailureTest, Pod_GuestPowersOff_Stops) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c")})));
  ASSERT_OK(runtime().StartPod("p"));
  ProcessConfig poweroff = Command({"poweroff", "-f"});
  poweroff.capabilities.emplace().effective = {"CAP_SYS_BOOT"};
  poweroff.capabilities->permitted = poweroff.capabilities->bounding = poweroff.capabilities->effective;
  (void)Finish(runtime().EnterPod("p", poweroff));
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").state == PodState::kStopped; }));
  EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); })) << testing::PrintToString(ProcessesLeft());
  EXPECT_THAT(StatusOf("p").reason, HasSubstr("powered off"));
  EXPECT_EQ(StatusOf("p", "c").state, ContainerState::kStopped);
}

// ---- what is missing

TEST_F(FailureTest, StartPod_ProgramOrImageIsMissing_FailsAndNamesIt) {
  PodConfig config = Pod("p", {Container("c")});
  const std::string nowhere = dir() + "/nowhere";
  for (std::string HypervisorConfig::*field :
       {&HypervisorConfig::path, &HypervisorConfig::firmware, &HypervisorConfig::kernel,
        &HypervisorConfig::initrd, &HypervisorConfig::virtiofsd}) {
    config.hypervisor = {};
    config.hypervisor.*field = nowhere;
    EXPECT_FAILS(runtime().CreatePod(config), Code::kNotFound, "'" + nowhere + "' does not exist");
    EXPECT_FAILS(runtime().PodStatus("p"), Code::kNotFound, "no pod 'p'");

    // There when the pod was created, and gone since.
    WriteTo(nowhere, "");
    fs::permissions(nowhere, fs::perms(0755));
    ASSERT_OK(runtime().CreatePod(config));
    fs::remove(nowhere);
    const virtcontainers::Status started = runtime().StartPod("p");
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().ToString(), HasSubstr("'" + nowhere + "'"));
    ExpectAsBefore("p");
    EXPECT_EQ(Virtc({"pod", "start", "p"}).code, 125);
    ASSERT_OK(runtime().DeletePod("p"));
  }

  // There, and something else.
  for (std::string HypervisorConfig::*field : {&HypervisorConfig::path, &HypervisorConfig::virtiofsd}) {
    config.hypervisor = {};
    config.hypervisor.*field = "/bin/false";
    ASSERT_OK(runtime().CreatePod(config));
    const virtcontainers::Status started = runtime().StartPod("p");
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().ToString(), HasSubstr("false"));
    ExpectAsBefore("p");
    ASSERT_OK(runtime().DeletePod("p"));
  }
  config.hypervisor = {};

  // The guest image, and the monitor.
  ASSERT_OK(runtime().CreatePod(config));
  RuntimeOptions options = runtime().options();
  options.guest = nowhere;
  auto without_guest = Runtime::Open(options);
  ASSERT_OK(without_guest);
  EXPECT_FAILS(without_guest->StartPod("p"), Code::kNotFound, "'" + nowhere + "/vmlinux' does not exist");
  EXPECT_FAILS(without_guest->StartPod("p"), Code::kNotFound, "make guest");
  ExpectAsBefore("p");
  options = runtime().options();
  options.monitor = nowhere;
  auto without_monitor = Runtime::Open(options);
  ASSERT_OK(without_monitor);
  EXPECT_FAILS(without_monitor->StartPod("p"), Code::kNotFound, "'" + nowhere + "' does not exist");
  ExpectAsBefore("p");
  options.monitor = "/bin/true";
  auto wrong_monitor = Runtime::Open(options);
  ASSERT_OK(wrong_monitor);
  EXPECT_FAILS(wrong_monitor->StartPod("p"), Code::kAborted, "'/bin/true' ended without an outcome");
  ExpectAsBefore("p");

  // QEMU, from a $PATH that has none.
  auto environment = host_->VirtcEnvironment();
  environment["PATH"] = dir();
  const Finished started = RunOnHost(host_->VirtcArguments({"pod", "start", "p"}), environment);
  EXPECT_EQ(started.code, 125);
  EXPECT_THAT(started.err, HasSubstr("qemu-system-x86_64"));
  ExpectAsBefore("p");
}

TEST_F(FailureTest, StartPod_CommandCannotRun_FailsAndNamesContainer) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("good"), Container("bad", {"nonesuch"})})));
  EXPECT_FAILS(runtime().StartPod("p"), Code::kNotFound, "container 'bad'");
  ExpectAsBefore("p");

  ASSERT_OK(runtime().DeleteContainer("p", "bad"));
  ASSERT_OK(runtime().StartPod("p"));  // without it, it runs
  EXPECT_EQ(StatusOf("p", "good").state, ContainerState::kRunning);
}

TEST_F(FailureTest, CreateOrStartPod_RootfsIsWrongOrGone_FailsAndNamesIt) {
  ContainerConfig container = Container("c");
  const std::string rootfs = container.rootfs;
  container.rootfs = dir() + "/none";
  EXPECT_FAILS(runtime().CreatePod(Pod("p", {container})), Code::kNotFound,
               "'" + dir() + "/none' does not exist");
  container.rootfs = rootfs + "/etc/passwd";
  EXPECT_FAILS(runtime().CreatePod(Pod("p", {container})), Code::kInvalidArgument, "is not a directory");
  container.rootfs = "relative/path";
  EXPECT_FAILS(runtime().CreatePod(Pod("p", {container})), Code::kInvalidArgument, "is not an absolute path");
  container.rootfs = "";
  EXPECT_FAILS(runtime().CreatePod(Pod("p", {container})), Code::kInvalidArgument, "needs a rootfs");
  EXPECT_FAILS(runtime().PodStatus("p"), Code::kNotFound, "no pod 'p'");
  ExpectRefused({"pod", "create", "p", "--rootfs", dir() + "/none", "--", "true"},
                "'" + dir() + "/none' does not exist");
  ExpectRefused({"run", "--rm", "--rootfs", rootfs + "/etc/passwd", "--", "true"}, "is not a directory");

  // Removed after the pod was created.
  container.rootfs = rootfs;
  ASSERT_OK(runtime().CreatePod(Pod("p", {container})));
  fs::rename(rootfs, rootfs + ".away");
  const virtcontainers::Status started = runtime().StartPod("p");
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().ToString(), AllOf(HasSubstr("'c'"), HasSubstr("'" + rootfs + "'")));
  ExpectAsBefore("p");
  fs::rename(rootfs + ".away", rootfs);
}

// ---- long paths

TEST_F(FailureTest, Root_WithLongPath_Works) {
  RuntimeOptions options = runtime().options();
  const std::string deep = dir() + "/" + std::string(120, 'd') + "/" + std::string(120, 'e');
  options.root = deep + "/root";
  options.run = deep + "/run";
  auto far = Runtime::Open(options);
  ASSERT_OK(far);
  const std::string id(64, 'i');  // as long as an id may be
  ASSERT_OK(far->CreatePod(Pod(id, {Container("c")})));
  ASSERT_OK(far->StartPod(id));
  EXPECT_EQ(Finish(far->EnterContainer(id, "c", Command({"echo", "far away"}))).out, "far away\n");
  const auto status = far->PodStatus(id);
  ASSERT_OK(status);
  EXPECT_TRUE(fs::exists(status->console));
  EXPECT_OK(far->StopPod(id, milliseconds(0)));
  EXPECT_OK(far->DeletePod(id));
  EXPECT_TRUE(fs::is_empty(options.run));
  fs::remove_all(dir() + "/" + std::string(120, 'd'));
}

TEST_F(FailureTest, Open_RootCannotBeWritten_Fails) {
  const auto open = [&](const std::string& root) {
    RuntimeOptions options = runtime().options();
    options.root = root;
    return Runtime::Open(options);
  };
  WriteTo(dir() + "/file", "");
  EXPECT_FAILS(open(dir() + "/file"), Code::kInvalidArgument, "/file");
  const auto in_proc = open("/proc/virtcontainers");
  ASSERT_FALSE(in_proc);
  EXPECT_THAT(in_proc.error().ToString(), HasSubstr("/proc/virtcontainers"));
  const Finished listed =
      RunOnHost({host_->VirtcArguments({})[0], "--root", "/proc/virtcontainers", "pod", "list"});
  EXPECT_EQ(listed.code, 125);
  EXPECT_THAT(listed.err, HasSubstr("/proc/virtcontainers"));
}

// ---- C, D, E: ids

TEST_F(FailureTest, OriginalDefectC_ThePodThatIsThereIsNotCreatedTwice) {
  PodConfig config = Pod("p", {Container("c")});
  ASSERT_OK(runtime().CreatePod(config));
  const std::vector<std::string> before = Tree(root());
  PodConfig second = config;
  second.containers.clear();
  EXPECT_FAILS(runtime().CreatePod(second), Code::kAlreadyExists, "'p'");
  EXPECT_FAILS(OpenAgain().CreatePod(config), Code::kAlreadyExists, "'p'");
  ExpectRefused({"pod", "create", "p"}, "'p'");
  EXPECT_EQ(Tree(root()), before);
  EXPECT_EQ(StatusOf("p").containers.size(), 1u) << "the first one holds";
  EXPECT_THAT(ProcessesLeft(), IsEmpty());
}

TEST_F(FailureTest, OriginalDefectD_AnIdNeverLeavesTheStateDirectory) {
  const std::string rootfs = MakeRootfs("c");
  ASSERT_OK(runtime().CreatePod(Pod("good", {})));
  EXPECT_FAILS(runtime().DeleteContainer("good", "c"), Code::kNotFound, "no container 'c'");
  const std::string ids[] = {"../../..",
                             "..",
                             ".",
                             "a/b",
                             "/etc",
                             "a b",
                             " ",
                             ".hidden",
                             "a\nb",
                             "a\tb",
                             "\xff\xfe",
                             "gr\u00fcn",
                             std::string(121, 'a'),
                             std::string(300, 'a'),
                             "a;b",
                             "$(id)",
                             "*",
                             "_x"};
  for (const std::string& id : ids) {
    SCOPED_TRACE("id '" + id.substr(0, 70) + "'");
    ExpectRefused({"pod", "create", "--id=" + id}, "is not valid: use 1 to 120 letters, digits");
    ExpectRefused({"pod", "create", "fine", "--container=" + id, "--rootfs", rootfs, "--", "true"},
                  "container id ");
    ExpectRefused({"run", "--id=" + id, "--rootfs", rootfs, "--", "true"}, "is not valid");
    const std::vector<std::string> before = Tree(dir());
    EXPECT_FAILS(runtime().PodStatus(id), Code::kInvalidArgument, "is not valid");
    EXPECT_FAILS(runtime().StartPod(id), Code::kInvalidArgument, "is not valid");
    EXPECT_FAILS(runtime().StopPod(id), Code::kInvalidArgument, "is not valid");
    EXPECT_FAILS(runtime().DeletePod(id), Code::kInvalidArgument, "is not valid");
    EXPECT_FAILS(runtime().EnterPod(id, Command({"true"})), Code::kInvalidArgument, "is not valid");
    EXPECT_FAILS(runtime().ContainerStatus("good", id), Code::kInvalidArgument, "is not valid");
    EXPECT_FAILS(runtime().DeleteContainer("good", id), Code::kInvalidArgument, "is not valid");
    EXPECT_EQ(Tree(dir()), before);
  }
  EXPECT_FAILS(runtime().CreatePod(Pod("")), Code::kInvalidArgument, "needs an id");
  ExpectRefused({"pod", "create"}, "no pod named");
  ExpectRefused({"pod", "create", "-x"}, "-x");
  ExpectRefused({"pod", "create", ""}, "");
  const auto pods = runtime().ListPod();
  ASSERT_OK(pods);
  EXPECT_EQ(pods->size(), 1u);
}

TEST_F(FailureTest, OriginalDefectE_ContainerIdsAreGivenOnceAndAReadyPodHasNothingToLeave) {
  const ContainerConfig container = Container("c");
  EXPECT_FAILS(runtime().CreatePod(Pod("p", {container, container})), Code::kAlreadyExists,
               "container id 'c' is there twice");
  EXPECT_FAILS(runtime().PodStatus("p"), Code::kNotFound, "no pod 'p'");
  ASSERT_OK(runtime().CreatePod(Pod("p", {container})));
  EXPECT_FAILS(runtime().CreateContainer("p", container), Code::kAlreadyExists,
               "container 'c' exists already");
  ExpectRefused({"container", "create", "p", "c", "--rootfs", container.rootfs, "--", "true"},
                "exists already");
  EXPECT_EQ(StatusOf("p").containers.size(), 1u);
  EXPECT_THAT(ProcessesLeft(), IsEmpty()) << "a pod that is ready has no VM";
  ASSERT_OK(runtime().DeletePod("p"));
  EXPECT_THAT(ProcessesLeft(), IsEmpty());
}

// ---- I, J, M: on a running pod, made by virtc

TEST_F(FailureTest, OriginalDefectsI_J_M_OnAPodThatRuns) {
  const std::string rootfs = MakeRootfs("c");
  // M: sizes are not ignored, and a command's words stay what they are.
  const Finished created = Virtc(
      {"pod", "create", "p", "--memory", "320M", "--cpus", "2", "--container", "c", "--rootfs", rootfs, "--",
       "sh", "-c", "printf '[%s]' \"$@\" >/words; exec sleep 1000", "sh", "two  spaces", "", "a 'quote'"});
  ASSERT_EQ(created.code, 0) << created.err;
  const Finished started = Virtc({"pod", "start", "p"});
  ASSERT_EQ(started.code, 0) << started.err;
  const PodStatus pod = StatusOf("p");
  EXPECT_EQ(pod.memory, Bytes::MiB(320)) << "M";
  EXPECT_EQ(pod.vcpus, 2u) << "M";
  EXPECT_EQ(Finish(runtime().EnterContainer("p", "c", Command({"nproc"}))).out, "2\n") << "M";
  const std::string memory =
      Finish(runtime().EnterContainer("p", "c", Shell("grep MemTotal /proc/meminfo"))).out;
  const long kib = std::atol(memory.c_str() + memory.find_first_of("0123456789"));
  EXPECT_GT(kib, 256 << 10) << "M: more than the default; " << memory;
  EXPECT_LE(kib, 320 << 10) << "M: " << memory;
  EXPECT_TRUE(Eventually([&] { return FileContent(rootfs + "/words") == "[two  spaces][][a 'quote']"; }))
      << "M: " << FileContent(rootfs + "/words");

  // I: what is not there has no status.
  EXPECT_FAILS(runtime().ContainerStatus("p", "nothing"), Code::kNotFound,
               "no container 'nothing' in pod 'p'");
  ExpectRefused({"container", "status", "p", "nothing"}, "no container 'nothing' in pod 'p'");
  ExpectRefused({"pod", "status", "nobody"}, "no pod 'nobody'");

  // J: to stop it twice is no error, and costs nothing.
  ASSERT_OK(runtime().StopPod("p", milliseconds(0)));
  EXPECT_OK(runtime().StopPod("p"));
  EXPECT_EQ(Virtc({"pod", "stop", "p"}).code, 0);
  const PodStatus stopped = StatusOf("p");
  EXPECT_EQ(stopped.state, PodState::kStopped) << "J";
  EXPECT_EQ(stopped.containers.size(), 1u) << "J";
  EXPECT_EQ(stopped.memory, Bytes::MiB(320)) << "J";
}

TEST_F(FailureTest, OriginalDefectM_SizesThatNoPodCanHaveAreRefused) {
  const std::pair<const char*, const char*> memory[] = {{"0", "'0'"},
                                                        {"0M", "at least 96 MiB"},
                                                        {"1M", "at least 96 MiB"},
                                                        {"95M", "at least 96 MiB"},
                                                        {"900000G", "more than this host's"},
                                                        {"99999999999999999999G", "99999999999999999999G"},
                                                        {"lots", "'lots'"},
                                                        {"-5M", "-5M"},
                                                        {"1.5.3G", "1.5.3G"},
                                                        {"256MM", "256MM"}};
  for (const auto& [size, why] : memory) {
    ExpectRefused({"pod", "create", "p", std::string("--memory=") + size}, why);
  }
  for (const auto& [count, why] : {std::pair("0", "1 to 255"),
                                   {"10000", "1 to 255"},
                                   {"256", "1 to 255"},
                                   {"99999999999", "99999999999"},
                                   {"two", "'two'"},
                                   {"-1", "-1"},
                                   {"1.5", "1.5"}}) {
    ExpectRefused({"pod", "create", "p", std::string("--cpus=") + count}, why);
  }
  PodConfig config = Pod("p");
  config.resources.memory = Bytes{(256 << 20) + 1};
  EXPECT_FAILS(runtime().CreatePod(config), Code::kInvalidArgument, "whole number of MiB");
  config.resources.memory = Bytes{~uint64_t{0}};
  EXPECT_FAILS(runtime().CreatePod(config), Code::kInvalidArgument, "");
  EXPECT_FAILS(runtime().PodStatus("p"), Code::kNotFound, "no pod 'p'");
}

// ---- bundles

TEST_F(FailureTest, PodCreate_BundleCannotBeRead_FailsAndLeavesNothing) {
  const std::string bundle = dir() + "/bundle";
  const auto refuse = [&](const std::string& why) {
    ExpectRefused({"pod", "create", "p", "--bundle", bundle}, why);
  };
  refuse("'" + bundle + "' is not a directory");
  fs::create_directory(bundle);
  refuse("config.json");
  const std::pair<std::string, const char*> texts[] = {
      {"", "config.json"},
      {"{", "config.json"},
      {"[]", "not an object"},
      {"{\"ociVersion\": 1}", "ociVersion"},
      {"{\"ociVersion\": \"1.0.2\"}", "'process' is missing"},
      {R"({"ociVersion": "9.0.0", "process": {"args": ["x"], "cwd": "/"}, "root": {"path": "."}})", "9.0.0"},
      {R"({"ociVersion": "1.0.2", "process": {"args": "x", "cwd": "/"}, "root": {"path": "."}})",
       "process.args"},
      {R"({"ociVersion": "1.0.2", "process": {"args": [], "cwd": "/"}, "root": {"path": "."}})", "process"},
      {R"({"ociVersion": "1.0.2", "process": {"args": ["x"], "cwd": "."}, "root": {"path": "."}})",
       "absolute"},
      {R"({"ociVersion": "1.0.2", "process": {"args": ["x"], "cwd": "/"}, "root": {"path": "none"}})",
       "none' does not exist"},
      {R"({"ociVersion": "1.0.2", "process": {"args": ["x"], "cwd": "/", "user": {"uid": -1}}, "root": {"path": "."}})",
       "process.user.uid"},
      {"{\"ociVersion\": \"1.0.2\", \"hostname\": \"\xff\"}", "config.json"},
      {std::string(500'000, '['), "deep"},
      {"{\"a\":" + std::string(500'000, '['), "deep"},
  };
  for (const auto& [text, why] : texts) {
    SCOPED_TRACE(text.substr(0, 100));
    WriteTo(bundle + "/config.json", text);
    refuse(why);
  }
  // 100 MB of it.
  std::string large(100 << 20, 'x');
  large.replace(0, 23, R"({"annotations": {"a": ")");
  WriteTo(bundle + "/config.json", large + R"("}})");
  refuse("config.json");
  fs::remove(bundle + "/config.json");
  fs::create_directory(bundle + "/config.json");
  refuse("config.json");
}

}  // namespace
}  // namespace virtcontainers::test
