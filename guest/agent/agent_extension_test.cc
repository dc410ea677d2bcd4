// The agent as a whole, on this machine: what the host asks of it beyond Kata's protocol.

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "guest.pb.h"
#include "guest/agent/os/file.h"
#include "guest/agent/testing/agent_fixture.h"
#include "guest/agent/testing/spec.h"

namespace virtcontainers::guest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Counts the container's processes that are called sleep, without zombies: nobody collects those.
constexpr const char* kCountSleeps =
    "n=0; for p in /proc/[0-9]*; do read -r comm <$p/comm; [ \"$comm\" != sleep ] || "
    "grep -q 'State:.Z' $p/status || n=$((n + 1)); done; echo $n";

class AgentExtensionTest : public AgentTest {
 protected:
  wire::ExtendedCreateRequest Script(const std::string& id, const std::string& script) {
    return Extended(Request(id, {"sh", "-c", script}));
  }
  static grpc::Linux& LinuxOf(wire::ExtendedCreateRequest& request) {
    return *request.mutable_request()->mutable_oci()->mutable_linux();
  }
  // The next `size` bytes of a first process's output, or more of them.
  std::string Said(const std::string& id, size_t size) {
    grpc::ReadStreamRequest read;
    read.set_container_id(id);
    read.set_len(100);
    std::string said;
    while (said.size() < size) {
      const auto piece = client_->Call<grpc::ReadStreamResponse>("ReadStdout", read);
      if (!piece || piece->data().empty()) return said + "[its end]";
      said += piece->data();
    }
    return said;
  }
  static void OwnNetwork(wire::ExtendedCreateRequest& request) {
    LinuxOf(request).add_namespaces()->set_type("network");
  }
};

TEST_F(AgentExtensionTest, ExecProcess_GuestProgram_RunsInAContainerThatHasNoSuchFile) {
  Run(Request("c", {"sleep", "1000"}));
  std::filesystem::remove_all(rootfs_ + "/bin");
  wire::ExtendedExecRequest exec;
  exec.mutable_request()->set_container_id("c");
  exec.mutable_request()->set_exec_id("e");
  // The program is the file of the guest; what it sees is the container's.
  for (const char* argument :
       {"busybox", "sh", "-c", "while read -r line; do echo $line; done </proc/1/comm"}) {
    exec.mutable_request()->mutable_process()->add_args(argument);
  }
  exec.mutable_process()->set_guest_program(true);
  ASSERT_TRUE(client_->CallGuest("ExecProcess", exec));
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "sleep\n");
}

TEST_F(AgentExtensionTest, ExecProcess_GuestProgram_CannotBeWrittenByTheContainer) {
  Run(Request("c", {"sleep", "1000"}));
  wire::ExtendedExecRequest exec;
  exec.mutable_request()->set_container_id("c");
  exec.mutable_request()->set_exec_id("e");
  // The file stays open while nothing executes it any more.
  for (const char* argument : {"busybox", "sh", "-c", "exec 3</proc/self/exe; exec sleep 1000"}) {
    exec.mutable_request()->mutable_process()->add_args(argument);
  }
  exec.mutable_process()->set_guest_program(true);
  ASSERT_TRUE(client_->CallGuest("ExecProcess", exec));
  const auto try_to_write = [&] {
    return client_->Output("c",
                           {"sh", "-c",
                            "for p in /proc/[2-9]*; do read -r comm <$p/comm; [ $comm = sleep ] || continue; "
                            "echo found; echo x >$p/fd/3 && echo written; done; exit 0"});
  };
  // The shell becomes a sleep in a moment.
  while (try_to_write() == "") {
  }
  EXPECT_EQ(try_to_write(), "found\n");
}

