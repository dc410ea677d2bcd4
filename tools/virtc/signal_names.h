// Signals by name. Pure.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_SIGNAL_NAMES_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_SIGNAL_NAMES_H_

#include <string_view>
#include <vector>

#include "virtcontainers/error.h"

namespace virtc {

// "TERM", "SIGTERM", "sigterm", "15"; "RTMIN+3", "RTMAX-1". By x86-64's numbers, which the guest's are.
virtcontainers::Result<int> ParseSignal(std::string_view option, std::string_view text);

// The names, as "TERM".
std::vector<std::string_view> SignalNames();

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_SIGNAL_NAMES_H_
