// The kernel's command line, as far as it is for the agent.

#ifndef VIRTCONTAINERS_GUEST_AGENT_BOOT_COMMAND_LINE_H_
#define VIRTCONTAINERS_GUEST_AGENT_BOOT_COMMAND_LINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

struct CommandLine {
  enum class Transport { kVirtioSerial, kVsock };
  enum class PowerOff { kAcpi, kReset };

  Transport transport = Transport::kVirtioSerial;  // virtcontainers.transport=virtio-serial|vsock
  PowerOff power_off = PowerOff::kAcpi;  // virtcontainers.poweroff=acpi|reset: microvm has no ACPI to tell
  LogLevel log_level = LogLevel::kInfo;  // agent.log=error|warn|info|debug

  // Values that are none; the default stands for each.
  std::vector<std::string> mistakes;
};

// Words the agent does not know are the kernel's or somebody else's. The last of several wins.
CommandLine ParseCommandLine(std::string_view text);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_BOOT_COMMAND_LINE_H_
