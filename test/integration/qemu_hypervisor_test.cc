// QEMU as a Hypervisor: the contract, and what only a real VM shows. Needs no agent: the guest runs a line of
// shell in its place.

#include "hypervisor/qemu/qemu_hypervisor.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <net/if.h>
#include <sstream>
#include <thread>

#include "../contract/hypervisor_contract.h"
#include "../contract/hypervisor_device_contract.h"
#include "base/unique_fd.h"
#include "hypervisor/qemu/qemu_descriptors.h"
#include "hypervisor/qemu/qmp_client.h"
#include "os/file.h"
#include "os/process_identity.h"
#include "storage/shared_rootfs.h"
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
          SkipReason(), nullptr};
}

constexpr char kGuestIsUp[] = "the guest is up";

// The same, with a guest that says when it handles requests for its devices.
HypervisorUnderTest QemuWithGuest(const std::string& machine) {
  HypervisorUnderTest qemu = Qemu(machine);
  qemu.configure = [configure = qemu.configure](VmConfig& config) {
    configure(config);
    config.hypervisor.kernel_parameters = {"rdinit=/bin/busybox", "--", "sh", "-c",
                                           std::string("\"echo ") + kGuestIsUp + "; sleep 1000\""};
  };
  qemu.await_guest = [](const VmConfig& config) {
    for (const Deadline deadline = Deadline::After(std::chrono::seconds(60)); !deadline.passed();) {
      if (ReadFile(config.console, 16 << 20).value_or("").find(kGuestIsUp) != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "the guest does not come up";
  };
  return qemu;
}

INSTANTIATE_TEST_SUITE_P(Qemu, HypervisorDeviceContract, testing::Values(QemuWithGuest("q35")),
                         HypervisorName);
INSTANTIATE_TEST_SUITE_P(Qemu, HypervisorFixedDeviceContract, testing::Values(QemuWithGuest("microvm")),
                         HypervisorName);

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
  EXPECT_TRUE(ttrpc::ConnectUnix(std::get<SerialSocket>(info->agent).path, Soon()));
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
  auto socket = ttrpc::ConnectUnix(std::get<SerialSocket>(info->agent).path, Soon());
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

class QemuDeviceTest : public QemuTest {
 protected:
  // Shows, again and again, what the guest has of its devices. `mount` has the tag "hot".
  static constexpr char kShowDevices[] =
      "mount -t devtmpfs d /dev; mount -t proc p /proc; mount -t sysfs s /sys; exec >/dev/console 2>&1; "
      "while read "
      "m; do insmod $m; done </lib/modules/load-order; modprobe virtio_blk; modprobe virtio_net; mkdir /hot; "
      "while "
      "true; do cat /sys/block/vd*/serial /sys/block/vd*/ro /sys/class/net/eth*/address "
      "/sys/class/net/eth*/mtu; "
      "mount -t virtiofs hot /hot; cat /hot/*/hello; umount /hot; sleep 0.1; done 2>/dev/null";

  // What the console says from now on has `text`.
  bool WaitForMore(const std::string& text) const {
    const size_t before = Console().size();
    for (const Deadline deadline = Boot(); !deadline.passed();) {
      const std::string console = Console();
      if (console.size() > before && console.find(text, before) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
};

INSTANTIATE_TEST_SUITE_P(Qemu, QemuDeviceTest, testing::Values(Qemu("q35")), HypervisorName);

// A queue of a new tap device, which is gone with it. -1 where that is not possible.
int OpenTap() {
  const int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (tap < 0) return -1;
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  std::strncpy(request.ifr_name, "vctest%d", IFNAMSIZ);
  if (::ioctl(tap, TUNSETIFF, &request) == 0) return tap;
  ::close(tap);
  return -1;
}

TEST_P(QemuDeviceTest, AddDevice_EachKind_GuestUsesIt) {
  const auto share = SharedRootfs::Create({.run_dir = directory_}, Soon());
  if (!share && share.error().code() == Code::kPermissionDenied) GTEST_SKIP() << share.error().ToString();
  ASSERT_TRUE(share) << share.error().ToString();
  std::filesystem::create_directory(directory_ + "/root");
  std::ofstream(directory_ + "/root/hello") << "hello by virtio-fs\n";
  ASSERT_TRUE((*share)->Add("one", directory_ + "/root", true));
  const auto socket = ttrpc::ConnectUnix((*share)->socket(), Soon());
  ASSERT_TRUE(socket) << socket.error().ToString();
  VmConfig config = ConfigToRun(kShowDevices);
  config.resources.max_memory = Bytes::MiB(1024);
  ASSERT_TRUE(hypervisor_->Start(config, Soon()));

  const Result<GuestAddress> hot =
      hypervisor_->AddDevice(SharedDirectory{"share", "hot", socket->get()}, Soon());
  ASSERT_TRUE(hot) << hot.error().ToString();
  EXPECT_TRUE(WaitForMore("hello by virtio-fs")) << Console();

  const std::string path = directory_ + "/disk.img";
  const UniqueFd image(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(image.get(), 1 << 20), 0);
  BlockDevice disk;
  disk.id = "disk";
  disk.image = image.get();
  disk.readonly = true;
  disk.serial = "a-serial";
  disk.limits.operations = 1000;
  ASSERT_TRUE(hypervisor_->AddDevice(disk, Soon()));
  EXPECT_TRUE(WaitForMore("a-serial1\r\n")) << Console();

  NetworkDevice network;
  network.id = "net";
  network.mac = {{0x52, 0x54, 0, 0xab, 0xcd, 0xef}};
  network.mtu = 1400;
  // A user who may not make a tap device has a socket.
  const UniqueFd tap(OpenTap());
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd near_end(ends[0]), far_end(ends[1]);
  if (tap) {
    network.backend = TapQueues{{tap.get()}};
  } else {
    network.backend = StreamSocket{near_end.get()};
  }
  const Result<GuestAddress> added = hypervisor_->AddDevice(network, Soon());
  ASSERT_TRUE(added) << added.error().ToString();
  EXPECT_TRUE(WaitForMore("52:54:00:ab:cd:ef\r\n1400")) << Console();
  EXPECT_TRUE(hypervisor_->RemoveDevice("net", Boot()));
  const Status removed = hypervisor_->RemoveDevice("disk", Boot());
  EXPECT_TRUE(removed) << removed.error().ToString();
  // A share that the guest uses now and then is let go of when it is not mounted.
  const Status unshared = hypervisor_->RemoveDevice("share", Boot());
  EXPECT_TRUE(unshared) << unshared.error().ToString();
  EXPECT_TRUE(hypervisor_->ListDevices(Soon()).value().empty());
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
  EXPECT_TRUE((*share)->Stop(Soon()));
}

}  // namespace
}  // namespace virtcontainers