TEST_F(AgentExtensionTest, ExecProcess_GuestProgramThatIsNone_Fails) {
  Run(Request("c", {"sleep", "1000"}));
  wire::ExtendedExecRequest exec;
  exec.mutable_request()->set_container_id("c");
  exec.mutable_request()->set_exec_id("e");
  exec.mutable_process()->set_guest_program(true);
  exec.mutable_request()->mutable_process()->add_args("no-such-program");
  EXPECT_EQ(client_->CallGuest("ExecProcess", exec).error().reason(), Reason::kCommandNotFound);
  exec.mutable_request()->mutable_process()->set_args(0, "../bin/busybox");
  EXPECT_EQ(client_->CallGuest("ExecProcess", exec).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentExtensionTest, ExecProcess_TimeLimitPasses_KillsTheProcessGroup) {
  Run(Request("c", {"sleep", "1000"}));
  wire::ExtendedExecRequest exec;
  exec.mutable_request()->set_container_id("c");
  exec.mutable_request()->set_exec_id("e");
  for (const char* argument : {"sh", "-c", "sleep 1001 & sleep 1002"}) {
    exec.mutable_request()->mutable_process()->add_args(argument);
  }
  exec.mutable_process()->set_time_limit_ms(200);
  ASSERT_TRUE(client_->CallGuest("ExecProcess", exec));
  EXPECT_EQ(client_->Wait("c", "e"), 128 + SIGKILL);
  EXPECT_EQ(client_->Output("c", {"sh", "-c", kCountSleeps}), "1\n") << "the container's first process";
}

TEST_F(AgentExtensionTest, Umask_OfContainerAndExec_AppliesToEach) {
  wire::ExtendedCreateRequest request = Script("c", "umask; sleep 1000");
  request.mutable_process()->set_umask(027);
  Run(request);
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_len(100);
  EXPECT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", read)->data(), "0027\n");
  EXPECT_EQ(client_->Output("c", {"sh", "-c", "umask"}), "0027\n") << "that of the container";
  wire::ExtendedExecRequest exec;
  exec.mutable_request()->set_container_id("c");
  exec.mutable_request()->set_exec_id("e");
  for (const char* argument : {"sh", "-c", "umask"}) {
    exec.mutable_request()->mutable_process()->add_args(argument);
  }
  exec.mutable_process()->set_umask(0);
  ASSERT_TRUE(client_->CallGuest("ExecProcess", exec));
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "0000\n");
  exec.mutable_process()->set_umask(01000);
  exec.mutable_request()->set_exec_id("f");
  EXPECT_EQ(client_->CallGuest("ExecProcess", exec).error().code(), Code::kInvalidArgument);
  request.mutable_request()->set_container_id("d");
  request.mutable_process()->set_umask(01000);
  EXPECT_EQ(client_->CallGuest("CreateContainer", request).error().code(), Code::kInvalidArgument);
}

// Nice value, real-time priority and policy of a shell, and its I/O priority.
constexpr char kShares[] =
    "read -r line </proc/self/stat; set -- $line; echo ${19} ${40} ${41}; busybox ionice -p $$";

