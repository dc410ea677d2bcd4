// Running a command in a pod to its end.

#ifndef VIRTCONTAINERS_COMMAND_H_
#define VIRTCONTAINERS_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "virtcontainers/status.h"

namespace virtcontainers {

// Of a command that Runtime::RunCommand runs.
struct CommandOptions {
  std::string input;  // the command's standard input, followed by its end
  // The bytes that are kept of each stream. The rest is read, counted and dropped.
  size_t max_stdout = 1 << 20;
  size_t max_stderr = 1 << 20;
  // Kills the command when it writes more to a stream than is kept of it.
  bool kill_on_excess = false;
};

// Why a command ended.
enum class CommandEnd {
  kExited,     // by itself, or by a signal that somebody else sent
  kTimedOut,   // killed when the deadline passed
  kCancelled,  // killed when the deadline's token was stopped
  kExcess,     // killed by CommandOptions::kill_on_excess
};

// What a command left.
struct CommandResult {
  CommandEnd end = CommandEnd::kExited;
  ExitStatus exit;  // 137 (128 + SIGKILL) of a command that was killed, unless it ended a moment before
  std::string stdout_data;
  std::string stderr_data;
  uint64_t stdout_dropped = 0;  // bytes beyond CommandOptions::max_stdout
  uint64_t stderr_dropped = 0;
  uint64_t input_taken = 0;  // bytes of the input that reached the command's pipe, or its terminal
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_COMMAND_H_
