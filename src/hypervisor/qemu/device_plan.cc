#include "hypervisor/qemu/device_plan.h"

#include <sys/stat.h>

#include <cstdio>
#include <utility>

namespace virtcontainers {
namespace {

// The names of a device's parts. Those of block nodes have at most 31 bytes in QEMU.
std::string FileNode(std::string_view id) { return std::string(id) + "-file"; }
std::string ImageNode(std::string_view id) { return std::string(id) + "-image"; }
std::string LimitNode(std::string_view id) { return std::string(id) + "-limit"; }
std::string LimitGroup(std::string_view id) { return std::string(id) + "-limits"; }
std::string NetworkBackend(std::string_view id) { return std::string(id) + "-net"; }
std::string Chardev(std::string_view id) { return std::string(id) + "-socket"; }
std::string MemoryBackend(std::string_view id) { return std::string(id) + "-memory"; }

bool IsBlockSpecial(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISBLK(info.st_mode);
}

// {"driver":"virtio-blk-pci",…}, with its place.
Json VirtioDevice(const std::string& type, std::string_view id, DeviceBus bus, DeviceSlot slot) {
  Json device = {{"id", QemuDeviceId(id)}};
  if (bus == DeviceBus::kMmio) {
    device["driver"] = type + "-device";
    return device;
  }
  char address[8];
  std::snprintf(address, sizeof(address), "0x%x", slot.index % kSlotsOfBridge);
  device["driver"] = type + "-pci";
  device["bus"] = BridgeId(slot.index / kSlotsOfBridge);
  device["addr"] = address;
  return device;
}

// Of a device that also has an interface of virtio 0.9, which nobody uses here.
void DisableLegacy(DeviceBus bus, Json& device) {
  if (bus == DeviceBus::kPci) device["disable-legacy"] = "on";
}

struct Planner {
  DeviceBus bus;
  DeviceSlot slot;
  const std::vector<std::string>& descriptors;

  DevicePlan operator()(const BlockDevice& disk) const {
    DevicePlan plan;
    std::string top = ImageNode(disk.id);
    plan.parts.push_back({"blockdev-add",
                          {{"driver", IsBlockSpecial(disk.image) ? "host_device" : "file"},
                           {"node-name", FileNode(disk.id)},
                           {"filename", "/dev/fdset/" + descriptors.at(0)},
                           {"read-only", disk.readonly}}});
    Json image = {{"driver", disk.format == ImageFormat::kQcow2 ? "qcow2" : "raw"},
                  {"node-name", top},
                  {"file", FileNode(disk.id)},
                  {"read-only", disk.readonly}};
    // What the header names is not opened, whoever has written it.
    if (disk.format == ImageFormat::kQcow2) image["backing"] = nullptr;
    plan.parts.push_back({"blockdev-add", std::move(image)});
    if (disk.limits != IoLimits{}) {
      plan.parts.push_back(
          {"object-add",
           {{"qom-type", "throttle-group"},
            {"id", LimitGroup(disk.id)},
            {"limits", {{"bps-total", disk.limits.bytes}, {"iops-total", disk.limits.operations}}}}});
      plan.parts.push_back({"blockdev-add",
                            {{"driver", "throttle"},
                             {"node-name", LimitNode(disk.id)},
                             {"throttle-group", LimitGroup(disk.id)},
                             {"file", top},
                             {"read-only", disk.readonly}}});
      top = LimitNode(disk.id);
    }
    plan.device = VirtioDevice("virtio-blk", disk.id, bus, slot);
    plan.device["drive"] = top;
    plan.device["serial"] = disk.serial.empty() ? disk.id : disk.serial;
    DisableLegacy(bus, plan.device);
    return plan;
  }

  DevicePlan operator()(const NetworkDevice& network) const {
    DevicePlan plan;
    Json backend = {{"id", NetworkBackend(network.id)}};
    size_t queues = 1;
    if (std::holds_alternative<StreamSocket>(network.backend)) {
      // Not "stream": QEMU 7.2 looks the descriptor's name up on a thread that does not know it, and reports
      // nothing. The bytes are the same.
      backend["type"] = "socket";
      backend["fd"] = descriptors.at(0);
    } else {
      queues = descriptors.size();
      std::string names;
      for (const std::string& name : descriptors) names += (names.empty() ? "" : ":") + name;
      backend["type"] = "tap";
      backend[queues == 1 ? "fd" : "fds"] = names;
    }
    plan.parts.push_back({"netdev_add", std::move(backend)});
    plan.device = VirtioDevice("virtio-net", network.id, bus, slot);
    plan.device["netdev"] = NetworkBackend(network.id);
    plan.device["mac"] = ToString(network.mac);
    plan.device["host_mtu"] = network.mtu;
    if (queues > 1) {
      plan.device["mq"] = true;
      // An interrupt for each queue and direction, one for the configuration, one for the control queue.
      if (bus == DeviceBus::kPci) plan.device["vectors"] = 2 * queues + 2;
    }
    // No option ROM: nobody boots from the network.
    if (bus == DeviceBus::kPci) plan.device["romfile"] = "";
    DisableLegacy(bus, plan.device);
    return plan;
  }

