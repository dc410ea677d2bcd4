#include "hypervisor/qemu/qemu_devices.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "hypervisor/qemu/qemu_descriptors.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kPeripherals[] = "/machine/peripheral";
constexpr char kDevicePrefix[] = "device.";
constexpr char kBridgePrefix[] = "bridge";

// What undoing a device may take when its caller's deadline has passed.
constexpr seconds kUndoDevice{5};
// How often the guest is asked again to let go: one that boots does not hear the first request.
constexpr milliseconds kAskAgain{500};
constexpr milliseconds kPartPause{5};

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool HasPrefix(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// A device that is in QEMU no more, or is on its way: QEMU has one class of errors for most of what it
// refuses, so the text has to tell.
bool IsPending(const Error& error) {
  return error.message().find("in the process of unplug") != std::string::npos;
}
bool IsUnknown(const Error& error) { return error.message().find("not found") != std::string::npos; }
bool IsInUse(const Error& error) {
  return error.message().find("in use") != std::string::npos ||
         error.message().find("is busy") != std::string::npos;
}

}  // namespace

Result<std::vector<QemuDevices::Found>> QemuDevices::Find(QmpClient& qmp, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const Json children, qmp.Execute("qom-list", {{"path", kPeripherals}}, deadline));
  std::vector<Found> found;
  if (!children.is_array()) return Fail(Code::kInternal, "qemu's qom-list did not return a list");
  for (const Json& child : children) {
    const std::string name = child.is_object() ? TextOf(child, "name") : "";
    if (!HasPrefix(name, kDevicePrefix)) continue;
    const std::string path = std::string(kPeripherals) + "/" + name;
    const auto property = [&](const char* property_name) {
      return qmp.Execute("qom-get", {{"path", path}, {"property", property_name}}, deadline).value_or(Json());
    };
    Found& device = found.emplace_back();
    device.id = name.substr(std::string_view(kDevicePrefix).size());
    // "/machine/peripheral/bridge0/bridge0", and the slot with three bits of function.
    const Json bus = property("parent_bus");
    const std::string bus_path = bus.is_string() ? bus.get<std::string>() : "";
    const std::string bridge = bus_path.substr(bus_path.rfind('/') + 1);
    if (!HasPrefix(bridge, kBridgePrefix)) continue;
    const Json place = property("addr");
    if (!place.is_number_unsigned()) continue;
    device.has_slot = true;
    const uint32_t number = static_cast<uint32_t>(
        std::strtoul(bridge.c_str() + std::string_view(kBridgePrefix).size(), nullptr, 10));
    device.slot.index = number * kSlotsOfBridge + (place.get<uint32_t>() >> 3) % kSlotsOfBridge;
  }
  return found;
}

Result<std::vector<PluggedDevice>> QemuDevices::List(QmpClient& qmp, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::vector<Found> found, Find(qmp, deadline));
  std::vector<PluggedDevice> devices;
  for (const Found& device : found) {
    devices.push_back({device.id, device.has_slot ? AddressOf(device.slot) : GuestAddress{}});
  }
  return devices;
}

Result<std::vector<std::string>> QemuDevices::SendDescriptors(QmpClient& qmp, const Device& device,
                                                              Deadline deadline) {
  std::vector<std::string> names;
  if (const auto* disk = std::get_if<BlockDevice>(&device)) {
    VC_ASSIGN_OR_RETURN(const UniqueFd image, ReopenImage(*disk));
    VC_ASSIGN_OR_RETURN(const Json set,
                        qmp.Execute("add-fd", {{"opaque", QemuDeviceId(disk->id)}}, {image.get()}, deadline));
    const auto number = set.find("fdset-id");
    if (number == set.end() || !number->is_number_unsigned()) {
      return Fail(Code::kInternal, "qemu's add-fd did not return the number of a descriptor set");
    }
    names.push_back(std::to_string(number->get<uint64_t>()));
    return names;
  }
  for (const int fd : DescriptorsOf(device)) {
    names.push_back(DescriptorName(IdOf(device), names.size()));
    VC_RETURN_IF_ERROR(qmp.Execute("getfd", {{"fdname", names.back()}}, {fd}, deadline));
  }
  return names;
}

Status QemuDevices::Plug(QmpClient& qmp, const DevicePlan& plan, Deadline deadline) {
  for (const QmpStep& part : plan.parts) {
    VC_RETURN_IF_ERROR(qmp.Execute(part.command, part.arguments, deadline));
  }
  VC_RETURN_IF_ERROR(qmp.Execute("device_add", plan.device, deadline));
  return {};
}

