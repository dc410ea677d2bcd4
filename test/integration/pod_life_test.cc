// A pod from its creation to its deletion, by this process and by others.

#include <sys/stat.h>

#include <filesystem>

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

template <typename T>
std::vector<std::string> Ids(const T& pods_or_containers) {
  std::vector<std::string> ids;
  for (const auto& entry : pods_or_containers) ids.push_back(entry.id);
  return ids;
}

// A first process without a handler does not see SIGTERM: this one ends by it, with 5.
constexpr char kServesUntilTerm[] =
    "trap 'exit 5' TERM; echo run >>/runs; echo hello; echo trouble >&2; "
    "sleep 1000 & wait";

class PodLife : public PodTest {
 protected:
  std::vector<std::string> Listed(PodFilter filter) {
    const auto pods = runtime().ListPod(filter);
    EXPECT_OK(pods);
    return pods ? Ids(*pods) : std::vector<std::string>();
  }

  // What a pod that does not run answers to every call that needs it to.
  void ExpectNeedsStart(const std::string& state) {
    const std::string words = "pod 'web' is " + state + ": start it first";
    EXPECT_FAILS(runtime().EnterPod("web", Command({"true"})), Code::kFailedPrecondition, words);
    EXPECT_FAILS(runtime().EnterContainer("web", "a", Command({"true"})), Code::kFailedPrecondition, words);
    EXPECT_FAILS(runtime().StartContainer("web", "a"), Code::kFailedPrecondition, words);
    EXPECT_FAILS(runtime().AttachContainer("web", "a"), Code::kFailedPrecondition, words);
  }
};

