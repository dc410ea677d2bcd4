// What is left of the host to a QEMU. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_SANDBOX_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_SANDBOX_H_

#include <optional>
#include <string>
#include <vector>

#include "hypervisor/qemu/command_line.h"
#include "os/confine.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

struct QemuSandbox {
  // Nothing: QEMU runs as this process does, in its place among the host's files.
  std::optional<Confinement> confinement;
  std::string description;  // VmInfo::sandbox
};

// Confines it where that can be done: as root, with the capabilities of root. There it is an error if it
// cannot, at this step or a later one. `confiner` is the program of ConfineCommand; without one nothing is
// confined. Errors: as FindUnusedUser.
Result<QemuSandbox> ChooseSandbox(const std::string& confiner, const VmConfig& config,
                                  const QemuFacts& facts);

// The files that QEMU needs, if they are there. The host's `program_directories` are shown in any case.
ConfinedRoot QemuRoot(const VmConfig& config, const QemuFacts& facts,
                      const std::vector<std::string>& program_directories);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_SANDBOX_H_