TEST_F(AgentExtensionTest, SchedulingAndPersonality_AreTheContainersAndAnExecsOwn) {
  wire::ExtendedCreateRequest request = Script("c", std::string(kShares) + "; uname -m; sleep 1000");
  request.mutable_process()->mutable_scheduler()->set_policy("SCHED_FIFO");
  request.mutable_process()->mutable_scheduler()->set_priority(7);
  request.mutable_process()->mutable_io_priority()->set_class_("IOPRIO_CLASS_BE");
  request.mutable_process()->mutable_io_priority()->set_priority(6);
  request.set_personality("LINUX32");
  Run(request);
  const std::string expected = "0 7 1\nbest-effort: prio 6\n";
  EXPECT_EQ(Said("c", expected.size() + 5), expected + "i686\n");
  EXPECT_EQ(client_->Output("c", {"sh", "-c", std::string(kShares) + "; uname -m"}), expected + "i686\n")
      << "that of the container";

  wire::ExtendedExecRequest exec;
  exec.mutable_request()->set_container_id("c");
  exec.mutable_request()->set_exec_id("e");
  for (const char* argument : {"sh", "-c", kShares})
    exec.mutable_request()->mutable_process()->add_args(argument);
  exec.mutable_process()->mutable_scheduler()->set_policy("SCHED_BATCH");
  exec.mutable_process()->mutable_scheduler()->set_nice(5);
  ASSERT_TRUE(client_->CallGuest("ExecProcess", exec));
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "5 0 3\nbest-effort: prio 6\n");

  const auto refused = [&](const char* what) {
    exec.mutable_request()->set_exec_id("f");
    const auto failed = client_->CallGuest("ExecProcess", exec);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(failed.error().ToString(), HasSubstr(what));
  };
  exec.mutable_process()->mutable_scheduler()->add_flags("SCHED_FLAG_X");
  refused("'SCHED_FLAG_X'");
  exec.mutable_process()->mutable_scheduler()->set_policy("SCHED_ISO");
  refused("'SCHED_ISO'");
  exec.mutable_process()->clear_scheduler();
  exec.mutable_process()->mutable_io_priority()->set_priority(8);
  exec.mutable_process()->mutable_io_priority()->set_class_("IOPRIO_CLASS_RT");
  refused("I/O priority 8");
  exec.mutable_process()->mutable_io_priority()->set_class_("IOPRIO_CLASS_NONE");
  refused("'IOPRIO_CLASS_NONE'");
  request.mutable_request()->set_container_id("d");
  request.set_personality("HURD");
  EXPECT_EQ(client_->CallGuest("CreateContainer", request).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentExtensionTest, Processors_AreThoseOfAnExecAndNotOfTheFirstProcess) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(all), &all), 0);
  if (CPU_COUNT(&all) < 2 || !CPU_ISSET(0, &all)) GTEST_SKIP() << "there is one processor only";
  wire::ExtendedCreateRequest request = Script("c", "sleep 1000");
  request.mutable_process()->set_exec_cpus("0");
  Run(request);
  const auto cpus = [&](const std::string& pid) {
    return client_->Output("c", {"grep", "Cpus_allowed_list", "/proc/" + pid + "/status"});
  };
  EXPECT_EQ(cpus("self"), "Cpus_allowed_list:\t0\n") << "that of the container";
  EXPECT_NE(cpus("1"), "Cpus_allowed_list:\t0\n");
  wire::ExtendedExecRequest exec;
  exec.mutable_request()->set_container_id("c");
  exec.mutable_request()->set_exec_id("e");
  for (const char* argument : {"grep", "Cpus_allowed_list", "/proc/self/status"})
    exec.mutable_request()->mutable_process()->add_args(argument);
  exec.mutable_process()->set_exec_cpus("1");
  ASSERT_TRUE(client_->CallGuest("ExecProcess", exec));
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "Cpus_allowed_list:\t1\n");
  exec.mutable_request()->set_exec_id("f");
  exec.mutable_process()->set_exec_cpus("1023");
  EXPECT_THAT(client_->CallGuest("ExecProcess", exec).error().ToString(),
              HasSubstr("run on the processors '1023'"));
  exec.mutable_process()->set_exec_cpus("1-");
  EXPECT_EQ(client_->CallGuest("ExecProcess", exec).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentExtensionTest, DomainnameAndSysctlsWithSlashes_AreTheContainersOwn) {
  const std::string domain = "cat /proc/sys/kernel/domainname";
  const std::string pods = OutputOf(domain);
  wire::ExtendedCreateRequest request =
      Script("c", domain + "; hostname; cat /proc/sys/net/ipv4/conf/lo/forwarding /proc/sys/kernel/shmmni");
  request.set_domainname("example.org");
  request.set_own_ipc(true);
  OwnNetwork(request);
  (*LinuxOf(request).mutable_sysctl())["net/ipv4/conf/lo/forwarding"] = "1";
  (*LinuxOf(request).mutable_sysctl())["kernel.shmmni"] = "1234";
  EXPECT_EQ(OutputOf(request), "example.org\nweb\n1\n1234\n");
  EXPECT_EQ(OutputOf(domain), pods) << "another container's is the pod's";
  (*LinuxOf(request).mutable_sysctl())["net/../../../etc/passwd"] = "1";
  const auto failed = client_->CallGuest("CreateContainer", request);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().ToString(), HasSubstr("there is no sysctl 'net/../../../etc/passwd'"));
}

