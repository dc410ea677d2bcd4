// The files, sockets and devices that a QEMU is started with. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_DESCRIPTORS_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_DESCRIPTORS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "ttrpc/unix_socket.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// The names in VmConfig::run_dir.
inline constexpr std::string_view kQmpSocketName = "qmp.sock";
inline constexpr std::string_view kAgentSocketName = "agent.sock";
std::string QemuLog(const std::string& run_dir);
std::string QemuAgentSocket(const std::string& run_dir);

// Sockets of a VM that others find by path. QEMU listens at them; this process keeps them only to remove the
// paths, and to refuse the connections that wait when QEMU has ended.
struct QemuListeners {
  // Errors: AlreadyExists where a VM that lives listens.
  static Result<std::unique_ptr<QemuListeners>> Listen(const VmConfig& config);

  std::optional<ttrpc::UnixListener> qmp, agent;
};

// Descriptors that QEMU gets, and the caller's end of QEMU's monitor. They are closed once QEMU runs: its
// death must end the connections.
struct QemuDescriptors {
  // Opens the files and duplicates the descriptors of the devices.
  static Result<QemuDescriptors> Open(const VmConfig& config);

  // As Subprocess::Options has them.
  std::vector<std::pair<int, int>> ForQemu(const QemuListeners& listeners) const;

  UniqueFd qmp, qemu_qmp, log, console, vhost_vsock;
  std::vector<UniqueFd> devices;
};

// An open file description of QEMU's own for the image of a disk: the locks that QEMU takes are not shared
// with the caller's, and a read-only disk cannot be written, whatever the caller's descriptor allows.
Result<UniqueFd> ReopenImage(const BlockDevice& disk);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_DESCRIPTORS_H_
