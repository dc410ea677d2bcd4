#include "hypervisor/mock/mock_devices.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/errors.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

constexpr char kNone[] = "-";
constexpr size_t kMaxFile = 64 << 10;

std::string ImageOf(const Device& device) {
  const auto* disk = std::get_if<BlockDevice>(&device);
  struct stat info {};
  if (disk == nullptr || ::fstat(disk->image, &info) != 0) return kNone;
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

GuestAddress AddressOf(const std::string& slot) { return {slot == kNone ? "" : "10/" + slot}; }

}  // namespace

MockDevices::MockDevices(const std::string& run_dir, uint32_t slots)
    : path_(run_dir.empty() ? "" : run_dir + "/mock-devices"), slots_(slots) {
  if (path_.empty()) return;
  std::istringstream text(ReadFile(path_, kMaxFile).value_or(""));
  for (Entry entry; text >> entry.id >> entry.slot >> entry.image >> entry.readonly;)
    entries_.push_back(entry);
}

Status MockDevices::Save(const std::vector<Entry>& entries) {
  if (path_.empty()) return {};
  std::ostringstream text;
  for (const Entry& entry : entries) {
    text << entry.id << ' ' << entry.slot << ' ' << entry.image << ' ' << entry.readonly << '\n';
  }
  return WriteFileAtomically(path_, text.str());
}

void MockDevices::Clear() {
  entries_.clear();
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool MockDevices::Has(const std::string& id) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.id == id; });
}

std::vector<PluggedDevice> MockDevices::List() const {
  std::vector<PluggedDevice> devices;
  for (const Entry& entry : entries_) devices.push_back({entry.id, AddressOf(entry.slot)});
  return devices;
}

Result<GuestAddress> MockDevices::Add(const Device& device) {
  for (const Entry& entry : entries_) {
    if (entry.id == IdOf(device)) return AddressOf(entry.slot);
  }
  Entry added{IdOf(device), kNone, ImageOf(device), false};
  if (const auto* disk = std::get_if<BlockDevice>(&device)) added.readonly = disk->readonly;
  for (const Entry& entry : entries_) {
    if (added.image == kNone || entry.image != added.image || (entry.readonly && added.readonly)) continue;
    return Fail(Code::kFailedPrecondition, "disk " + Quoted(added.id) + ": disk " + Quoted(entry.id) +
                                               " has the image, and one of the two writes it");
  }
  for (uint32_t slot = 0; added.slot == kNone && !std::holds_alternative<MemoryDevice>(device); ++slot) {
    if (slot == slots_) {
      return Fail(Code::kResourceExhausted, "no slot is left for " + std::string(KindOf(device)) + " " +
                                                Quoted(added.id) + ": the vm was started with " +
                                                std::to_string(slots_) + " (hypervisor.device_slots)");
    }
    char name[8];
    std::snprintf(name, sizeof(name), "%02x", slot);
    const bool taken =
        std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.slot == name; });
    if (!taken) added.slot = name;
  }
  std::vector<Entry> entries = entries_;
  entries.push_back(added);
  VC_RETURN_IF_ERROR(Save(entries));
  entries_ = std::move(entries);
  return AddressOf(added.slot);
}

Status MockDevices::Remove(const std::string& id) {
  std::vector<Entry> entries = entries_;
  std::erase_if(entries, [&](const Entry& entry) { return entry.id == id; });
  if (entries.size() == entries_.size()) return {};
  VC_RETURN_IF_ERROR(Save(entries));
  entries_ = std::move(entries);
  return {};
}

}  // namespace virtcontainers
