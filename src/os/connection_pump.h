// Carries the bytes of a connection between a socket of the host and the guest's program "connect". Host
// only.

#ifndef VIRTCONTAINERS_SRC_OS_CONNECTION_PUMP_H_
#define VIRTCONTAINERS_SRC_OS_CONNECTION_PUMP_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/unique_fd.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// The streams of a process in the guest that runs "connect". Thread-safe: one thread may read while another
// writes. Calls that are under way when the guest is lost fail.
class ConnectionStreams {
 public:
  virtual ~ConnectionStreams() = default;

  // Blocks until there is output. 0 bytes: its end.
  virtual Result<size_t> ReadStdout(std::span<char> buffer, Deadline deadline) = 0;
  // Blocks until the process has taken all of `data`.
  virtual Status WriteStdin(std::string_view data) = 0;
  virtual void CloseStdin() = 0;
  // Whether the process ends before the deadline.
  virtual bool HasEnded(Deadline deadline) = 0;
  virtual void Kill() = 0;
};

// The first byte of the process's output: 0 once the connection is there, or the error's number. Blocks until
// the deadline; a process that has not answered well is killed. Errors: DeadlineExceeded; Unavailable for a
// process that ends without an answer; those of the streams.
Result<int> AwaitConnection(ConnectionStreams& streams, Deadline deadline);

// A connection that is there. Each direction is carried by a thread of its own, which calls FromCaller or
// FromGuest once. The socket is closed when the object goes.
class ConnectionPump {
 public:
  ConnectionPump(std::unique_ptr<ConnectionStreams> streams, UniqueFd socket);

  // Blocks until the caller, at the socket's other end, has closed its end, or the process has ended.
  void FromCaller();
  // Blocks until the guest's side has ended, or the caller has closed its end.
  void FromGuest();
  // Ends both soon. Thread-safe.
  void Abort() const;

 private:
  Status Forward();
  Status Say(uint32_t head, std::span<char> frame = {});

  const std::unique_ptr<ConnectionStreams> streams_;
  const UniqueFd socket_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_CONNECTION_PUMP_H_
