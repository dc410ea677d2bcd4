#include "guest/agent/os/kernel_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kDependencies =
    "fuse: /m/fuse.ko\n"
    "virtio_fs: /m/virtiofs.ko /m/virtio.ko /m/fuse.ko\n"
    "ext4:\n"
    "no colon here\n"
    "last: /m/last.ko";

TEST(KernelModuleTest, ModulePaths_WithDependencies_ListsThemFirst) {
  EXPECT_THAT(ModulePaths(kDependencies, "virtio_fs").value(),
              ElementsAre("/m/virtio.ko", "/m/fuse.ko", "/m/virtiofs.ko"));
  EXPECT_THAT(ModulePaths(kDependencies, "fuse").value(), ElementsAre("/m/fuse.ko"));
  EXPECT_THAT(ModulePaths(kDependencies, "last").value(), ElementsAre("/m/last.ko"));
}

TEST(KernelModuleTest, ModulePaths_DashesAndUnderscores_AreEqual) {
  EXPECT_TRUE(ModulePaths(kDependencies, "virtio-fs"));
}

TEST(KernelModuleTest, ModulePaths_BuiltIn_IsEmpty) {
  EXPECT_THAT(ModulePaths(kDependencies, "ext4").value(), IsEmpty());
}

TEST(KernelModuleTest, ModulePaths_NotInImage_Fails) {
  EXPECT_EQ(ModulePaths(kDependencies, "btrfs").error().code(), Code::kNotFound);
  EXPECT_EQ(ModulePaths("", "fuse").error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers::guest
