// A process in a container, or in the pod's root file system.

#ifndef VIRTCONTAINERS_PROCESS_H_
#define VIRTCONTAINERS_PROCESS_H_

#include <cstddef>
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
// the guest (256 KiB) is full; what it wrote is not lost.
//
// Every call answers NotFound once the process is not known any more, and Unavailable once its pod has
// stopped. What a container's first process has left is known until the container is removed or started
// again; what an executed one wrote until 128 others executed in its container have ended after it, and its
// exit status until somebody has been told it and so many have, or until 1,024 others of its pod have ended
// of which nobody has been told either.
//
// A call whose pod's monitor dies is made again to the next one, which it starts if nobody else does. If none
// comes up within its deadline (DeadlineExceeded while one is still at it), or for 20 s, it answers
// Unavailable: try again. A read, a write, a wait and the rest then go on where they were: no byte of output
// or input is lost or doubled. A Signal that may have arrived is not repeated: it answers Unavailable at
// once.
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

  // Writes all of `data` to standard input: returns when it is in the process's pipe (64 KiB), or in its
  // terminal. Blocks while that is full, and for at most a second beyond `deadline`, in which the guest says
  // how much it has taken. `taken`, if given, is set to that number of bytes, also when the call fails.
  //
  // Every byte is taken once, in order. Several handles may write to one process: each handle's bytes stay in
  // order, and the writes of different handles are mixed, in pieces of any size. Threads that write by one
  // handle take turns.
  //
  // Errors: FailedPrecondition when the input is closed or the process no longer reads it. DeadlineExceeded:
  // go on with the bytes from `*taken` on. If the guest did not answer at all (its pod is paused), it may
  // have taken some of those bytes: the handle does not send them again when the next write begins with them,
  // and otherwise puts the next write after them. Aborted when it is not known how much of the handle's input
  // has arrived, because the container has been started again since or 1,024 other handles have written
  // since: open another handle.
  //
  // A guest whose agent speaks no more than Kata's protocol counts no input. There a write whose monitor dies
  // answers Unavailable: it may or may not have arrived. So does the call after a write that timed out.
  virtual Status WriteStdin(std::string_view data, Deadline deadline = Deadline::Infinite(),
                            size_t* taken = nullptr) = 0;

  // The process reads the end of its input, after all that has been taken. Every further write fails, by
  // whatever handle. Does not wait for the process, but for other calls on this handle that write. A process
  // with a terminal that reads lines is sent the terminal's end-of-file character. Idempotent.
  virtual Status CloseStdin(Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;

  // Blocks until the process has ended, and collects nothing: any number of callers may wait, before and
  // after.
  virtual Result<ExitStatus> Wait(Deadline deadline = Deadline::Infinite()) = 0;

  // Sends a signal (signal(7), by the guest's numbers). A process that has ended already is no error, except
  // for signal 0, which is sent to nobody: FailedPrecondition. To a container's first process as
  // Runtime::KillContainer does, but SIGKILL to this process alone. SIGKILL of an executed process is sent to
  // all processes of its process group: it leads one, to which its children belong unless they leave it.
  virtual Status Signal(int signal, Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;

  // Tells the terminal its size. Errors: FailedPrecondition for a process without one.
  virtual Status Resize(uint16_t rows, uint16_t columns,
                        Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_PROCESS_H_
