// What somebody needs to know of callers that wait for each other: who holds which lock, and where everybody
// is.

#ifndef VIRTCONTAINERS_TEST_STRESS_WHO_HOLDS_WHAT_H_
#define VIRTCONTAINERS_TEST_STRESS_WHO_HOLDS_WHAT_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "stress/scratch.h"

namespace virtcontainers::stress {

// In lines, for a person. `callers` are the processes that make the calls.
std::string WhoHoldsWhat(const Scratch& scratch, const std::vector<pid_t>& callers);

}  // namespace virtcontainers::stress

#endif  // VIRTCONTAINERS_TEST_STRESS_WHO_HOLDS_WHAT_H_
