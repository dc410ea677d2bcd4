#include "pod/defaults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pod/test_config.h"

namespace virtcontainers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(Defaults, CompleteContainer_WithoutPaths_UsesDefaultPaths) {
  const ContainerConfig container = CompleteContainer(SmallContainer("db", "/srv"));
  EXPECT_THAT(container.masked_paths, Optional(DefaultMaskedPaths()));
  EXPECT_THAT(container.readonly_paths, Optional(DefaultReadonlyPaths()));
  EXPECT_THAT(DefaultMaskedPaths(), Contains("/proc/kcore"));
  EXPECT_THAT(DefaultReadonlyPaths(), Contains("/proc/sysrq-trigger"));
  EXPECT_THAT(DefaultReadonlyPaths(), Contains("/proc/sys"));
}

TEST(Defaults, CompleteContainer_WithPaths_KeepsPaths) {
  ContainerConfig config = SmallContainer("db", "/srv");
  config.masked_paths.emplace();
  config.readonly_paths = std::vector<std::string>{"/proc/bus"};
  const ContainerConfig container = CompleteContainer(config);
  EXPECT_THAT(container.masked_paths, Optional(IsEmpty()));
  EXPECT_THAT(container.readonly_paths, Optional(ElementsAre("/proc/bus")));
}

TEST(Defaults, CompleteContainer_WithoutDeviceRules_AllowsOnlyListedDevices) {
  ContainerConfig config = SmallContainer("db", "/srv");
  config.devices = {{"/dev/fuse", "c", 10, 229, {}, 0, 0},
                    {"/dev/vdb", "b", 254, 16, {}, 0, 0},
                    {"/dev/fifo", "p", 0, 0, {}, 0, 0},
                    {"/dev/old", "u", 7, 1, {}, 0, 0}};
  const std::vector<DeviceRule> rules = CompleteContainer(config).resources.devices;
  ASSERT_EQ(rules.size(), 4u);
  EXPECT_FALSE(rules[0].allow);
  EXPECT_EQ(rules[0].type, "a");
  EXPECT_FALSE(rules[0].major || rules[0].minor);
  EXPECT_EQ(rules[0].access, "rwm");
  const auto line = [](const DeviceRule& rule) {
    return (rule.allow ? "" : "not ") + rule.type + std::to_string(rule.major.value_or(-1)) + ":" +
           std::to_string(rule.minor.value_or(-1)) + rule.access;
  };
  EXPECT_EQ(line(rules[1]), "c10:229rwm");
  EXPECT_EQ(line(rules[2]), "b254:16rwm");
  EXPECT_EQ(line(rules[3]), "c7:1rwm");
}

TEST(Defaults, CompleteContainer_WithDeviceRules_KeepsRules) {
  ContainerConfig config = SmallContainer("db", "/srv");
  config.devices = {{"/dev/fuse", "c", 10, 229, {}, 0, 0}};
  config.resources.devices = {{true, "a", {}, {}, "rwm"}};
  const std::vector<DeviceRule> rules = CompleteContainer(config).resources.devices;
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_TRUE(rules[0].allow);
}

}  // namespace
}  // namespace virtcontainers
