#include "hypervisor/qemu/device_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::ElementsAre;

std::vector<std::string> Commands(const DevicePlan& plan) {
  std::vector<std::string> commands;
  for (const QmpStep& part : plan.parts)
    commands.push_back(part.command + " " + DumpJson(part.arguments, false));
  commands.push_back("device_add " + DumpJson(plan.device, false));
  return commands;
}

TEST(DevicePlanTest, AddressOf_Slots_CountsBridges) {
  EXPECT_EQ(AddressOf({0}).pci, "10/00");
  EXPECT_EQ(AddressOf({31}).pci, "10/1f");
  EXPECT_EQ(AddressOf({32}).pci, "11/00");
  EXPECT_EQ(BridgesFor(1), 1u);
  EXPECT_EQ(BridgesFor(32), 1u);
  EXPECT_EQ(BridgesFor(33), 2u);
}

TEST(DevicePlanTest, PlanDevice_LimitedQcow2Disk_HasThrottleOnTop) {
  BlockDevice disk;
  disk.id = "data";
  disk.format = ImageFormat::kQcow2;
  disk.limits = {.bytes = 1000, .operations = 10};
  EXPECT_THAT(
      Commands(PlanDevice(disk, DeviceBus::kPci, {33}, {"7"})),
      ElementsAre(
          R"(blockdev-add {"driver":"file","node-name":"data-file","filename":"/dev/fdset/7","read-only":false})",
          R"(blockdev-add {"driver":"qcow2","node-name":"data-image","file":"data-file","read-only":false,"backing":null})",
          R"(object-add {"qom-type":"throttle-group","id":"data-limits","limits":{"bps-total":1000,"iops-total":10}})",
          R"(blockdev-add {"driver":"throttle","node-name":"data-limit","throttle-group":"data-limits","file":"data-image","read-only":false})",
          R"(device_add {"id":"device.data","driver":"virtio-blk-pci","bus":"bridge1","addr":"0x1","drive":"data-limit","serial":"data","disable-legacy":"on"})"));
}

TEST(DevicePlanTest, PlanDevice_TapQueues_HaveVectorsForEach) {
  NetworkDevice network;
  network.id = "eth";
  network.mac = {{2, 0, 0, 0, 0, 1}};
  network.backend = TapQueues{{3, 4}};
  EXPECT_THAT(
      Commands(PlanDevice(network, DeviceBus::kPci, {0}, {"eth.0", "eth.1"})),
      ElementsAre(
          R"(netdev_add {"id":"eth-net","type":"tap","fds":"eth.0:eth.1"})",
          R"(device_add {"id":"device.eth","driver":"virtio-net-pci","bus":"bridge0","addr":"0x0","netdev":"eth-net","mac":"02:00:00:00:00:01","host_mtu":1500,"mq":true,"vectors":6,"romfile":"","disable-legacy":"on"})"));
}

TEST(DevicePlanTest, ArgumentsOf_DeviceOfMicrovm_HasNoBus) {
  NetworkDevice network;
  network.id = "eth";
  network.mac = {{2, 0, 0, 0, 0, 1}};
  network.backend = StreamSocket{3};
  EXPECT_THAT(
      ArgumentsOf(PlanDevice(network, DeviceBus::kMmio, {}, {"10"})),
      ElementsAre(
          "-netdev", R"({"id":"eth-net","type":"socket","fd":"10"})", "-device",
          R"({"id":"device.eth","driver":"virtio-net-device","netdev":"eth-net","mac":"02:00:00:00:00:01","host_mtu":1500})"));
}

TEST(DevicePlanTest, RemovalOfParts_EveryKind_CoversItsPlan) {
  BlockDevice disk;
  disk.id = "x";
  disk.limits.bytes = 1;
  NetworkDevice network;
  network.id = "x";
  network.backend = StreamSocket{3};
  const std::vector<QmpStep> removal = RemovalOfParts("x");
  for (const Device& device : {Device(disk), Device(network), Device(SharedDirectory{"x", "tag", 3}),
                               Device(MemoryDevice{"x", {}})}) {
    for (const QmpStep& part : PlanDevice(device, DeviceBus::kPci, {}, {"1"}).parts) {
      const char* key = part.command == "blockdev-add" ? "node-name" : "id";
      const bool removed = std::any_of(removal.begin(), removal.end(), [&](const QmpStep& step) {
        return step.arguments.begin().value() == part.arguments[key] &&
               step.command.substr(0, 4) == part.command.substr(0, 4);
      });
      EXPECT_TRUE(removed) << part.command << " " << part.arguments[key];
    }
  }
}

}  // namespace
}  // namespace virtcontainers
