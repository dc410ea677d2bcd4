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

// What Process::ReadOutput has read.
struct ProcessOutput {
  enum class Stream {
    kStdout,
    kStderr,
    kEnd,  // both outputs have ended: `data` is empty, and later reads answer the same
  };
  Stream stream = Stream::kEnd;
  std::string data;  // at most 64 KiB, and not empty but at the end
};

// A handle to a process in a pod. Thread-safe: one thread may read each stream while others write, wait and
// signal. Destroying the handle does not affect the process.
//
// A process whose output nobody reads blocks when its pipe in the guest is full (256 KiB). Its output is not
// lost. What is kept of a process that has ended:
//
// - Of a container's first process: output and exit status, until the container is removed or started again.
// - Of a process executed in a container: output, until 128 others executed in it have ended after it.
// - Its exit status, until a caller has been told and 128 such others have ended, or until 1,024 others of
//   the pod have ended of which no caller has been told.
//
// Errors of every call: NotFound once the process is not known any more; Unavailable once its pod has
// stopped.
//
// A call whose pod's monitor dies is sent again to the next monitor, which the call starts if no other call
// does. Reads, writes and waits then continue where they were: no byte of output or input is lost or
// repeated. A Signal that may have arrived is not sent again: it answers Unavailable at once. A call answers
// DeadlineExceeded if no monitor has come up by its deadline, and Unavailable if none can be started for
// 20 s.
class Process {
 public:
  virtual ~Process() = default;

  // The process's id in its container, for Runtime::OpenProcess. Empty for the container's first process.
  virtual const std::string& id() const = 0;

  // Reads from standard output, or from the terminal. Blocks until there is output. 0 bytes: the stream's
  // end. Errors: DeadlineExceeded, without having taken any output.
  virtual Result<size_t> ReadStdout(std::span<char> buffer, Deadline deadline = Deadline::Infinite()) = 0;

  // The same for standard error. A process with a terminal has none: returns the stream's end at once.
  virtual Result<size_t> ReadStderr(std::span<char> buffer, Deadline deadline = Deadline::Infinite()) = 0;

  // Reads from standard output or standard error, whichever has data first. Blocks until one has, or both
  // have ended; returns data that is there even if `deadline` has passed. Errors: DeadlineExceeded, without
  // having taken any output; those of ReadStdout and ReadStderr, once the data that was read before the error
  // has been returned.
  //
  // From the first call of ReadOutput or fd on, the handle reads ahead, up to 64 KiB of each output, in two
  // threads that end with the handle. Other handles do not get that output, and what has not been returned is
  // lost with the handle. ReadStdout and ReadStderr may be called, too, and return what has been read ahead
  // first.
  virtual Result<ProcessOutput> ReadOutput(Deadline deadline = Deadline::Infinite()) = 0;

  // A descriptor for poll and epoll. It is readable while ReadOutput or Wait would return something at once
  // that no call on this handle has returned: output, the end of both outputs, the exit status, or an error.
  // For a container whose output goes to its log, it announces the exit alone. The handle owns it; do not
  // read from it. When it has become readable, call ReadOutput with a deadline that has passed until it
  // answers kEnd or an error (DeadlineExceeded: nothing more for now), and then Wait likewise.
  //
  // Starts another thread of the handle at the first call, which waits for the exit. Errors:
  // ResourceExhausted without a thread or descriptor.
  virtual Result<int> fd() = 0;

  // Writes `data` to standard input. Returns when all of it is in the process's pipe (64 KiB) or terminal.
  // Blocks while that is full, and for at most a second beyond `deadline` while the guest reports how much it
  // has taken. `taken`, if given, is set to the number of bytes taken, also when the call fails.
  //
  // The process gets every byte once and in order. Several handles may write to one process: the bytes of
  // each handle stay in order, and those of different handles are mixed in pieces of any size. Threads that
  // use one handle take turns.
  //
  // Errors:
  // - FailedPrecondition, kInputClosed: the input is closed, or the process reads no more.
  // - DeadlineExceeded: continue with the bytes from `*taken` on. If the guest did not answer at all, as in a
  //   paused pod, it may have taken more of them. The handle then does not send those again if the next write
  //   begins with them; otherwise it puts the next write after them.
  // - Aborted: it is unknown how much of the handle's input has been taken, because the container has been
  //   started again, or 1,024 other handles have written since. Open another handle.
  // - Unavailable, from an agent that knows only Kata's protocol: the monitor died during the write, or the
  //   last write timed out; the bytes may or may not have arrived.
  virtual Status WriteStdin(std::string_view data, Deadline deadline = Deadline::Infinite(),
                            size_t* taken = nullptr) = 0;

  // Closes standard input after all bytes that have been taken. Every later write fails, by whatever handle.
  // Waits for other writes of this handle, but not for the process. A terminal in canonical mode is sent its
  // end-of-file character. Idempotent.
  virtual Status CloseStdin(Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;

  // Blocks until the process has ended. Any number of callers, before and after the end.
  virtual Result<ExitStatus> Wait(Deadline deadline = Deadline::Infinite()) = 0;

  // Sends a signal, by the guest's numbers (signal(7)). For a container's first process: as
  // Runtime::KillContainer, but SIGKILL to this process alone. SIGKILL of an executed process is sent to its
  // process group, which the process leads and its children belong to unless they leave it. A process that
  // has ended is no error. Signal 0 only checks: FailedPrecondition for a process that has ended.
  virtual Status Signal(int signal, Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;

  // Sets the size of the terminal. Errors: FailedPrecondition for a process without one.
  virtual Status Resize(uint16_t rows, uint16_t columns,
                        Deadline deadline = Deadline::After(std::chrono::seconds(10))) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_PROCESS_H_
