// QEMU as a Hypervisor: the contract, and what only a real VM shows. Needs no agent: the guest runs a line of
// shell in its place.

#include "hypervisor/qemu/qemu_hypervisor.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "../contract/hypervisor_contract.h"
#include "hypervisor/qemu/qmp_client.h"
#include "os/file.h"
#include "os/process_identity.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string GuestFile(const std::string& name) {
  const char* guest = std::getenv("VIRTCONTAINERS_GUEST");
  return guest == nullptr ? "" : std::string(guest) + "/" + name;
}

std::string SkipReason() {
  if (FindProgram("qemu-system-x86_64").empty()) return "skipped: qemu-system-x86_64 is not installed";
  if (!FileExists(GuestFile("vmlinux")) || !FileExists(GuestFile("initramfs.cpio"))) {
    return "skipped: $VIRTCONTAINERS_GUEST is no directory with vmlinux and initramfs.cpio";
  }
  return "";
}

HypervisorUnderTest Qemu(const std::string& machine) {
  return {"qemu_" + machine, [] { return std::make_unique<QemuHypervisor>(); },
          [machine](VmConfig& config) {
            config.hypervisor.machine = machine;
            config.hypervisor.kernel = GuestFile("vmlinux");
            config.hypervisor.initrd = GuestFile("initramfs.cpio");
          },
          SkipReason()};
}

INSTANTIATE_TEST_SUITE_P(Qemu, HypervisorContract, testing::Values(Qemu("q35"), Qemu("microvm")),
                         HypervisorName);

class QemuTest : public HypervisorContract {
 protected:
  static Deadline Boot() { return Deadline::After(std::chrono::seconds(60)); }

  // The kernel starts a shell in place of the agent. No double quotes in `script`.
  VmConfig ConfigToRun(const std::string& script) const {
    VmConfig config = Config();
    config.hypervisor.kernel_parameters = {"rdinit=/bin/busybox", "--", "sh", "-c", "\"" + script + "\""};
    return config;
  }

  std::string Console() const { return ReadFile(directory_ + "/console.log", 16 << 20).value_or(""); }