TEST_F(PodLife, Pod_WholeLifeAcrossProcesses_LeavesNothing) {
  PodConfig config = Pod("web", {Container("a", {"sh", "-c", kServesUntilTerm}),
                                 Container("b", {"sh", "-c", "echo no end of line | tr -d '\\n'; exit 3"})});
  config.annotations["purpose"] = "a test";

  // ---- ready: nothing runs
  ASSERT_OK(runtime().CreatePod(config));
  PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kReady);
  EXPECT_EQ(pod.vm_pid, 0);
  EXPECT_EQ(pod.monitor_pid, 0);
  EXPECT_TRUE(pod.created);
  EXPECT_FALSE(pod.started);
  EXPECT_EQ(pod.annotations, config.annotations);
  EXPECT_THAT(Ids(pod.containers), ElementsAre("a", "b"));
  EXPECT_EQ(StatusOf("web", "a").state, ContainerState::kReady);
  EXPECT_EQ(StatusOf("web", "b").rootfs, config.containers[1].rootfs);
  EXPECT_EQ(StatusOf("web", "b").args, config.containers[1].process.args);
  EXPECT_THAT(Listed(PodFilter::kAll), ElementsAre("web"));
  EXPECT_THAT(Listed(PodFilter::kRunning), IsEmpty());
  EXPECT_FAILS(runtime().StopPod("web"), Code::kFailedPrecondition, "pod 'web' is ready: start it first");
  ExpectNeedsStart("ready");
  EXPECT_THAT(ProcessesLeft(), IsEmpty());
  const std::string stored = FileContent(root() + "/pods/web/config.json");
  EXPECT_THAT(stored, Not(IsEmpty()));

  // A container is added and taken away again before anything runs.
  ASSERT_OK(runtime().CreateContainer("web", Container("later")));
  EXPECT_THAT(Ids(StatusOf("web").containers), ElementsAre("a", "b", "later"));
  ASSERT_OK(runtime().DeleteContainer("web", "later"));
  EXPECT_THAT(Ids(StatusOf("web").containers), ElementsAre("a", "b"));
  EXPECT_FAILS(runtime().ContainerStatus("web", "later"), Code::kNotFound, "no container 'later'");

  // ---- running
  ASSERT_OK(runtime().StartPod("web"));
  pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_TRUE(pod.started);
  EXPECT_THAT(Listed(PodFilter::kRunning), ElementsAre("web"));
  EXPECT_EQ(StatusOf("web", "a").state, ContainerState::kRunning);
  EXPECT_FAILS(runtime().StartPod("web"), Code::kFailedPrecondition, "pod 'web' is running: stop it first");
  EXPECT_FAILS(runtime().DeletePod("web"), Code::kFailedPrecondition, "pod 'web' is running: stop it first");
  EXPECT_EQ(StatusOf("web").vm_pid, pod.vm_pid);

  ContainerStatus ended = WaitUntilStopped("web", "b");
  ASSERT_TRUE(ended.exit);
  EXPECT_EQ(ended.exit->code, 3);
  EXPECT_EQ(ended.reason, "");
  ASSERT_TRUE(ended.created && ended.started && ended.finished);
  EXPECT_LE(*ended.created, *ended.started);
  EXPECT_LE(*ended.started, *ended.finished);
  EXPECT_EQ(StatusOf("web", "a").state, ContainerState::kRunning) << "the other one goes on";

  // The logs: lines as Kubernetes' runtimes write them, and what was written as it was.
  EXPECT_TRUE(Eventually([&] {
    const std::string log = FileContent(StatusOf("web", "a").log);
    return log.find(" stdout F hello\n") != std::string::npos &&
           log.find(" stderr F trouble\n") != std::string::npos;
  })) << FileContent(StatusOf("web", "a").log);
  EXPECT_THAT(FileContent(StatusOf("web", "b").log), HasSubstr(" stdout P no end of line\n"));
  Finished said = Virtc({"container", "logs", "web", "a"});
  EXPECT_EQ(said.out, "hello\n");
  EXPECT_EQ(said.err, "trouble\n");
  EXPECT_EQ(Virtc({"container", "logs", "web", "b"}).out, "no end of line");

  // ---- stopped
  ASSERT_OK(runtime().StopPod("web"));
  const PodStatus stopped = StatusOf("web");
  EXPECT_EQ(stopped.state, PodState::kStopped);
  EXPECT_EQ(stopped.reason, "");
  EXPECT_EQ(stopped.vm_pid, 0);
  EXPECT_EQ(stopped.monitor_pid, 0);
  EXPECT_TRUE(stopped.finished);
  ended = StatusOf("web", "a");
  EXPECT_EQ(ended.state, ContainerState::kStopped);
  ASSERT_TRUE(ended.exit) << "its end was seen";
  EXPECT_EQ(ended.exit->code, 5) << "it was asked to end, and did so by itself";
  EXPECT_EQ(StatusOf("web", "b").exit, ExitStatus{3}) << "what was known is still known";
  EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); })) << testing::PrintToString(ProcessesLeft());
  EXPECT_TRUE(fs::is_empty(run()));
  EXPECT_THAT(Listed(PodFilter::kAll), ElementsAre("web"));
  EXPECT_THAT(Listed(PodFilter::kRunning), IsEmpty());
  ExpectNeedsStart("stopped");
  EXPECT_EQ(FileContent(root() + "/pods/web/config.json"), stored) << "what was asked for never changes";
  EXPECT_EQ(FileContent(config.containers[0].rootfs + "/runs"), "run\n");

  // ---- and again, by a process that ends: the pod needs none of them
  const Finished started = Virtc({"pod", "start", "web"});
  ASSERT_EQ(started.code, 0) << started.err;
  pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_GT(*pod.started, *stopped.finished);
  EXPECT_EQ(pod.annotations, config.annotations);
  EXPECT_EQ(StatusOf("web", "a").state, ContainerState::kRunning);
  EXPECT_FALSE(StatusOf("web", "a").exit);
  EXPECT_TRUE(Eventually([&] { return FileContent(config.containers[0].rootfs + "/runs") == "run\nrun\n"; }));
  EXPECT_EQ(Finish(runtime().EnterContainer("web", "a", Shell("wc -l </runs; exit 9"))).code, 9);
  EXPECT_EQ(WaitUntilStopped("web", "b").exit, ExitStatus{3});

  const Finished stop = Virtc({"pod", "stop", "web", "--time", "30"});
  EXPECT_EQ(stop.code, 0) << stop.err;
  EXPECT_EQ(StatusOf("web", "a").exit, ExitStatus{5});

  // ---- gone, and nothing of the user's with it
  ASSERT_OK(runtime().DeletePod("web"));
  EXPECT_FAILS(runtime().PodStatus("web"), Code::kNotFound, "no pod 'web'");
  EXPECT_FAILS(runtime().DeletePod("web"), Code::kNotFound, "no pod 'web'");
  EXPECT_THAT(Listed(PodFilter::kAll), IsEmpty());
  EXPECT_FALSE(fs::exists(root() + "/pods/web"));
  for (const ContainerConfig& container : config.containers) {
    EXPECT_TRUE(fs::exists(container.rootfs + "/bin/busybox"));
  }
}

// ---- what a running pod is, and what can be done in it

class RunningPod : public SharedPodTest<RunningPod> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("a", {"sleep", "1000"}), host.Container("b", {"sleep", "1000"}),
                      host.Container("fixed", {"sleep", "1000"})};
    pod.containers[1].hostname = "bee";
    pod.containers[2].readonly_rootfs = true;
    for (const ContainerConfig& container : pod.containers) {
      WriteTo(container.rootfs + "/marker", "of " + container.id);
    }
    return pod;
  }

 protected:
  // A rootfs's path on the host.
  std::string Rootfs(const std::string& container) const { return dir() + "/rootfs/" + container; }

  std::string Said(const std::string& container, const std::string& script) {
    const Finished finished = Enter(container, Shell(script));
    EXPECT_EQ(finished.code, 0) << script << ": " << finished.err;
    return finished.out;
  }
};

