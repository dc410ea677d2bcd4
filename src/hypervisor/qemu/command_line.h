// QEMU's arguments. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_COMMAND_LINE_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// The descriptors QEMU is started with. It opens no socket by path: a path may be longer than a socket's
// address, and whoever connects before QEMU accepts is not refused. Nor anything else but its program, the
// kernel, and devices that everybody may use: where it is confined it has no other files.
inline constexpr int kQmpFd = 3;            // a connected socket: the owner's monitor
inline constexpr int kQmpListenerFd = 4;    // a listening one: a successor's monitor
inline constexpr int kAgentListenerFd = 5;  // a listening one: the agent's port (kVirtioSerial)
inline constexpr int kConsoleFd = 6;        // the console's file, to append to
inline constexpr int kVhostVsockFd = 7;     // /dev/vhost-vsock (kVsock)
inline constexpr int kFirstDeviceFd = 10;   // those of the devices, in their order

// What was found out about the host.
struct QemuFacts {
  std::string binary;                           // a path without links
  std::string firmware;                         // a path, or a name in QEMU's own data directory
  Accelerator accelerator = Accelerator::kTcg;  // kKvm or kTcg
  uint32_t tsc_khz = 0;                         // the host's; 0 if it is not known
};

// QEMU's arguments, the program first. Pure: looks at nothing but its arguments. The vCPUs stand still until
// QMP's `cont`. Errors: InvalidArgument for a machine that is neither q35 nor microvm, for a device that the
// machine cannot have, and for a kernel command line longer than a kernel takes; ResourceExhausted for more
// devices than slots.
Result<std::vector<std::string>> QemuArguments(const VmConfig& config, const QemuFacts& facts);

// The guest kernel's command line: what the library needs, then what the user adds.
Result<std::string> KernelCommandLine(const VmConfig& config, const QemuFacts& facts);

inline constexpr std::string_view kMicrovm = "microvm";
inline constexpr std::string_view kQ35 = "q35";

// What any VM may be given in one memory device.
inline constexpr Bytes kLeastMemoryDevice = Bytes::MiB(128);
// The most memory devices of a VM.
inline constexpr uint32_t kMemorySlots = 16;

// The name of the agent's virtio-serial port, which the guest looks for.
inline constexpr std::string_view kAgentPortName = "org.virtcontainers.agent.0";

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_COMMAND_LINE_H_