  bool WaitForConsole(const std::string& text) const {
    for (const Deadline deadline = Boot(); !deadline.passed();) {
      if (Console().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
};

INSTANTIATE_TEST_SUITE_P(Qemu, QemuTest, testing::Values(Qemu("q35"), Qemu("microvm")), HypervisorName);

TEST_P(QemuTest, WaitExit_GuestPowersOff_ReturnsCleanExit) {
  ASSERT_TRUE(hypervisor_->Start(ConfigToRun("echo hello from the guest; poweroff -f"), Soon()));
  const Result<VmExit> exit = hypervisor_->WaitExit(Boot());
  ASSERT_TRUE(exit) << exit.error().ToString() << Console();
  EXPECT_TRUE(exit->clean) << exit->reason;
  EXPECT_EQ(exit->reason, "guest powered off");
  EXPECT_THAT(Console(), HasSubstr("hello from the guest"));
  EXPECT_FALSE(FileExists(directory_ + "/qmp.sock"));
  EXPECT_FALSE(FileExists(directory_ + "/agent.sock"));
}

TEST_P(QemuTest, WaitExit_GuestPanics_ReturnsPanicAsReason) {
  VmConfig config = Config();
  config.hypervisor.kernel_parameters = {"rdinit=/nowhere"};
  ASSERT_TRUE(hypervisor_->Start(config, Soon()));
  const Result<VmExit> exit = hypervisor_->WaitExit(Boot());
  ASSERT_TRUE(exit) << exit.error().ToString() << Console();
  EXPECT_FALSE(exit->clean);
  EXPECT_THAT(exit->reason, StartsWith("guest reset itself: Kernel panic - not syncing"));
}

TEST_P(QemuTest, WaitExit_GuestResetsForPowerOff_ReturnsCleanExit) {
  VmConfig config = Config();
  config.hypervisor.kernel_parameters = {"virtcontainers.poweroff=reset", "rdinit=/bin/busybox", "--",
                                         "reboot", "-f"};
  ASSERT_TRUE(hypervisor_->Start(config, Soon()));
  EXPECT_EQ(hypervisor_->WaitExit(Boot()).value().reason, "guest powered off");
}

TEST_P(QemuTest, Start_ManyCpusAndDeepPathWithCommas_Succeeds) {
  // Longer than a unix socket's address.
  const std::string deep = directory_ + "/" + std::string(100, 'd') + "/a,b,,c/" + std::string(60, 'e');
  std::filesystem::create_directories(deep);
  VmConfig config = ConfigToRun(
      "grep -c ^processor /proc/cpuinfo; mount -t proc p /proc; grep -c ^processor "
      "/proc/cpuinfo; poweroff -f");
  config.resources.vcpus = 2;
  config.run_dir = deep;
  config.console = deep + "/console.log";
  config.name = "a,b";
  const Result<VmInfo> info = hypervisor_->Start(config, Soon());
  ASSERT_TRUE(info) << info.error().ToString();
  EXPECT_TRUE(ttrpc::ConnectUnix(info->agent_socket, Soon()));
  EXPECT_EQ(hypervisor_->WaitExit(Boot()).value().reason, "guest powered off");
  EXPECT_THAT(ReadFile(config.console, 1 << 20).value(), HasSubstr("2"));
}

TEST_P(QemuTest, Start_QmpSocket_IsReachableForSuccessor) {
  const VmInfo info = StartVm();
  auto socket = ttrpc::ConnectUnix(directory_ + "/" + std::string(kQmpSocketName), Soon());
  ASSERT_TRUE(socket) << socket.error().ToString();
  auto client = QmpClient::Open(std::move(*socket), nullptr, Soon());
  ASSERT_TRUE(client) << client.error().ToString();
  EXPECT_EQ((*client)->version(), info.version);
  EXPECT_EQ((*client)->Execute("query-status", Soon()).value()["status"], "running");
  EXPECT_EQ((*client)->Execute("nonsense", Soon()).error().code(), Code::kNotFound);
  EXPECT_EQ((*client)->Execute("device_del", {{"id", "nothing"}}, Soon()).error().code(),
            Code::kFailedPrecondition);

  EXPECT_TRUE((*client)->Execute("quit", Soon()));
  EXPECT_TRUE((*client)->WaitClosed(Soon()));
  EXPECT_EQ(hypervisor_->WaitExit(Soon()).value().reason,
            "vm exited: another client of its monitor asked it to");
}

TEST_P(QemuTest, Stop_QemuDoesNotAnswer_KillsIt) {
  const VmInfo info = StartVm();
  ASSERT_EQ(::kill(info.process.pid, SIGSTOP), 0);
  EXPECT_EQ(hypervisor_->Pause(Deadline::After(std::chrono::milliseconds(50))).error().code(),
            Code::kDeadlineExceeded);
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
  EXPECT_TRUE(IsGone(info.process.pid));
}

TEST_P(QemuTest, WaitExit_QemuGetsSigterm_Returns) {
  const VmInfo info = StartVm();
  ASSERT_EQ(::kill(info.process.pid, SIGTERM), 0);
  EXPECT_EQ(hypervisor_->WaitExit(Soon()).value().reason, "vm exited: a signal asked it to");
}

TEST_P(QemuTest, Start_Fails_NamesReasonAndLeavesNothing) {
  auto failure = [this](const std::function<void(VmConfig&)>& change) {
    hypervisor_ = std::make_unique<QemuHypervisor>();
    VmConfig config = Config();
    change(config);
    Result<VmInfo> info = hypervisor_->Start(config, Soon());
    EXPECT_FALSE(info);
    EXPECT_EQ(hypervisor_->state(), VmState::kNone);
    std::filesystem::remove(config.console);
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
    return info ? Error(Code::kUnknown, "it started") : info.error();
  };
  Error error = failure([](VmConfig& config) { config.hypervisor.kernel = "/nowhere/vmlinux"; });
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("kernel '/nowhere/vmlinux'"));

  error = failure([](VmConfig& config) { config.hypervisor.path = "/nowhere/qemu"; });
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("'/nowhere/qemu'"));

  error = failure([](VmConfig& config) { config.hypervisor.firmware = "nonsense.rom"; });
  EXPECT_EQ(error.code(), Code::kAborted);
  EXPECT_THAT(error.message(), HasSubstr("could not load PC BIOS 'nonsense.rom'"));

  error = failure([](VmConfig& config) { config.hypervisor.kernel = "/bin/sh"; });
  EXPECT_EQ(error.code(), Code::kAborted);

  error = failure([](VmConfig& config) { config.hypervisor.machine = "pc"; });
  EXPECT_EQ(error.code(), Code::kInvalidArgument);

  error = failure([](VmConfig& config) { config.resources.memory = Bytes::MiB(1 << 30); });
  EXPECT_EQ(error.code(), Code::kAborted);

  // A program that is there and is no QEMU: it says nothing, or ends.
  error = failure([](VmConfig& config) { config.hypervisor.path = "/bin/false"; });
  EXPECT_EQ(error.code(), Code::kAborted);
  EXPECT_THAT(error.ToString(), HasSubstr("status 1"));
}

TEST_P(QemuTest, Start_RunDirectoryIsInUse_Fails) {
  StartVm();
  QemuHypervisor second;
  EXPECT_EQ(second.Start(Config(), Soon()).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(hypervisor_->state(), VmState::kRunning);
}

TEST_P(QemuTest, AgentPort_BothWays_CarriesBytes) {
  VmConfig config = ConfigToRun(
      "mount -t devtmpfs d /dev; mount -t sysfs s /sys; exec >/dev/console 2>&1; while read m; do insmod $m; "
      "done "
      "</lib/modules/load-order; while [ ! -e /dev/vport?p1 ]; do sleep 0.1; done; cat "
      "/sys/class/virtio-ports/vport?p1/name; p=$(echo /dev/vport?p1); exec 3<>$p; read line <&3; echo got "
      "$line >&3; "
      "sleep 1000");
  const Result<VmInfo> info = hypervisor_->Start(config, Soon());
  ASSERT_TRUE(info) << info.error().ToString();
  auto socket = ttrpc::ConnectUnix(info->agent_socket, Soon());
  ASSERT_TRUE(socket) << socket.error().ToString();
  ASSERT_TRUE(WaitForConsole("org.virtcontainers.agent.0")) << Console();
  ASSERT_TRUE(WriteAll(socket->get(), "ping\n"));
  std::string answer;
  for (const Deadline deadline = Soon(); answer.find('\n') == std::string::npos && !deadline.passed();) {
    char buffer[64];
    const ssize_t n = ::read(socket->get(), buffer, sizeof buffer);
    if (n > 0) answer.append(buffer, static_cast<size_t>(n));
    if (n <= 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(answer, "got ping\n") << Console();
}

}  // namespace
}  // namespace virtcontainers
