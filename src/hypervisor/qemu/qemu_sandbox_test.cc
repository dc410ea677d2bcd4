#include "hypervisor/qemu/qemu_sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::Contains;
using testing::ElementsAre;

VmConfig Config() {
  VmConfig config;
  config.hypervisor.kernel = "/guest/vmlinux";
  config.hypervisor.initrd = "/guest/initramfs.cpio";
  return config;
}

ConfinedRoot Root(const std::string& program, const std::string& firmware = "qboot.rom",
                  Accelerator accelerator = Accelerator::kTcg) {
  return QemuRoot(Config(), {program, firmware, accelerator, 0}, {"/bin", "/usr"});
}

TEST(QemuRootTest, Root_WithTcg_HasImageAndBasicDevicesOnly) {
  const ConfinedRoot root = Root("/usr/bin/qemu-system-x86_64");
  EXPECT_THAT(root.directories, ElementsAre("/bin", "/usr"));
  EXPECT_THAT(root.files, ElementsAre("/guest/vmlinux", "/guest/initramfs.cpio"));
  EXPECT_THAT(root.devices, ElementsAre("/dev/null", "/dev/zero", "/dev/urandom"));
}

TEST(QemuRootTest, Root_WithKvm_HasKvmDevice) {
  EXPECT_THAT(Root("/usr/bin/q", "qboot.rom", Accelerator::kKvm).devices, Contains("/dev/kvm"));
}

TEST(QemuRootTest, Root_ProgramOutsideSystemDirectories_AddsProgramDirectory) {
  EXPECT_THAT(Root("/home/me/build/qemu").directories, ElementsAre("/bin", "/usr", "/home/me/build"));
  // Installed in one place: its firmware and libraries are beside "bin".
  EXPECT_THAT(
      Root("/home/me/bin/qemu").directories,
      ElementsAre("/bin", "/usr", "/home/me/bin", "/home/me/lib", "/home/me/lib64", "/home/me/share/qemu"));
  EXPECT_THAT(Root("/bin/qemu").directories, ElementsAre("/bin", "/usr"));
  // Never all of the host's.
  EXPECT_THAT(Root("/qemu").directories, ElementsAre("/bin", "/usr"));
  EXPECT_THAT(Root("/qemu").files, Contains("/qemu"));
}

TEST(QemuRootTest, Root_FirmwareByPath_HasFile) {
  EXPECT_THAT(Root("/usr/bin/q", "/roms/own.rom").files, Contains("/roms/own.rom"));
}

TEST(ChooseSandboxTest, ChooseSandbox_WithoutConfiner_IsNoneWithReason) {
  const auto sandbox = ChooseSandbox("", Config(), {"/usr/bin/q", "qboot.rom", Accelerator::kTcg, 0});
  ASSERT_TRUE(sandbox) << sandbox.error().ToString();
  EXPECT_FALSE(sandbox->confinement);
  EXPECT_EQ(sandbox->description, "none: its monitor has none");
}

TEST(ChooseSandboxTest, ChooseSandbox_WithConfiner_DescribesConfinementOrObstacle) {
  const auto sandbox =
      ChooseSandbox("/proc/self/exe", Config(), {"/usr/bin/q", "qboot.rom", Accelerator::kTcg, 0});
  ASSERT_TRUE(sandbox) << sandbox.error().ToString();
  const std::string obstacle = ObstacleToConfining();
  if (!obstacle.empty()) {
    EXPECT_FALSE(sandbox->confinement);
    EXPECT_EQ(sandbox->description, "none: " + obstacle);
    return;
  }
  ASSERT_TRUE(sandbox->confinement);
  EXPECT_NE(sandbox->confinement->user, 0u);
  EXPECT_THAT(sandbox->description,
              testing::StartsWith("user " + std::to_string(sandbox->confinement->user) + ", "));
  EXPECT_EQ(sandbox->confinement->max_file_size, Config().resources.memory.count);
}

}  // namespace
}  // namespace virtcontainers