TEST_F(AgentExtensionTest, UnifiedResources_OfContainer_AreWrittenToItsCgroup) {
  wire::ExtendedCreateRequest request = Script("c", "sleep 1000");
  (*request.mutable_unified())["cgroup.max.depth"] = "3";
  Run(request);
  const auto file = [&](const std::string& name) {
    return ReadFile(agent_->cgroup() + "/c/" + name).value_or("none");
  };
  EXPECT_EQ(file("cgroup.max.depth"), "3\n");
  wire::ExtendedUpdateRequest update;
  update.mutable_request()->set_container_id("c");
  (*update.mutable_unified())["cgroup.max.depth"] = "4";
  (*update.mutable_unified())["cgroup.max.descendants"] = "5";
  EXPECT_TRUE(client_->CallGuest("UpdateContainer", update));
  EXPECT_EQ(file("cgroup.max.depth"), "4\n");
  EXPECT_EQ(file("cgroup.max.descendants"), "5\n");

  (*update.mutable_unified())["cgroup.max.depth"] = "6";
  for (const char* name :
       {"../x", "memory/high", "cgroup.procs", "cgroup.kill", "", ".", "..", "memory", ".x"}) {
    wire::ExtendedUpdateRequest bad = update;
    (*bad.mutable_unified())[name] = "1";
    EXPECT_EQ(client_->CallGuest("UpdateContainer", bad).error().code(), Code::kInvalidArgument) << name;
  }
  (*update.mutable_unified())["nonesuch.max"] = "1";
  const auto missing = client_->CallGuest("UpdateContainer", update);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(missing.error().ToString(), HasSubstr("'nonesuch.max'"));
  EXPECT_EQ(file("cgroup.max.depth"), "4\n") << "bad input changes nothing";

  wire::ExtendedCreateRequest second = Script("d", "true");
  (*second.mutable_unified())["nonesuch.max"] = "1";
  EXPECT_EQ(client_->CallGuest("CreateContainer", second).error().code(), Code::kFailedPrecondition);
  EXPECT_FALSE(std::filesystem::exists(agent_->cgroup() + "/d"));
}

TEST_F(AgentExtensionTest, Namespaces_IpcAndUts_AreOwnOrShared) {
  const std::string script =
      "for n in ipc uts net; do busybox readlink /proc/self/ns/$n; done; hostname; sleep 1000";
  std::string shared;
  for (const char* id : {"a", "b"}) {
    Run(Script(id, script));
    const std::string links =
        client_->Output(id, {"busybox", "readlink", "/proc/1/ns/ipc", "/proc/1/ns/uts", "/proc/1/ns/net"});
    EXPECT_TRUE(shared.empty() || shared == links) << shared << links;
    shared = links;
  }
  wire::ExtendedCreateRequest own = Script("own", "hostname other; hostname; sleep 1000");
  own.set_own_ipc(true);
  own.set_own_uts(true);
  OwnNetwork(own);
  grpc::LinuxCapabilities& sets =
      *own.mutable_request()->mutable_oci()->mutable_process()->mutable_capabilities();
  sets.add_bounding("CAP_SYS_ADMIN");
  sets.add_effective("CAP_SYS_ADMIN");
  sets.add_permitted("CAP_SYS_ADMIN");
  own.mutable_request()->mutable_oci()->mutable_process()->set_args(
      2, "hostname; hostname other; hostname; sleep 1000");
  Run(own);
  for (const char* kind : {"ipc", "uts", "net"}) {
    const std::string link =
        client_->Output("own", {"busybox", "readlink", std::string("/proc/1/ns/") + kind});
    EXPECT_THAT(link, HasSubstr(kind));
    EXPECT_THAT(shared, Not(HasSubstr(link)));
    EXPECT_EQ(client_->Output("own", {"busybox", "readlink", std::string("/proc/self/ns/") + kind}), link)
        << "a further process is in them, too";
  }
  EXPECT_EQ(Said("own", 10), "web\nother\n") << "the pod's name to begin with";
  EXPECT_EQ(client_->Output("own", {"hostname"}), "other\n");
  EXPECT_EQ(client_->Output("a", {"hostname"}), "web\n");
}

