#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pod/test_config.h"

namespace virtcontainers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Warnings, WarningsOf_KnownNames_AreNone) {
  EXPECT_THAT(WarningsOf(FullContainer()), IsEmpty());
  ContainerConfig config = SmallContainer("db", "/srv");
  EXPECT_THAT(WarningsOf(config), IsEmpty());
  config.process.capabilities = DefaultCapabilities();
  EXPECT_THAT(WarningsOf(config), IsEmpty());
}

TEST(Warnings, WarningsOf_UnknownCapabilities_NamesEachOnce) {
  ContainerConfig config = SmallContainer("db", "/srv");
  config.process.capabilities = Capabilities{{"CAP_FLY", "CAP_KILL"}, {"CAP_FLY"}, {"kill\n"}, {}, {}};
  EXPECT_THAT(WarningsOf(config),
              ElementsAre("capability 'CAP_FLY' is unknown and ignored: they are named like 'CAP_NET_ADMIN'",
                          "capability 'kill?' is unknown and ignored: they are named like 'CAP_NET_ADMIN'"));
  EXPECT_EQ(WarningsOf(config.process), WarningsOf(config));
}

TEST(Warnings, WarningsOf_BindMountWithFileSystemOptions_NamesEachOption) {
  ContainerConfig config = SmallContainer("db", "/srv");
  config.mounts = {{"/data", "bind", "/srv/data", {"rbind", "mode=755", "ro"}},
                   {"/tmp", "tmpfs", "tmpfs", {"mode=755"}}};
  EXPECT_THAT(WarningsOf(config),
              ElementsAre("mount at '/data': the option 'mode=755' is ignored: a bind mount "
                          "shows what is there"));
}

}  // namespace
}  // namespace virtcontainers
