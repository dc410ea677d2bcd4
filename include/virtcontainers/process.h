// A process in a container, or in the pod's root file system.

#ifndef VIRTCONTAINERS_PROCESS_H_
#define VIRTCONTAINERS_PROCESS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// A handle to a process in a pod. Thread-safe: one thread may read each stream while others write, wait and
// signal.
//
// Destroying the handle leaves the process alone. A process whose output nobody reads waits when the pipe in
// the guest (256 KiB) is full; what it wrote is not lost. Every call answers NotFound once the process is
// gone and collected, and Unavailable once its pod has stopped.
class Process {
 public:
  virtual ~Process() = default;

  // The process's name in its container, by which Runtime::OpenProcess finds it again; empty for the
  // container's first process.
  virtual const std::string& id() const = 0;

  // Reads from standard output (or the terminal). Blocks until something is there; 0 is its end.
  // Errors: DeadlineExceeded (nothing was taken).
  virtual Result<size_t> ReadStdout(std::span<char> buffer, Deadline deadline = Deadline::Infinite()) = 0;

  // The same of standard error. Ends at once for a process with a terminal.
  virtual Result<size_t> ReadStderr(std::span<char> buffer, Deadline deadline = Deadline::Infinite()) = 0;

  // Writes all of `data` to standard input. Blocks while the process does not take it.
  // Errors: FailedPrecondition when the input is closed or the process no longer reads it.
  virtual Status WriteStdin(std::string_view data, Deadline deadline = Deadline::Infinite()) = 0;

  // The process reads the end of its input. Idempotent.
  virtual Status CloseStdin(Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;

  // Blocks until the process has ended, and collects nothing: any number of callers may wait, before and
  // after.
  virtual Result<ExitStatus> Wait(Deadline deadline = Deadline::Infinite()) = 0;

  // Sends a signal (signal(7), by the guest's numbers). A process that has ended already is no error.
  virtual Status Signal(int signal, Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;

  // Tells the terminal its size. Errors: FailedPrecondition for a process without one.
  virtual Status Resize(uint16_t rows, uint16_t columns,
                        Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_PROCESS_H_