  DevicePlan operator()(const SharedDirectory& share) const {
    DevicePlan plan;
    plan.parts.push_back(
        {"chardev-add",
         {{"id", Chardev(share.id)},
          {"backend",
           {{"type", "socket"},
            {"data",
             {{"addr", {{"type", "fd"}, {"data", {{"str", descriptors.at(0)}}}}}, {"server", false}}}}}}});
    plan.device = VirtioDevice("vhost-user-fs", share.id, bus, slot);
    plan.device["chardev"] = Chardev(share.id);
    plan.device["tag"] = share.tag;
    return plan;
  }

  DevicePlan operator()(const MemoryDevice& memory) const {
    DevicePlan plan;
    // Shared, as all memory is: a vhost-user daemon maps it.
    plan.parts.push_back({"object-add",
                          {{"qom-type", "memory-backend-memfd"},
                           {"id", MemoryBackend(memory.id)},
                           {"share", true},
                           {"size", memory.size.count}}});
    plan.device = {
        {"driver", "pc-dimm"}, {"id", QemuDeviceId(memory.id)}, {"memdev", MemoryBackend(memory.id)}};
    return plan;
  }
};

}  // namespace

uint32_t BridgesFor(uint32_t slots) { return (slots + kSlotsOfBridge - 1) / kSlotsOfBridge; }

std::string BridgeId(uint32_t bridge) { return "bridge" + std::to_string(bridge); }

GuestAddress AddressOf(DeviceSlot slot) {
  char address[16];
  std::snprintf(address, sizeof(address), "%02x/%02x", kFirstBridgeSlot + slot.index / kSlotsOfBridge,
                slot.index % kSlotsOfBridge);
  return {address};
}

std::string QemuDeviceId(std::string_view id) { return "device." + std::string(id); }

std::vector<int> DescriptorsOf(const Device& device) {
  if (const auto* disk = std::get_if<BlockDevice>(&device)) return {disk->image};
  if (const auto* share = std::get_if<SharedDirectory>(&device)) return {share->socket};
  if (const auto* network = std::get_if<NetworkDevice>(&device)) {
    const auto* stream = std::get_if<StreamSocket>(&network->backend);
    if (stream != nullptr) return {stream->socket};
    return std::get<TapQueues>(network->backend).queues;
  }
  return {};
}

DevicePlan PlanDevice(const Device& device, DeviceBus bus, DeviceSlot slot,
                      const std::vector<std::string>& descriptors) {
  return std::visit(Planner{bus, slot, descriptors}, device);
}

std::vector<std::string> ArgumentsOf(const DevicePlan& plan) {
  std::vector<std::string> arguments;
  for (const QmpStep& part : plan.parts) {
    if (part.command == "chardev-add") {
      // The one option that takes no JSON.
      const Json& data = part.arguments["backend"]["data"];
      arguments.insert(arguments.end(),
                       {"-chardev", "socket,id=" + part.arguments["id"].get<std::string>() +
                                        ",fd=" + data["addr"]["data"]["str"].get<std::string>()});
      continue;
    }
    const char* option = part.command == "blockdev-add" ? "-blockdev"
                         : part.command == "netdev_add" ? "-netdev"
                                                        : "-object";
    arguments.insert(arguments.end(), {option, DumpJson(part.arguments, false)});
  }
  arguments.insert(arguments.end(), {"-device", DumpJson(plan.device, false)});
  return arguments;
}

std::vector<QmpStep> RemovalOfParts(std::string_view id) {
  return {{"blockdev-del", {{"node-name", LimitNode(id)}}}, {"object-del", {{"id", LimitGroup(id)}}},
          {"blockdev-del", {{"node-name", ImageNode(id)}}}, {"blockdev-del", {{"node-name", FileNode(id)}}},
          {"netdev_del", {{"id", NetworkBackend(id)}}},     {"chardev-remove", {{"id", Chardev(id)}}},
          {"object-del", {{"id", MemoryBackend(id)}}}};
}

std::string DescriptorName(std::string_view id, size_t index) {
  return std::string(id) + "." + std::to_string(index);
}

}  // namespace virtcontainers
