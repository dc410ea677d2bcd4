// What the tests of output and its logs name alike. For tests only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_TEST_OUTPUT_H_
#define VIRTCONTAINERS_SRC_MONITOR_TEST_OUTPUT_H_

#include <chrono>

#include "virtcontainers/agent.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

inline constexpr OutputStream kOut = OutputStream::kStdout;
inline constexpr OutputStream kErr = OutputStream::kStderr;
inline constexpr Time kNow{std::chrono::nanoseconds(1'769'850'300'123'456'789)};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_TEST_OUTPUT_H_