TEST_F(RunningPod, PodStatus_Running_HasVersionsAndAccelerator) {
  const PodStatus pod = StatusOf(kPod);
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_EQ(pod.hypervisor, "qemu");
  EXPECT_THAT(pod.hypervisor_version, testing::MatchesRegex("[0-9]+\\.[0-9]+.*"));
  EXPECT_EQ(pod.machine, "q35");
  EXPECT_THAT(pod.accelerator, AnyOf("kvm", "tcg"));
  EXPECT_THAT(pod.accelerator_reason, HasSubstr("kvm"));
  EXPECT_THAT(pod.sandbox, testing::StartsWith("user "));
  EXPECT_EQ(pod.agent, "kata");
  EXPECT_THAT(pod.agent_version, Not(IsEmpty()));
  EXPECT_THAT(pod.transport, AnyOf("virtio-serial", "vsock"));
  EXPECT_EQ(pod.vcpus, 1u);
  EXPECT_EQ(pod.memory, Bytes::MiB(256));
  ASSERT_GT(pod.vm_pid, 0);
  ASSERT_GT(pod.monitor_pid, 0);
  EXPECT_THAT(fs::read_symlink("/proc/" + std::to_string(pod.vm_pid) + "/exe"), HasSubstr("qemu-system"));
  EXPECT_THAT(fs::read_symlink("/proc/" + std::to_string(pod.monitor_pid) + "/exe"),
              HasSubstr("virtcontainers-monitor"));
  EXPECT_THAT(FileContent(pod.console), Not(IsEmpty()));
  EXPECT_THAT(Ids(pod.containers), testing::IsSupersetOf({"a", "b", "fixed"}));
}

TEST_F(RunningPod, SecondRuntime_OfSameRoot_UsesPod) {
  Runtime other = OpenAgain();
  const auto pod = other.PodStatus(kPod);
  ASSERT_OK(pod);
  EXPECT_EQ(pod->vm_pid, StatusOf(kPod).vm_pid);
  EXPECT_EQ(Finish(other.EnterContainer(kPod, "a", Command({"cat", "/marker"}))).out, "of a");
}

TEST_F(RunningPod, OtherProcess_OfSameRoot_UsesPod) {
  EXPECT_THAT(Virtc({"pod", "list", "--running"}).out, HasSubstr(kPod));
  const Finished status = Virtc({"pod", "status", kPod});
  EXPECT_THAT(status.out, AllOf(HasSubstr("running"), HasSubstr("accelerator"), HasSubstr("fixed")));
  const Finished entered = Virtc(
      {"container", "enter", "-i", kPod, "a", "--", "sh", "-c", "cat /marker; cat; echo apart >&2; exit 12"},
      ", fed by another process\n");
  EXPECT_EQ(entered.out, "of a, fed by another process\n");
  EXPECT_EQ(entered.err, "apart\n");
  EXPECT_EQ(entered.code, 12);
}

TEST_F(RunningPod, Containers_OfOnePod_ShareKernelOfGuest) {
  const std::string boot = "cat /proc/sys/kernel/random/boot_id";
  EXPECT_EQ(Said("a", boot), Said("b", boot)) << "one VM";
  EXPECT_NE(Said("a", boot), FileContent("/proc/sys/kernel/random/boot_id"));
  EXPECT_EQ(Said("a", "uname -r"), Said("b", "uname -r"));
}

TEST_F(RunningPod, Containers_OfOnePod_HaveOwnRootfsAndProcesses) {
  EXPECT_EQ(Said("a", "cat /marker"), "of a");
  EXPECT_EQ(Said("b", "cat /marker"), "of b");
  EXPECT_EQ(Said("fixed", "cat /marker"), "of fixed");
  EXPECT_EQ(Said("a", "hostname"), std::string(kPod) + "\n") << "the pod's, which is its id";
  EXPECT_EQ(Said("b", "hostname"), "bee\n");
  EXPECT_EQ(Said("a", "cat /proc/1/cmdline | tr '\\0' ' '"), "sleep 1000 ");
  EXPECT_THAT(Said("a", "ps -o comm"), AllOf(HasSubstr("sleep"), Not(HasSubstr("agent"))));
  EXPECT_EQ(Said("a", "ls /proc | grep -c '^[0-9]*$'"), "4\n") << "sleep, and this command line's three";
}

