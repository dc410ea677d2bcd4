// What a program that uses the library, and the pods that it has, take of the host.

#ifndef VIRTCONTAINERS_TEST_STRESS_USAGE_H_
#define VIRTCONTAINERS_TEST_STRESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "stress/scratch.h"

namespace virtcontainers::stress {

// A number of things that are there.
struct Count {
  std::string what;
  int64_t number = 0;
  // Of the whole host, where others come and go as they like.
  bool shared = false;
};

// In the same order each time. `monitor` is a monitor that lives as long as this process.
std::vector<Count> CountAll(const Scratch& scratch, pid_t monitor);

// The memory that a process has taken, in bytes: its anonymous pages, and its part of shared memory. Those of
// files, which are programs and libraries, vary with who else has them.
int64_t OwnMemory(pid_t pid);

// By how much the values grow from one to the next, by least squares; 0 of fewer than two.
double Slope(const std::vector<int64_t>& values);

}  // namespace virtcontainers::stress

#endif  // VIRTCONTAINERS_TEST_STRESS_USAGE_H_
