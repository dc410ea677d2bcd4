// What PID 1 does before and after everything else.

#ifndef VIRTCONTAINERS_GUEST_AGENT_BOOT_BOOT_H_
#define VIRTCONTAINERS_GUEST_AGENT_BOOT_BOOT_H_

#include <string_view>

#include "guest/agent/boot/command_line.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Mounts the kernel's file systems, opens the console, loads the modules, and moves from the initramfs to a
// tmpfs as root, out of which containers can pivot. Fills in *line from /proc/cmdline as soon as it can.
Status Boot(CommandLine* line);

// Writes back what is dirty and ends the machine. Does not return.
[[noreturn]] void PowerOff(CommandLine::PowerOff how);

// From here on, when the agent crashes or is out of memory, that is a fatal error: one line, and the power
// goes off.
void PowerOffOnCrash(CommandLine::PowerOff how);

// Says why, and powers off: the kernel panics if its first process ends.
[[noreturn]] void FatalError(std::string_view why, CommandLine::PowerOff how);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_BOOT_BOOT_H_