TEST_F(AgentExtensionTest, NetworkNamespace_Own_HasLoopbackAndOwnStatistics) {
  wire::ExtendedCreateRequest request =
      Script("c", "busybox ifconfig -a; busybox ping -c 1 127.0.0.1 >/dev/null && echo through; sleep 1000");
  grpc::LinuxCapabilities& sets =
      *request.mutable_request()->mutable_oci()->mutable_process()->mutable_capabilities();
  sets.add_bounding("CAP_NET_RAW");
  sets.add_effective("CAP_NET_RAW");
  sets.add_permitted("CAP_NET_RAW");
  OwnNetwork(request);
  Run(request);
  std::string output;
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_len(4096);
  while (output.find("through") == std::string::npos) {
    const auto piece = client_->Call<grpc::ReadStreamResponse>("ReadStdout", read);
    ASSERT_TRUE(piece && !piece->data().empty()) << output;
    output += piece->data();
  }
  EXPECT_THAT(output, AllOf(HasSubstr("lo "), HasSubstr("UP LOOPBACK RUNNING"), Not(HasSubstr("eth"))));
  grpc::StatsContainerRequest stats;
  stats.set_container_id("c");
  const auto numbers = client_->Call<grpc::StatsContainerResponse>("StatsContainer", stats);
  ASSERT_TRUE(numbers);
  bool loopback = false;
  for (const auto& entry : numbers->network_stats()) {
    EXPECT_THAT(entry.name(), Not(testing::StartsWith("eth")));
    if (entry.name() != "lo") continue;
    loopback = true;
    EXPECT_GT(entry.rx_bytes(), 0u);
    EXPECT_LT(entry.rx_bytes(), 10'000u) << "not the machine's";
  }
  EXPECT_TRUE(loopback);
}

TEST_F(AgentExtensionTest, Sysctls_OfContainer_AreSetInItsNamespaces) {
  wire::ExtendedCreateRequest request =
      Script("c",
             "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax "
             "/proc/sys/kernel/shm_rmid_forced /proc/sys/fs/mqueue/msg_max");
  const std::string before = OutputOf(request);
  wire::ExtendedCreateRequest own = request;
  own.set_own_ipc(true);
  OwnNetwork(own);
  auto& sysctl = *LinuxOf(own).mutable_sysctl();
  sysctl["net.ipv4.ip_unprivileged_port_start"] = "77";
  sysctl["kernel.msgmax"] = "12345";
  sysctl["kernel.shm_rmid_forced"] = "1";
  sysctl["fs.mqueue.msg_max"] = "33";
  EXPECT_EQ(OutputOf(own), "77\n12345\n1\n33\n");
  EXPECT_EQ(OutputOf(request), before) << "nobody else's";
  sysctl["kernel.nonesuch"] = "1";
  const auto failed = client_->CallGuest("CreateContainer", own);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().ToString(), HasSubstr("'kernel.nonesuch'"));
}