TEST_F(RunningPod, Files_OfRootfs_AreTheSameOnHost) {
  Said("a", "mkdir -p /data && printf 'written inside' >/data/inside && chmod 640 /data/inside");
  EXPECT_EQ(FileContent(Rootfs("a") + "/data/inside"), "written inside");
  struct stat inside;
  ASSERT_EQ(::stat((Rootfs("a") + "/data/inside").c_str(), &inside), 0);
  EXPECT_EQ(inside.st_mode & 0777, 0640u);
  WriteTo(Rootfs("a") + "/data/outside", "written outside");
  EXPECT_EQ(Said("a", "cat /data/outside"), "written outside");

  const std::string noise = NoiseBytes(2'000'000, 1);
  EXPECT_EQ(Enter("a", Shell("cat >/data/noise && sync"), noise).code, 0);
  EXPECT_TRUE(FileContent(Rootfs("a") + "/data/noise") == noise);
}

TEST_F(RunningPod, ReadonlyRootfs_Written_Refuses) {
  const Finished touched = Enter("fixed", Command({"touch", "/new"}));
  EXPECT_NE(touched.code, 0);
  EXPECT_THAT(touched.err, HasSubstr("Read-only file system"));
  EXPECT_NE(Enter("fixed", Shell("echo changed >/marker")).code, 0);
  EXPECT_NE(Enter("fixed", Shell("mount -o remount,rw /")).code, 0);
  EXPECT_FALSE(fs::exists(Rootfs("fixed") + "/new"));
  EXPECT_EQ(FileContent(Rootfs("fixed") + "/marker"), "of fixed");
  EXPECT_EQ(Said("fixed", "echo kept >/dev/shm/x && cat /dev/shm/x"), "kept\n");
}

TEST_F(RunningPod, EnterContainer_StdoutAndStderr_AreSeparate) {
  const Finished finished = Enter("a", Shell("echo out; echo err >&2; echo out again; exit 7"));
  EXPECT_EQ(finished.out, "out\nout again\n");
  EXPECT_EQ(finished.err, "err\n");
  EXPECT_EQ(finished.code, 7);
}

TEST_F(RunningPod, EnterContainer_WithInput_ReadsItToItsEnd) {
  EXPECT_EQ(Enter("a", Command({"cat"}), "a line\n").out, "a line\n");
  EXPECT_EQ(Enter("a", Command({"cat"})).out, "") << "nothing, and its end";
  const std::string noise = NoiseBytes(1'000'000, 2);
  const Finished echoed = Enter("a", Command({"cat"}), noise);
  EXPECT_EQ(echoed.code, 0);
  EXPECT_TRUE(echoed.out == noise) << "of " << noise.size() << " bytes came back " << echoed.out.size();
}

TEST_F(RunningPod, EnterContainer_ExitOrSignal_HasShellsStatus) {
  EXPECT_EQ(Enter("a", Command({"true"})).code, 0);
  EXPECT_EQ(Enter("a", Command({"false"})).code, 1);
  EXPECT_EQ(Enter("a", Shell("exit 255")).code, 255);
  EXPECT_EQ(Enter("a", Shell("kill -9 $$")).code, 137);
  EXPECT_EQ(Enter("a", Shell("kill -TERM $$")).code, 143);
  EXPECT_EQ(Enter("a", Shell("kill -SEGV $$")).code, 139);

  auto process = runtime().EnterContainer(kPod, "a", Command({"sleep", "1000"}));
  ASSERT_OK(process);
  ASSERT_OK((*process)->Signal(15));
  EXPECT_EQ((*process)->Wait().value_or(ExitStatus{-1}).code, 143);
  EXPECT_OK((*process)->Signal(15));  // it has ended already
  EXPECT_FAILS((*process)->Signal(0), Code::kFailedPrecondition, "has ended");
  EXPECT_FAILS((*process)->Signal(-1), Code::kInvalidArgument, "signal -1");
  EXPECT_FAILS((*process)->Signal(65), Code::kInvalidArgument, "signal 65");
}

