#include "virtcontainers/device.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/errors.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxDeviceId = 20;  // with our suffixes a node's name in QEMU has at most 31 bytes
constexpr size_t kMaxSerial = 20;    // (virtio 1.2, 5.2.6: VIRTIO_BLK_T_GET_ID)
constexpr size_t kMaxTag = 36;       // (virtio 1.2, 5.11.4)
constexpr size_t kMaxQueues = 64;
constexpr uint64_t kMemoryUnit = 128 << 20;
constexpr uint16_t kLeastMtu = 68;  // (RFC 791)

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsDeviceId(std::string_view id) {
  if (id.empty() || id.size() > kMaxDeviceId || !IsAlphanumeric(id[0]) || (id[0] >= '0' && id[0] <= '9')) {
    return false;
  }
  for (const char c : id) {
    if (!IsAlphanumeric(c) && c != '-') return false;
  }
  return true;
}

Error Invalid(const Device& device, std::string what) {
  return Error(Code::kInvalidArgument,
               std::string(KindOf(device)) + " " + Quoted(IdOf(device)) + ": " + std::move(what));
}

Result<struct stat> StatDescriptor(const Device& device, const char* field, int fd) {
  struct stat info {};
  if (fd >= 0 && ::fstat(fd, &info) == 0) return info;
  return Fail(Invalid(device, std::string(field) + ": descriptor " + std::to_string(fd) + " is not open"));
}

Status CheckSocket(const Device& device, int fd) {
  VC_ASSIGN_OR_RETURN(const struct stat info, StatDescriptor(device, "socket", fd));
  int type = 0;
  socklen_t size = sizeof(type);
  if (S_ISSOCK(info.st_mode) && ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
      type == SOCK_STREAM) {
    return {};
  }
  return Fail(
      Invalid(device, "socket: descriptor " + std::to_string(fd) + " is not a connected stream socket"));
}

// A qcow2 image may name other files for the VMM to open, and a guest of an earlier pod may have written the
// image. (QEMU, docs/interop/qcow2.txt, "Header")
Status CheckQcow2(const Device& device, int image) {
  constexpr uint64_t kExternalDataFile = 1 << 2;
  unsigned char header[80] = {};
  const ssize_t size = ::pread(image, header, sizeof(header), 0);
  if (size < 72 || std::string_view(reinterpret_cast<char*>(header), 4) != "QFI\xfb") {
    return Fail(Invalid(device, "the image is not in qcow2's format"));
  }
  const auto number = [&header](size_t offset, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | header[offset + i];
    return value;
  };
  const bool version_3 = number(4, 4) >= 3;
  if (number(8, 8) != 0)
    return Fail(Invalid(device, "the image has a backing file: convert it to one without"));
  if (version_3 && (number(72, 8) & kExternalDataFile) != 0) {
    return Fail(Invalid(device, "the image keeps its data in another file: convert it to one without"));
  }
  return {};
}

Status Check(const Device& any, const BlockDevice& device) {
  VC_ASSIGN_OR_RETURN(const struct stat info, StatDescriptor(any, "image", device.image));
  if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
    return Fail(Invalid(any, "the image is neither a regular file nor a block device"));
  }
  const int mode = ::fcntl(device.image, F_GETFL) & O_ACCMODE;
  if (mode == O_WRONLY || (mode == O_RDONLY && !device.readonly)) {
    return Fail(Invalid(any, mode == O_WRONLY
                                 ? "the image is not open for reading"
                                 : "the image is not open for writing: open it so, or set readonly"));
  }
  if (device.serial.size() > kMaxSerial) {
    return Fail(Invalid(any, "serial " + Quoted(device.serial) + " is longer than 20 characters"));
  }
  for (const char c : device.serial) {
    if (c <= ' ' || c > '~')
      return Fail(Invalid(any, "serial " + Quoted(device.serial) + " has characters that are not printable"));
  }
  return device.format == ImageFormat::kQcow2 ? CheckQcow2(any, device.image) : Status();
}

Status Check(const Device& any, const NetworkDevice& device) {
  if (device.mac == MacAddress{} || (device.mac.bytes[0] & 1) != 0) {
    return Fail(Invalid(any, "MAC address " + ToString(device.mac) + " is not one of a single station"));
  }
  if (device.mtu < kLeastMtu) {
    return Fail(Invalid(any, "MTU " + std::to_string(device.mtu) + " is too small: give 68 to 65535"));
  }
  if (const auto* stream = std::get_if<StreamSocket>(&device.backend))
    return CheckSocket(any, stream->socket);
  const std::vector<int>& queues = std::get<TapQueues>(device.backend).queues;
  if (queues.empty() || queues.size() > kMaxQueues) {
    return Fail(Invalid(any, std::to_string(queues.size()) + " queues of a tap device: give 1 to 64"));
  }
  for (const int queue : queues) {
    VC_ASSIGN_OR_RETURN(const struct stat info, StatDescriptor(any, "queue", queue));
    if (!S_ISCHR(info.st_mode)) {
      return Fail(Invalid(any, "queue: descriptor " + std::to_string(queue) + " is not a tap device"));
    }
  }
  return {};
}

Status Check(const Device& any, const SharedDirectory& device) {
  if (device.tag.empty() || device.tag.size() > kMaxTag) {
    return Fail(Invalid(any, "tag " + Quoted(device.tag) + " does not have 1 to 36 bytes"));
  }
  return CheckSocket(any, device.socket);
}

Status Check(const Device& any, const MemoryDevice& device) {
  if (device.size.count != 0 && device.size.count % kMemoryUnit == 0) return {};
  return Fail(Invalid(any, std::to_string(device.size.count) + " bytes is not a multiple of 128 MiB"));
}

}  // namespace

std::string ToString(const MacAddress& mac) {
  const std::array<uint8_t, 6>& b = mac.bytes;
  char text[18];
  std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return text;
}

const std::string& IdOf(const Device& device) {
  return std::visit([](const auto& kind) -> const std::string& { return kind.id; }, device);
}

std::string_view KindOf(const Device& device) {
  constexpr std::string_view kKinds[] = {"disk", "network device", "share", "memory"};
  return kKinds[device.index()];
}

Status CheckDevice(const Device& device) {
  if (!IsDeviceId(IdOf(device))) {
    return Fail(Invalid(device, "the id is not 1 to 20 characters of [A-Za-z0-9-] that begin with a letter"));
  }
  return std::visit([&device](const auto& kind) { return Check(device, kind); }, device);
}

}  // namespace virtcontainers
