// Why a QEMU ended, in words for a person. Pure. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_EXIT_REASON_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_EXIT_REASON_H_

#include <optional>
#include <string>
#include <string_view>

#include "os/subprocess.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// What is known of an end. The texts come from QEMU and from the guest: they are shown, never believed.
struct QemuEnd {
  std::optional<ProcessExit> process;  // nothing: it was another's child
  std::string
      shutdown_reason;   // of QMP's SHUTDOWN event (QEMU, qapi/run-state.json, ShutdownCause); may be empty
  bool stopped = false;  // Stop was called
  bool powers_off_by_reset = false;  // a guest that ends by resetting itself, for kernels without ACPI
  std::string lack_of_memory;        // OomKills::Since, from QEMU's start on
  std::string_view log;              // the end of QEMU's standard error
  std::string_view console;          // the end of the guest's console
};

VmExit ExplainQemuEnd(const QemuEnd& end);

// The lines of QEMU's standard error that say something, on one line; empty if none does.
std::string QemuWords(std::string_view log);

// "Kernel panic - not syncing: …", the last one on the console; empty if there is none.
std::string KernelPanic(std::string_view console);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_EXIT_REASON_H_
