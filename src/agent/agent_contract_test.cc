// The contract of agents, over each of them.

#include "../../test/contract/agent_contract.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "../../test/contract/agent_contract_input.h"
#include "../../test/contract/agent_contract_operations.h"
#include "../../test/contract/agent_contract_resume.h"
#include "agent/kata/kata_agent.h"
#include "agent/noop/noop_agent.h"
#include "base/errors.h"
#include "os/subprocess.h"
#include "os/test_directory.h"
#include "ttrpc/fd_stream.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

class NoopBed final : public AgentBed {
 public:
  std::unique_ptr<Agent> Make() override { return std::make_unique<NoopAgent>(); }
  AgentAddress Address() override { return {}; }
  std::string Rootfs() override { return "/"; }
  std::vector<std::string> ExitWith(int code) override { return {"exit", std::to_string(code)}; }
  bool HasProcesses() override { return false; }
};

INSTANTIATE_TEST_SUITE_P(Noop, AgentContract,
                         testing::Values(AgentUnderTest{"Noop", [] { return std::make_unique<NoopBed>(); },
                                                        ""}),
                         AgentName);

// The real agent as a process of this machine

constexpr char kBusybox[] = "/bin/busybox";

std::string AgentProgram() {
  const char* given = std::getenv("VIRTCONTAINERS_AGENT");
  return given != nullptr ? given : VIRTCONTAINERS_TEST_AGENT;
}

std::string CgroupMount() {
  for (const std::string path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (::access((path + "/cgroup.controllers").c_str(), F_OK) == 0) return path;
  }
  return {};
}

std::string WhyNoRealAgent() {
  if (::geteuid() != 0) return "making containers needs root";
  if (::access(AgentProgram().c_str(), X_OK) != 0) {
    return "there is no agent at " + AgentProgram() + ": build it, or name one in $VIRTCONTAINERS_AGENT";
  }
  if (::access(kBusybox, X_OK) != 0) return "there is no /bin/busybox (package busybox-static)";
  if (CgroupMount().empty()) return "there is no cgroup v2";
  return {};
}

// A socket that speaks ttRPC at once: no port, and no sessions.
Result<std::unique_ptr<Stream>> ConnectPlain(const AgentAddress& address,
                                             const std::function<bool()>& cancelled, Deadline deadline) {
  while (!cancelled()) {
    Result<UniqueFd> fd = ttrpc::ConnectUnix(std::get<SerialSocket>(address).path, deadline);
    if (fd) {
      VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> stream, ttrpc::FdStream::Create(std::move(*fd)));
      return std::unique_ptr<Stream>(std::move(stream));
    }
    // It is being started.
    if (deadline.passed()) return Fail(std::move(fd.error()));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return Fail(Code::kCancelled, "given up");
}

class RealBed final : public AgentBed {
 public:
  RealBed() {
    std::filesystem::create_directories(Rootfs() + "/bin");
    std::filesystem::create_directories(Rootfs() + "/tmp");
    std::filesystem::copy_file(kBusybox, Rootfs() + "/bin/busybox");
    for (const char* applet : {"sh", "cat", "echo", "sleep", "true"}) {
      EXPECT_EQ(::symlink("busybox", (Rootfs() + "/bin/" + applet).c_str()), 0);
    }
    cgroup_ = std::filesystem::path(directory_.path()).filename();
    // --kill-child: nothing outlives the test, however it ends. The agent's state is where the client thinks
    // it is, which is nobody else's there.
    Result<Subprocess> agent = Subprocess::Spawn(
        {.argv = {"unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL",
                  "--mount-proc", "sh", "-c", "mount -t tmpfs tmpfs /run && exec \"$@\"", "sh",
                  AgentProgram(), "--listen", "unix:" + (directory_ / "agent.sock"), "--state",
                  "/run/kata-containers", "--cgroup", cgroup_}});
    EXPECT_TRUE(agent) << agent.error().ToString();
    if (agent) agent_.emplace(std::move(*agent));
  }

  ~RealBed() override {
    if (agent_) {
      (void)agent_->Kill(SIGKILL);
      EXPECT_TRUE(agent_->Wait(Deadline::After(std::chrono::seconds(10))));
    }
    // The kernel needs a moment for the processes in it to be gone.
    const std::string cgroup = CgroupMount() + "/" + cgroup_;
    for (int i = 0; i < 400 && FileExists(cgroup); ++i) {
      std::error_code ignored;
      for (const auto& entry : std::filesystem::directory_iterator(cgroup, ignored)) {
        if (entry.is_directory(ignored)) ::rmdir(entry.path().c_str());
      }
      if (::rmdir(cgroup.c_str()) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_FALSE(FileExists(cgroup));
  }

  std::unique_ptr<Agent> Make() override { return std::make_unique<KataAgent>(ConnectPlain); }
  AgentAddress Address() override { return SerialSocket{directory_ / "agent.sock"}; }
  std::string Rootfs() override { return directory_ / "rootfs"; }
  std::vector<std::string> ExitWith(int code) override {
    return {"sh", "-c", "exit " + std::to_string(code)};
  }
  std::vector<Mount> Mounts() override {
    return {{"/dev", "tmpfs", "tmpfs", {"nosuid"}},
            {"/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666", "mode=0620"}}};
  }
  bool IsMachine() override { return false; }

 private:
  static bool FileExists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

  const TestDirectory directory_;
  std::string cgroup_;
  std::optional<Subprocess> agent_;
};

INSTANTIATE_TEST_SUITE_P(Kata, AgentContract,
                         testing::Values(AgentUnderTest{"Guest", [] { return std::make_unique<RealBed>(); },
                                                        WhyNoRealAgent()}),
                         AgentName);

}  // namespace
}  // namespace virtcontainers