TEST_F(RunningPod, EnterContainer_CommandCannotRun_FailsWithReason) {
  WriteTo(Rootfs("a") + "/tmp/plain", "no program");
  WriteTo(Rootfs("a") + "/tmp/garbage", "no program either");
  WriteTo(Rootfs("a") + "/tmp/script", "#!/no/such/shell\n");
  fs::permissions(Rootfs("a") + "/tmp/garbage", fs::perms(0755));
  fs::permissions(Rootfs("a") + "/tmp/script", fs::perms(0755));
  const auto enter = [&](const std::string& program) {
    return runtime().EnterContainer(kPod, "a", Command({program}));
  };
  EXPECT_FAILS(enter("nonesuch"), Code::kNotFound, "'nonesuch'");
  EXPECT_EQ(enter("nonesuch").error().reason(), Reason::kCommandNotFound);
  EXPECT_EQ(enter("/tmp/script").error().reason(), Reason::kCommandNotFound);
  EXPECT_EQ(enter("/tmp/plain").error().reason(), Reason::kCommandNotExecutable);
  EXPECT_FAILS(enter("/bin/nonesuch"), Code::kNotFound, "'/bin/nonesuch'");
  EXPECT_FAILS(enter("/tmp/script"), Code::kNotFound, "/tmp/script");
  EXPECT_FAILS(enter("/tmp/plain"), Code::kPermissionDenied, "'/tmp/plain'");
  EXPECT_FAILS(enter("/tmp/garbage"), Code::kPermissionDenied, "'/tmp/garbage'");
  EXPECT_FAILS(enter("/tmp"), Code::kPermissionDenied, "'/tmp'");
  EXPECT_FAILS(runtime().EnterPod(kPod, Command({"nonesuch"})), Code::kNotFound, "'nonesuch'");
  EXPECT_FAILS(runtime().EnterPod(kPod, Command({"/etc"})), Code::kPermissionDenied, "'/etc'");
  EXPECT_FAILS(runtime().EnterContainer(kPod, "a", Command({})), Code::kInvalidArgument, "empty");
  EXPECT_FAILS(runtime().EnterContainer(kPod, "a", Command({std::string("a\0b", 3)})), Code::kInvalidArgument,
               "NUL");

  EXPECT_EQ(Virtc({"container", "enter", kPod, "a", "--", "nonesuch"}).code, 127);
  EXPECT_EQ(Virtc({"container", "enter", kPod, "a", "--", "/tmp/plain"}).code, 126);
  EXPECT_EQ(Virtc({"container", "enter", kPod, "nobody", "--", "true"}).code, 125);
  EXPECT_EQ(Virtc({"pod", "enter", kPod, "--", "nonesuch"}).code, 127);
}