TEST_F(AgentExtensionTest, Namespaces_UserTimeOrByPath_AreRefused) {
  for (const char* type : {"user", "time"}) {
    wire::ExtendedCreateRequest request = Script("c", "true");
    LinuxOf(request).add_namespaces()->set_type(type);
    EXPECT_EQ(client_->CallGuest("CreateContainer", request).error().code(), Code::kUnimplemented) << type;
  }
  wire::ExtendedCreateRequest path = Script("c", "true");
  OwnNetwork(path);
  LinuxOf(path).mutable_namespaces(0)->set_path("/proc/1/ns/net");
  EXPECT_EQ(client_->CallGuest("CreateContainer", path).error().code(), Code::kUnimplemented);
  wire::ExtendedCreateRequest unknown = Script("c", "true");
  LinuxOf(unknown).add_namespaces()->set_type("mind");
  EXPECT_EQ(client_->CallGuest("CreateContainer", unknown).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentExtensionTest, Seccomp_DefaultErrno_IsReturned) {
  wire::ExtendedCreateRequest request = Script("c", "mkdir /tmp/x");
  request.mutable_request()->mutable_oci()->mutable_root()->set_readonly(false);
  grpc::LinuxSeccomp& seccomp = *LinuxOf(request).mutable_seccomp();
  seccomp.set_defaultaction("SCMP_ACT_ERRNO");
  grpc::LinuxSyscall& calls = *seccomp.add_syscalls();
  calls.set_action("SCMP_ACT_ALLOW");
  for (const char* name : {"execve",
                           "brk",
                           "arch_prctl",
                           "mmap",
                           "mprotect",
                           "munmap",
                           "write",
                           "exit_group",
                           "getuid",
                           "set_tid_address",
                           "set_robust_list",
                           "rseq",
                           "prlimit64",
                           "readlink",
                           "getrandom",
                           "umask",
                           "rt_sigaction",
                           "getpid",
                           "getppid",
                           "uname",
                           "stat",
                           "fork",
                           "clone",
                           "wait4",
                           "rt_sigprocmask",
                           "rt_sigreturn",
                           "getcwd",
                           "prctl",
                           "newfstatat",
                           "exit",
                           "vfork",
                           "fcntl",
                           "dup2",
                           "close",
                           "geteuid"}) {
    calls.add_names(name);
  }
  EXPECT_THAT(OutputOf(request), HasSubstr("Operation not permitted")) << "EPERM without one";
  request.set_seccomp_default_errno(ENOTTY);
  EXPECT_THAT(OutputOf(request), HasSubstr("Inappropriate ioctl"));
  request.set_seccomp_default_errno(5000);
  EXPECT_EQ(client_->CallGuest("CreateContainer", request).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentExtensionTest, Container_WithSharedPidNamespaceEnds_AllItsProcessesEnd) {
  grpc::CreateContainerRequest request = Request("c", {"sh", "-c", "sleep 1111 & sleep 1000"});
  request.set_sandbox_pidns(true);
  Run(request);
  ASSERT_TRUE(client_->Exec("c", "e", {"sleep", "1000"}));
  EXPECT_TRUE(Signal("c", "c", SIGTERM));
  EXPECT_EQ(client_->Wait("c", ""), 128 + SIGTERM);
  EXPECT_EQ(client_->Wait("c", "e"), 128 + SIGKILL);
  for (int i = 0; i < 500; ++i) {
    const auto events = ReadFile(agent_->cgroup() + "/c/cgroup.events");
    if (events && events->find("populated 0") != std::string::npos) break;
    ::usleep(10'000);
  }
  EXPECT_EQ(ReadFile(agent_->cgroup() + "/c/cgroup.procs").value_or("?"), "");
}

TEST_F(AgentExtensionTest, ExecutedProcess_ContainerEnds_EndsToo) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"sleep", "1000"}));
  EXPECT_TRUE(Signal("c", "c", SIGKILL));
  EXPECT_EQ(client_->Wait("c", "e"), 128 + SIGKILL);
  EXPECT_EQ(client_->Wait("c", ""), 128 + SIGKILL);
  EXPECT_EQ(client_->Exec("c", "f", {"true"}).error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentExtensionTest, SignalKill_ToPausedContainer_EndsIt) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"sleep", "1000"}));
  grpc::PauseContainerRequest pause;
  pause.set_container_id("c");
  ASSERT_TRUE(client_->Call("PauseContainer", pause));
  EXPECT_TRUE(Signal("c", "e", SIGKILL));
  EXPECT_EQ(client_->Wait("c", "e"), 137);
  EXPECT_TRUE(Signal("c", "c", SIGKILL));
  EXPECT_EQ(client_->Wait("c", ""), 137);
  EXPECT_TRUE(Remove("c"));
}

}  // namespace
}  // namespace virtcontainers::guest
