// A ttRPC client with threads. Host only.

#ifndef VIRTCONTAINERS_SRC_TTRPC_CLIENT_H_
#define VIRTCONTAINERS_SRC_TTRPC_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "os/stream.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// One connection, on which any number of calls may be under way. Thread-safe. Has a thread that reads, one
// that writes, and, from the first CallAsync with a timeout on, one that keeps the time. No callback is run
// with a lock held.
//
// Errors of all calls: the peer's own, code and text; UNAVAILABLE with the reason if the connection is broken
// or closed; DEADLINE_EXCEEDED, and then the call may or may not have been carried out; RESOURCE_EXHAUSTED if
// a request or its answer does not fit into a frame of 4 MiB, or the peer reads too little of what it is
// sent.
class Client {
 public:
  using Callback = std::function<void(Result<std::string>)>;

  struct Options {
    // Run once, when the connection is over and every call has been told, on the reader's thread.
    std::function<void(const Error& reason)> on_close;
    // Requests the peer has not read; one more is RESOURCE_EXHAUSTED.
    size_t unsent_bytes = 64 << 20;
  };

  explicit Client(std::unique_ptr<Stream> stream);
  Client(std::unique_ptr<Stream> stream, Options options);

  // Closes, and waits until every callback has been run. When a callback does it, the callbacks that are left
  // are run after it.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends a serialised request message and waits for the response message. Blocks until `deadline`, whatever
  // the peer does. Not from a callback: it would wait for itself.
  Result<std::string> Call(std::string_view service, std::string_view method, std::string payload,
                           Deadline deadline);

  // The same without waiting: `callback` is run exactly once, on one of the client's threads, and must not
  // block. It is run before this returns, on the caller's thread, if the call cannot be sent. A timeout of 0
  // is none.
  void CallAsync(std::string_view service, std::string_view method, std::string payload,
                 std::chrono::nanoseconds timeout, Callback callback);

  // Ends the connection: open calls fail with UNAVAILABLE. Does not block; idempotent.
  void Close();

  // The connection is over, or about to be.
  bool closed() const;

  // Frames of the peer that were no open call's answer: late ones, mostly.
  uint64_t ignored_frames() const;

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_CLIENT_H_