TEST_F(RunningPod, EnterContainer_AnyArguments_ArriveUnchanged) {
  const std::vector<std::string> args = {"",
                                         " two  spaces ",
                                         "a\nline",
                                         "\"quoted\" 'twice'",
                                         "$HOME `id` *",
                                         "-n",
                                         "gr\u00fc\u00df",
                                         std::string(100'000, 'x')};
  ProcessConfig command = Command({"printf", "[%s]"});
  command.args.insert(command.args.end(), args.begin(), args.end());
  std::string expected;
  for (const std::string& arg : args) expected += "[" + arg + "]";
  EXPECT_EQ(Enter("a", command).out, expected);
}

TEST_F(RunningPod, EnterContainer_EnvironmentAndCwd_AreSet) {
  ProcessConfig command = Shell("echo \"$A|$B|$EMPTY|${EMPTY-unset}\"; echo $PATH; pwd");
  command.env = {"A=1", "B=two words\nand a line", "EMPTY="};
  command.cwd = "/etc";
  EXPECT_EQ(
      Enter("a", command).out,
      "1|two words\nand a line||\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n/etc\n");
  command.env = {"PATH=/nothing"};
  command.args = {"pwd"};
  EXPECT_FAILS(runtime().EnterContainer(kPod, "a", command), Code::kNotFound, "'pwd'");
  command = Command({"pwd"});
  command.cwd = "/no/such/place";
  EXPECT_FAILS(runtime().EnterContainer(kPod, "a", command), Code::kFailedPrecondition, "/no/such/place");
  command.cwd = "relative";
  EXPECT_FAILS(runtime().EnterContainer(kPod, "a", command), Code::kInvalidArgument, "'relative'");
}

TEST_F(RunningPod, EnterContainer_UserGroupsAndCapabilities_AreSet) {
  const std::string facts =
      "id -u; id -g; id -G; umask; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; ulimit -n";
  ProcessConfig command = Shell("umask");
  command.user.umask = 027;
  EXPECT_EQ(Enter("a", command).out, "0027\n");
  command = Shell(facts);
  command.user = {.uid = 1000, .gid = 1001, .additional_gids = {5, 6}, .umask = {}};
  command.no_new_privileges = true;
  command.rlimits = {{"RLIMIT_NOFILE", 100, 200}};
  const Finished user = Enter("a", command);
  EXPECT_EQ(user.err, "");
  EXPECT_EQ(user.out, "1000\n1001\n1001 5 6\n0022\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n100\n");

  // Root, with what runc gives and no more.
  EXPECT_THAT(Enter("a", Shell(facts)).out, HasSubstr("CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\n"));
  EXPECT_NE(Enter("a", Shell("mount -t tmpfs none /mnt")).code, 0) << "no right to mount";
  EXPECT_EQ(Enter("a", Command({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"})).out,
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  command = Shell("grep CapEff /proc/self/status");
  command.capabilities.emplace();
  EXPECT_EQ(Enter("a", command).out, "CapEff:\t0000000000000000\n");
  command.capabilities->bounding = command.capabilities->effective =
      command.capabilities->permitted = {"CAP_KILL"};
  EXPECT_EQ(Enter("a", command).out, "CapEff:\t0000000000000020\n");
  command.capabilities->bounding.emplace_back("CAP_NO_SUCH_THING");
  EXPECT_EQ(Enter("a", command).out, "CapEff:\t0000000000000020\n") << "it is warned of in monitor.log";
}

TEST_F(RunningPod, EnterContainer_Terminal_HasSizeAndOneStream) {
  ProcessConfig command =
      Shell("tty; stty size; echo err >&2; read line; echo \"got $line\"; stty size; exit 4");
  command.terminal = true;
  command.rows = 33;
  command.columns = 101;
  auto process = runtime().EnterContainer(kPod, "a", command);
  ASSERT_OK(process);
  std::string out;
  const auto read_until = [&](const std::string& text) {
    char buffer[4096];
    while (out.find(text) == std::string::npos) {
      const auto count = (*process)->ReadStdout(buffer, Deadline::After(std::chrono::seconds(60)));
      if (!count || *count == 0) return false;
      out.append(buffer, *count);
    }
    return true;
  };
  ASSERT_TRUE(read_until("err\r\n")) << out;
  EXPECT_EQ(out, "/dev/pts/0\r\n33 101\r\nerr\r\n");
  char nothing[16];
  EXPECT_EQ((*process)->ReadStderr(nothing).value_or(99), 0u) << "all is one stream";
  ASSERT_OK((*process)->Resize(50, 132));
  ASSERT_OK((*process)->WriteStdin("a line\n"));
  ASSERT_TRUE(read_until("50 132\r\n")) << out;
  EXPECT_THAT(out, HasSubstr("a line\r\ngot a line\r\n")) << "with its echo";
  EXPECT_EQ((*process)->Wait().value_or(ExitStatus{-1}).code, 4);

  // Ctrl-C is the terminal's business.
  command = Command({"cat"});
  command.terminal = true;
  process = runtime().EnterContainer(kPod, "a", command);
  ASSERT_OK(process);
  out.clear();
  ASSERT_OK((*process)->WriteStdin("x\n"));
  ASSERT_TRUE(read_until("x\r\nx\r\n")) << out;
  ASSERT_OK((*process)->WriteStdin("\x03"));
  EXPECT_EQ((*process)->Wait().value_or(ExitStatus{-1}).code, 130);

  process = runtime().EnterContainer(kPod, "a", Command({"sleep", "1000"}));
  ASSERT_OK(process);
  EXPECT_FAILS((*process)->Resize(1, 1), Code::kFailedPrecondition, "terminal");
  EXPECT_OK((*process)->Signal(9));
}

TEST_F(RunningPod, EnterPod_Command_RunsInGuest) {
  const Finished found =
      Finish(runtime().EnterPod(kPod, Shell("cat /proc/1/comm; uname -r; cat; exit 3")), "fed\n");
  EXPECT_EQ(found.code, 3);
  EXPECT_EQ(found.out, "init\n" + Said("a", "uname -r") + "fed\n");
  EXPECT_NE(Finish(runtime().EnterPod(kPod, Command({"cat", "/marker"}))).code, 0) << "no container's root";
  EXPECT_THAT(Finish(runtime().EnterPod(kPod, Command({"ps"}))).out, HasSubstr("sleep 1000"));
}

TEST_F(RunningPod, OpenProcess_ById_ReturnsRunningProcess) {
  std::string id;
  {
    const auto process = runtime().EnterContainer(kPod, "a", Shell("read line; echo \"$line\"; exit 6"));
    ASSERT_OK(process);
    id = (*process)->id();
    EXPECT_THAT(id, Not(IsEmpty()));
  }
  Runtime other = OpenAgain();
  EXPECT_EQ(Finish(other.OpenProcess(kPod, "a", id), "still there\n").out, "still there\n");
  const auto again = runtime().OpenProcess(kPod, "a", id);
  ASSERT_OK(again);
  EXPECT_EQ((*again)->Wait().value_or(ExitStatus{-1}).code, 6) << "its end is remembered";

  const auto nobody = runtime().OpenProcess(kPod, "a", "exec-0");
  if (nobody) EXPECT_FAILS((*nobody)->Wait(), Code::kNotFound, "exec-0");
}

TEST_F(RunningPod, Container_AddedToRunningPod_StartsStopsAndIsDeleted) {
  ContainerConfig config = Container("added", {"sh", "-c", kServesUntilTerm});
  config.annotations["note"] = "kept";
  ASSERT_OK(runtime().CreateContainer(kPod, config));
  ContainerStatus status = StatusOf(kPod, "added");
  EXPECT_EQ(status.state, ContainerState::kReady);
  EXPECT_EQ(status.annotations, config.annotations);
  EXPECT_FALSE(fs::exists(config.rootfs + "/runs")) << "made, and not started";
  EXPECT_FAILS(runtime().CreateContainer(kPod, config), Code::kAlreadyExists, "'added' exists already");
  EXPECT_FAILS(runtime().StopContainer(kPod, "added"), Code::kFailedPrecondition, "start it first");

  ASSERT_OK(runtime().StartContainer(kPod, "added"));
  EXPECT_EQ(StatusOf(kPod, "added").state, ContainerState::kRunning);
  EXPECT_FAILS(runtime().StartContainer(kPod, "added"), Code::kFailedPrecondition,
               "container 'added' is running: stop it first");
  EXPECT_FAILS(runtime().DeleteContainer(kPod, "added"), Code::kFailedPrecondition,
               "container 'added' is running: stop it first");
  EXPECT_TRUE(Eventually([&] { return FileContent(config.rootfs + "/runs") == "run\n"; }));
  EXPECT_EQ(Enter("added", Command({"cat", "/runs"})).out, "run\n");

  ASSERT_OK(runtime().StopContainer(kPod, "added", std::chrono::seconds(60)));
  status = StatusOf(kPod, "added");
  EXPECT_EQ(status.state, ContainerState::kStopped);
  EXPECT_EQ(status.exit, ExitStatus{5}) << "it ended by itself when it was asked to";
  EXPECT_OK(runtime().StopContainer(kPod, "added"));  // it stays so
  EXPECT_FAILS(runtime().EnterContainer(kPod, "added", Command({"true"})), Code::kFailedPrecondition,
               "container 'added' is stopped: start it first");

  ASSERT_OK(runtime().StartContainer(kPod, "added"));
  EXPECT_FALSE(StatusOf(kPod, "added").exit);
  EXPECT_TRUE(Eventually([&] { return FileContent(config.rootfs + "/runs") == "run\nrun\n"; }));
  ASSERT_OK(runtime().StopContainer(kPod, "added", milliseconds(0)));
  EXPECT_THAT(StatusOf(kPod, "added").exit, AnyOf(ExitStatus{5}, ExitStatus{137})) << "killed at once";

  const std::string log = StatusOf(kPod, "added").log;
  EXPECT_TRUE(fs::exists(log));
  ASSERT_OK(runtime().DeleteContainer(kPod, "added"));
  EXPECT_FAILS(runtime().ContainerStatus(kPod, "added"), Code::kNotFound, "no container 'added'");
  EXPECT_FALSE(fs::exists(log));
  EXPECT_TRUE(fs::exists(config.rootfs + "/bin/busybox"));
  EXPECT_EQ(StatusOf(kPod).state, PodState::kRunning);

  // The id is free again, for something else.
  config.process = Command({"sleep", "1000"});
  ASSERT_OK(runtime().CreateContainer(kPod, config));
  ASSERT_OK(runtime().StartContainer(kPod, "added"));
  ASSERT_OK(runtime().StopContainer(kPod, "added", milliseconds(0)));
  EXPECT_EQ(StatusOf(kPod, "added").exit, ExitStatus{137}) << "a first process without a handler is killed";
  ASSERT_OK(runtime().DeleteContainer(kPod, "added"));
}

TEST_F(RunningPod, StopContainer_SeveralProcesses_EndsAll) {
  ASSERT_OK(
      runtime().CreateContainer(kPod, Container("many", {"sh", "-c", "sleep 4321 & sleep 4321 & wait"})));
  ASSERT_OK(runtime().StartContainer(kPod, "many"));
  auto entered = runtime().EnterContainer(kPod, "many", Command({"sleep", "4321"}));
  ASSERT_OK(entered);
  ASSERT_OK(runtime().StopContainer(kPod, "many", milliseconds(0)));
  EXPECT_EQ((*entered)->Wait().value_or(ExitStatus{-1}).code, 137);
  EXPECT_THAT(Finish(runtime().EnterPod(kPod, Command({"ps"}))).out, Not(HasSubstr("4321")));
  EXPECT_OK(runtime().DeleteContainer(kPod, "many"));
}

TEST_F(RunningPod, CreateContainer_CommandIsMissing_LeavesNothing) {
  ContainerConfig config = Container("wrong", {"nonesuch"});
  EXPECT_FAILS(runtime().CreateContainer(kPod, config), Code::kNotFound, "'nonesuch'");
  EXPECT_FAILS(runtime().ContainerStatus(kPod, "wrong"), Code::kNotFound, "no container 'wrong'");
  config.rootfs = dir() + "/nowhere";
  EXPECT_FAILS(runtime().CreateContainer(kPod, config), Code::kNotFound, "/nowhere' does not exist");
  config.rootfs = Rootfs("a") + "/marker";
  EXPECT_FAILS(runtime().CreateContainer(kPod, config), Code::kInvalidArgument, "is not a directory");
  EXPECT_FAILS(runtime().ContainerStatus(kPod, "wrong"), Code::kNotFound, "no container 'wrong'");

  // Nothing of the failures is in the way.
  config = Container("wrong2", {"true"});
  config.id = "wrong";
  ASSERT_OK(runtime().CreateContainer(kPod, config));
  ASSERT_OK(runtime().StartContainer(kPod, "wrong"));
  EXPECT_EQ(WaitUntilStopped(kPod, "wrong").exit, ExitStatus{0});
  ASSERT_OK(runtime().DeleteContainer(kPod, "wrong"));
}

TEST_F(RunningPod, StartContainer_ThatFails_LeavesItStoppedAsShellsSay) {
  // Found when it is made, and refused when it is executed.
  for (const auto& [text, code] : {std::pair{"#!/no/such/shell\n", 127}, std::pair{"no program", 126}}) {
    const std::string id = "fails" + std::to_string(code);
    ContainerConfig config = Container(id, {"/start"});
    WriteTo(config.rootfs + "/start", text);
    fs::permissions(config.rootfs + "/start", fs::perms(0755));
    ASSERT_OK(runtime().CreateContainer(kPod, config));
    EXPECT_EQ(StatusOf(kPod, id).state, ContainerState::kReady);
    EXPECT_FAILS(runtime().StartContainer(kPod, id), code == 127 ? Code::kNotFound : Code::kPermissionDenied,
                 "'/start'");
    const ContainerStatus status = StatusOf(kPod, id);
    EXPECT_EQ(status.state, ContainerState::kStopped);
    EXPECT_THAT(status.reason, HasSubstr("start failed: exec '/start': "));
    EXPECT_EQ(runtime().WaitContainer(kPod, id).value_or(ExitStatus{}), ExitStatus{code});
    EXPECT_OK(runtime().StopContainer(kPod, id));  // it stays so
    // Mended, it starts.
    WriteTo(config.rootfs + "/start", "#!/bin/sh\nexit 7\n");
    ASSERT_OK(runtime().StartContainer(kPod, id));
    EXPECT_EQ(runtime().WaitContainer(kPod, id).value_or(ExitStatus{}), ExitStatus{7});
    EXPECT_EQ(StatusOf(kPod, id).reason, "");
    ASSERT_OK(runtime().DeleteContainer(kPod, id));
  }
}

TEST_F(RunningPod, Calls_UnknownIds_FailWithNotFound) {
  const ProcessConfig command = Command({"true"});
  const std::string pod = "no pod 'nobody'";
  EXPECT_FAILS(runtime().PodStatus("nobody"), Code::kNotFound, pod);
  EXPECT_FAILS(runtime().StartPod("nobody"), Code::kNotFound, pod);
  EXPECT_FAILS(runtime().StopPod("nobody"), Code::kNotFound, pod);
  EXPECT_FAILS(runtime().DeletePod("nobody"), Code::kNotFound, pod);
  EXPECT_FAILS(runtime().EnterPod("nobody", command), Code::kNotFound, pod);
  EXPECT_FAILS(runtime().CreateContainer("nobody", Container("x")), Code::kNotFound, pod);
  EXPECT_FAILS(runtime().EnterContainer("nobody", "a", command), Code::kNotFound, pod);
  const std::string container = "no container 'nothing'";
  EXPECT_FAILS(runtime().ContainerStatus(kPod, "nothing"), Code::kNotFound, container);
  EXPECT_FAILS(runtime().StartContainer(kPod, "nothing"), Code::kNotFound, container);
  EXPECT_FAILS(runtime().StopContainer(kPod, "nothing"), Code::kNotFound, container);
  EXPECT_FAILS(runtime().DeleteContainer(kPod, "nothing"), Code::kNotFound, container);
  EXPECT_FAILS(runtime().EnterContainer(kPod, "nothing", command), Code::kNotFound, container);
  EXPECT_FAILS(runtime().AttachContainer(kPod, "nothing"), Code::kNotFound, container);
}

}  // namespace
}  // namespace virtcontainers::test
