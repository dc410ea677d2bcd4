// Why a guest did not come up, read from its console. Pure.

#ifndef VIRTCONTAINERS_SRC_MONITOR_CONSOLE_DIAGNOSIS_H_
#define VIRTCONTAINERS_SRC_MONITOR_CONSOLE_DIAGNOSIS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace virtcontainers {

// The cause, such as "the guest kernel panicked: no init was found in the initramfs"; empty if none is
// recognised.
std::string DiagnoseConsole(std::string_view console);

// The last `count` lines that say something, each cut to a screen's width and cleared of what would garble a
// terminal.
std::string LastLines(std::string_view console, size_t count);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_CONSOLE_DIAGNOSIS_H_