Result<GuestAddress> QemuDevices::Add(QmpClient& qmp, const Device& device, Deadline deadline) {
  const std::string& id = IdOf(device);
  VC_ASSIGN_OR_RETURN(const std::vector<Found> found, Find(qmp, deadline));
  std::vector<bool> taken(slots_);
  for (const Found& plugged : found) {
    if (plugged.id == id) return plugged.has_slot ? AddressOf(plugged.slot) : GuestAddress{};
    if (plugged.has_slot && plugged.slot.index < slots_) taken[plugged.slot.index] = true;
  }
  const bool needs_slot = !std::holds_alternative<MemoryDevice>(device);
  const auto free = std::find(taken.begin(), taken.end(), false);
  if (needs_slot && free == taken.end()) {
    return Fail(Code::kResourceExhausted, "no slot is left for " + std::string(KindOf(device)) + " " +
                                              Quoted(id) + ": the vm was started with " +
                                              std::to_string(slots_) + " (hypervisor.device_slots)");
  }
  // Of a call that was cut off there may be parts.
  VC_RETURN_IF_ERROR(RemoveParts(qmp, id, deadline));
  const DeviceSlot slot{static_cast<uint32_t>(free - taken.begin())};
  Result<std::vector<std::string>> descriptors = SendDescriptors(qmp, device, deadline);
  Status plugged;
  if (descriptors) {
    plugged = Plug(qmp, PlanDevice(device, DeviceBus::kPci, slot, *descriptors), deadline);
  } else {
    plugged = Fail(std::move(descriptors.error()));
  }
  if (plugged) return needs_slot ? AddressOf(slot) : GuestAddress{};
  // A command that was not answered in time may be carried out yet: QEMU carries out one after the other, so
  // the removal comes after it.
  const Deadline undo = Deadline::After(kUndoDevice);
  (void)(plugged.error().code() == Code::kDeadlineExceeded ? Remove(qmp, id, undo)
                                                           : RemoveParts(qmp, id, undo));
  return Fail(
      std::move(plugged.error()).AddContext("plug " + std::string(KindOf(device)) + " " + Quoted(id)));
}

Status QemuDevices::RemoveParts(QmpClient& qmp, const std::string& id, Deadline deadline) {
  const Deadline patience = Min(deadline, Deadline::After(kUndoDevice));
  for (const QmpStep& removal : RemovalOfParts(id)) {
    // QEMU lets go of a part a moment after the device that used it.
    while (true) {
      const Result<Json> removed = qmp.Execute(removal.command, removal.arguments, deadline);
      // Most are not there.
      const bool refused = !removed && removed.error().code() == Code::kFailedPrecondition;
      if (removed || (refused && !IsInUse(removed.error()))) break;
      if (!refused || patience.passed()) return Fail(Error(removed.error()));
      std::this_thread::sleep_for(kPartPause);
    }
  }
  for (size_t i = 0; qmp.Execute("closefd", {{"fdname", DescriptorName(id, i)}}, deadline); ++i) {
  }
  VC_ASSIGN_OR_RETURN(const Json sets, qmp.Execute("query-fdsets", deadline));
  for (const Json& set : sets) {
    const auto number = set.find("fdset-id");
    const auto fds = set.find("fds");
    if (number == set.end() || fds == set.end() || !fds->is_array() || fds->empty()) continue;
    if (TextOf(fds->front(), "opaque") != QemuDeviceId(id)) continue;
    VC_RETURN_IF_ERROR(qmp.Execute("remove-fd", {{"fdset-id", *number}}, deadline));
  }
  return {};
}

Status QemuDevices::Remove(QmpClient& qmp, const std::string& id, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::vector<Found> found, Find(qmp, deadline));
  const bool plugged =
      std::any_of(found.begin(), found.end(), [&](const Found& device) { return device.id == id; });
  if (plugged) VC_RETURN_IF_ERROR(AwaitRemoval(qmp, id, deadline));
  return RemoveParts(qmp, id, deadline);
}

Status QemuDevices::AwaitRemoval(QmpClient& qmp, const std::string& id, Deadline deadline) {
  const std::string name = QemuDeviceId(id);
  {
    const std::lock_guard lock(mutex_);
    removed_.erase(name);
    refused_.erase(name);
  }
  while (true) {
    const Result<Json> asked = qmp.Execute("device_del", {{"id", name}}, deadline);
    if (!asked && IsUnknown(asked.error())) return {};
    if (!asked && !IsPending(asked.error())) return Fail(Error(asked.error()));
    std::unique_lock lock(mutex_);
    const Deadline turn = Min(deadline, Deadline::After(kAskAgain));
    const bool settled = changed_.wait_until(
        lock, turn.time(), [&] { return removed_.count(name) != 0 || refused_.count(name) != 0; });
    if (removed_.erase(name) != 0) return {};
    if (settled) {
      return Fail(Code::kFailedPrecondition,
                  "the guest does not let go of " + Quoted(id) + ": " + refused_.at(name));
    }
    if (deadline.passed()) {
      return Fail(Code::kDeadlineExceeded, "the guest has not let go of " + Quoted(id) +
                                               " in time: end what uses it in the guest, and try again");
    }
  }
}

void QemuDevices::HandleEvent(const QmpEvent& event) {
  const bool removed = event.name == "DEVICE_DELETED";
  const bool refused = event.name == "DEVICE_UNPLUG_GUEST_ERROR" || event.name == "MEM_UNPLUG_ERROR";
  if (!removed && !refused) return;
  const std::string device = TextOf(event.data, "device");
  // Devices without an id are parts of others.
  if (!HasPrefix(device, kDevicePrefix)) return;
  const std::lock_guard lock(mutex_);
  if (removed) removed_.insert(device);
  if (refused) {
    const std::string message = TextOf(event.data, "msg");
    refused_[device] = message.empty() ? "the guest refuses" : message;
  }
  changed_.notify_all();
}

}  // namespace virtcontainers
