#include "guest/agent/sandbox/block_device.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <vector>

#include "base/errors.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/kernel_module.h"
#include "guest/agent/sandbox/ids.h"

namespace virtcontainers::guest {

namespace {

std::vector<std::string> Entries(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return names;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  return names;
}

bool IsHex(const std::string& text) {
  return !text.empty() && text.size() <= 4 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

// "02/01" as {"02", "01"}.
Result<std::vector<std::string>> SplitPciPath(const std::string& path) {
  std::vector<std::string> slots;
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string slot = path.substr(begin, end - begin);
    // "1f.7" names a function, too.
    if (!IsHex(slot.substr(0, slot.find('.')))) {
      return Fail(Code::kInvalidArgument,
                  "block device " + Quoted(path) + " is neither a node in '/dev' nor a PCI path");
    }
    slots.push_back(slot);
    begin = end + 1;
  }
  return slots;
}

bool MatchesSlot(const std::string& device, const std::string& slot) {
  // "0000:00:02.0" has slot 02 and function 0.
  const std::string wanted = slot.find('.') == std::string::npos ? slot + ".0" : slot;
  return device.size() > wanted.size() && device[device.size() - wanted.size() - 1] == ':' &&
         device.compare(device.size() - wanted.size(), wanted.size(), wanted) == 0;
}

// The device's directory in /sys, one level of buses after the other; empty if it is not there yet.
std::string FindPciDevice(const std::vector<std::string>& slots) {
  std::string path = "/sys/devices/pci0000:00";
  for (const std::string& slot : slots) {
    std::string next;
    for (const std::string& name : Entries(path)) {
      if (MatchesSlot(name, slot)) next = path + "/" + name;
    }
    if (next.empty()) return {};
    path = next;
  }
  return path;
}

std::string BlockDeviceOnce(const std::vector<std::string>& slots) {
  const std::string device = FindPciDevice(slots);
  if (device.empty()) return {};
  for (const std::string& child : Entries(device)) {
    if (child.compare(0, 6, "virtio") != 0) continue;
    for (const std::string& block : Entries(device + "/" + child + "/block")) return "/dev/" + block;
  }
  return {};
}

}  // namespace

Result<std::string> FindBlockDevice(const std::string& source, std::chrono::milliseconds limit) {
  const bool is_node = source.compare(0, 5, "/dev/") == 0;
  std::vector<std::string> slots;
  if (is_node) {
    VC_RETURN_IF_ERROR(CheckPathInside(source, "/dev"));
  } else {
    VC_ASSIGN_OR_RETURN(slots, SplitPciPath(source));
  }
  const auto deadline = EventLoop::Clock::now() + limit;
  bool loaded = false;
  for (;;) {
    const std::string node = is_node ? source : BlockDeviceOnce(slots);
    struct stat info;
    if (!node.empty() && ::stat(node.c_str(), &info) == 0 && S_ISBLK(info.st_mode)) return node;
    if (!std::exchange(loaded, true)) {
      (void)LoadModule("virtio_blk");
      // A device that was plugged behind a bridge is found when the bus is asked.
      if (!is_node) (void)WriteFile("/sys/bus/pci/rescan", "1");
      continue;
    }
    if (EventLoop::Clock::now() >= deadline) {
      return Fail(Code::kNotFound, "there is no block device " + Quoted(source) + " in the guest");
    }
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace virtcontainers::guest
