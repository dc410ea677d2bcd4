// For tests only.

#ifndef VIRTCONTAINERS_SRC_BASE_TEST_DEADLINE_H_
#define VIRTCONTAINERS_SRC_BASE_TEST_DEADLINE_H_

#include <chrono>

#include "virtcontainers/deadline.h"

namespace virtcontainers {

// Far later than anything a unit test waits for, on a busy machine too.
inline Deadline Soon() { return Deadline::After(std::chrono::seconds(30)); }

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_TEST_DEADLINE_H_
