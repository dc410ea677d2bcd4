// Root file systems as a real guest sees them. Needs no agent: the guest runs a line of shell in its place.

#include "storage/shared_rootfs.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "hypervisor/qemu/qemu_hypervisor.h"
#include "os/file.h"
#include "os/process_identity.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr char kLoadModules[] =
    "mount -t devtmpfs d /dev; mount -t proc p /proc; mount -t sysfs s /sys; exec >/dev/console 2>&1; while "
    "read m; do "
    "insmod $m; done </lib/modules/load-order; mkdir -p /share; mount -t virtiofs share /share; ";

class GuestShareTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* guest = std::getenv("VIRTCONTAINERS_GUEST");
    if (::geteuid() != 0) GTEST_SKIP() << "skipped: mounting needs root";
    if (guest == nullptr || !FileExists(std::string(guest) + "/vmlinux")) {
      GTEST_SKIP() << "skipped: $VIRTCONTAINERS_GUEST is no directory with vmlinux and initramfs.cpio";
    }
    if (FindProgram("qemu-system-x86_64").empty() || !FindVirtiofsd("", Boot())) {
      GTEST_SKIP() << "skipped: qemu-system-x86_64 or virtiofsd is not installed";
    }
    guest_ = guest;
    std::string name = (fs::temp_directory_path() / "vc-share-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }

  void TearDown() override {
    qemu_.reset();
    share_.reset();
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  static Deadline Boot() { return Deadline::After(std::chrono::seconds(90)); }

  void Start(const std::string& script) {
    auto share = SharedRootfs::Create({.run_dir = directory_}, Boot());
    ASSERT_TRUE(share) << share.error().ToString();
    share_ = std::move(*share);

    VmConfig config;
    config.name = "share";
    config.run_dir = directory_;
    config.console = directory_ + "/console.log";
    config.hypervisor.machine = GetParam();
    config.hypervisor.kernel = guest_ + "/vmlinux";
    config.hypervisor.initrd = guest_ + "/initramfs.cpio";
    config.hypervisor.kernel_parameters = {"rdinit=/bin/busybox", "--", "sh", "-c",
                                           "\"" + (kLoadModules + script) + "\""};
    auto socket = ttrpc::ConnectUnix(share_->socket(), Boot());
    ASSERT_TRUE(socket) << socket.error().ToString();
    config.devices = {SharedDirectory{"share", "share", socket->get()}};
    const Result<VmInfo> info = qemu_->Start(config, Boot());
    ASSERT_TRUE(info) << info.error().ToString() << share_->exit_reason().value_or("");
  }

  std::string MakeRootfs(const std::string& name) {
    const std::string path = directory_ + "/" + name;
    fs::create_directories(path);
    std::ofstream(path + "/hello") << "hello from " << name << "\n";
    return path;
  }

  std::string Console() const { return ReadFile(directory_ + "/console.log", 16 << 20).value_or(""); }

  bool WaitForConsole(const std::string& text) const {
    for (const Deadline deadline = Boot(); !deadline.passed();) {
      if (Console().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  std::string guest_, directory_;
  std::unique_ptr<SharedRootfs> share_;
  std::unique_ptr<QemuHypervisor> qemu_ = std::make_unique<QemuHypervisor>();
};

INSTANTIATE_TEST_SUITE_P(Machines, GuestShareTest, testing::Values("q35", "microvm"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST_P(GuestShareTest, Share_EntryIsAddedWhileGuestRuns_GuestSeesIt) {
  // The guest knows an entry by what is in it.
  Start(
      "find() { for d in $(ls /share); do e=/share/$d; grep -q $1 $e/hello && return; done; sleep 0.1; find "
      "$1; }; "
      "echo ready; find c1; a=$e; find c2; b=$e; cat $a/hello $b/hello; echo written >$a/from-guest; "
      "echo x >$b/from-guest; stat -c %d $a/hello >/a; stat -c %d $b/hello >/b; cmp -s /a /b && echo one "
      "device; "
      "sync; poweroff -f");
  ASSERT_TRUE(WaitForConsole("ready")) << Console();
  const std::string c1 = MakeRootfs("c1"), c2 = MakeRootfs("c2");
  fs::create_directories(c1 + "/sub");
  ASSERT_TRUE(share_->Add("c1", c1, /*readonly=*/false));
  ASSERT_TRUE(share_->Add("c2", c2, /*readonly=*/true));

  const Result<VmExit> exit = qemu_->WaitExit(Boot());
  ASSERT_TRUE(exit) << exit.error().ToString() << Console();
  EXPECT_EQ(exit->reason, "guest powered off");
  EXPECT_THAT(Console(), HasSubstr("hello from c1"));
  EXPECT_THAT(Console(), HasSubstr("hello from c2"));
  EXPECT_THAT(Console(), HasSubstr("Read-only file system"));
  EXPECT_THAT(Console(), Not(HasSubstr("one device"))) << "equal inode numbers would be one file";
  EXPECT_EQ(ReadFile(c1 + "/from-guest", 100).value_or(""), "written\n") << Console();
  EXPECT_FALSE(FileExists(c2 + "/from-guest"));
}

TEST_P(GuestShareTest, Virtiofsd_VmIsKilled_Ends) {
  Start("echo ready; sleep 1000");
  ASSERT_TRUE(WaitForConsole("ready")) << Console();
  const ProcessIdentity virtiofsd = share_->process();
  ASSERT_TRUE(IsAlive(virtiofsd)) << share_->exit_reason().value_or("");
  ASSERT_TRUE(qemu_->Stop(Boot()));
  for (const Deadline deadline = Boot(); IsAlive(virtiofsd) && !deadline.passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(IsAlive(virtiofsd));
}

TEST_P(GuestShareTest, Share_VirtiofsdIsKilled_IsReported) {
  Start("echo ready; sleep 1000");
  ASSERT_TRUE(WaitForConsole("ready")) << Console();
  ASSERT_EQ(::kill(share_->process().pid, SIGKILL), 0);
  for (const Deadline deadline = Boot(); !share_->exit_reason() && !deadline.passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(share_->exit_reason().value_or("").rfind("virtiofsd killed by signal 9", 0), 0u);
  EXPECT_TRUE(qemu_->Stop(Boot())) << "a vm without its root file systems can be stopped";
}

}  // namespace
}  // namespace virtcontainers
