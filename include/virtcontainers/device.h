// The devices of a VM. A device is a plain value between three parties: the host, which has what stands
// behind it; the VMM, which plugs it; and the guest, which finds it at a GuestAddress, by its serial, its MAC
// address or its tag.

#ifndef VIRTCONTAINERS_DEVICE_H_
#define VIRTCONTAINERS_DEVICE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Descriptors in these values are borrowed for the call that takes them. The VMM gets duplicates, so the
// caller may close its own as soon as the call has returned.
//
// The id of a device is unique in its VM: 1 to 20 characters of [A-Za-z0-9-] that begin with a letter.

enum class ImageFormat { kRaw, kQcow2 };

// Limits on the traffic with a disk, per second, reads and writes together. 0: no limit.
struct IoLimits {
  uint64_t bytes = 0;
  uint64_t operations = 0;

  friend bool operator==(const IoLimits&, const IoLimits&) = default;
};

// A virtio disk.
struct BlockDevice {
  std::string id;
  // A regular file or a block device, open for reading and, unless `readonly`, for writing.
  int image = -1;
  ImageFormat format = ImageFormat::kRaw;
  bool readonly = false;
  std::string serial;  // at most 20 printable characters; empty: the id
  IoLimits limits;
};

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  friend bool operator==(const MacAddress&, const MacAddress&) = default;
};

// "52:54:00:12:34:56"
std::string ToString(const MacAddress& mac);

// Open queues of a tap device. (Linux, Documentation/networking/tuntap.rst)
struct TapQueues {
  std::vector<int> queues;  // 1 to 64
};

// A connected stream socket that carries each frame after its length, 4 bytes in network order, as passt has
// it.
struct StreamSocket {
  int socket = -1;
};

// A virtio network interface.
struct NetworkDevice {
  std::string id;
  MacAddress mac;       // of one station: not zero, not a group's
  uint16_t mtu = 1500;  // 68 to 65535
  std::variant<TapQueues, StreamSocket> backend;
};

// A directory of the host, shown by virtio-fs.
struct SharedDirectory {
  std::string id;
  std::string tag;  // 1 to 36 bytes
  int socket = -1;  // connected to the vhost-user daemon that serves the directory
};

// Memory in addition to what the VM was started with.
struct MemoryDevice {
  std::string id;
  Bytes size;  // a multiple of 128 MiB, the unit in which Linux on x86 takes memory
};

using Device = std::variant<BlockDevice, NetworkDevice, SharedDirectory, MemoryDevice>;

const std::string& IdOf(const Device& device);

// "disk", "network device", "share", "memory": what messages call the device.
std::string_view KindOf(const Device& device);

// Errors: InvalidArgument, naming the field and what it may be. Descriptors must be open and of the right
// type. Hypervisors call this for every device that they are given.
Status CheckDevice(const Device& device);

// Where the guest finds a device.
struct GuestAddress {
  // The slots of the bridges from the root complex to the device, then the device's own, in hexadecimal, with
  // a function where that is not 0: "10.3/00". (Kata, PciPath) Empty: the device has no PCI address, and the
  // guest finds it by its serial, MAC address or tag.
  std::string pci;

  friend bool operator==(const GuestAddress&, const GuestAddress&) = default;
};

// A device that a VM has.
struct PluggedDevice {
  std::string id;
  GuestAddress address;

  friend bool operator==(const PluggedDevice&, const PluggedDevice&) = default;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_DEVICE_H_
