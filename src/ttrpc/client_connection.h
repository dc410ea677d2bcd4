// The client's end of a ttRPC connection: calls in, bytes out; bytes in, answers out. No input or output of
// its own. client.h puts threads round it.

#ifndef VIRTCONTAINERS_SRC_TTRPC_CLIENT_CONNECTION_H_
#define VIRTCONTAINERS_SRC_TTRPC_CLIENT_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ttrpc/frame.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// Not thread-safe. The peer is not trusted: whatever it sends, memory is bounded by one frame and the open
// calls.
class ClientConnection {
 public:
  // Told the serialised response message, or the error: the peer's own, or why there is no answer.
  using Callback = std::function<void(Result<std::string>)>;

  // A call that is over, and what its callback is to be told.
  struct Completion {
    uint32_t stream_id;
    Callback callback;
    Result<std::string> answer;
    void Run() { callback(std::move(answer)); }
  };

  struct Request {
    uint32_t stream_id = 0;
    std::string frame;  // to be sent; frames in the order of their calls
  };

  // Opens a call. `timeout` tells the peer how long its answer is waited for; 0 is for ever. Errors, and then
  // `callback` is left as it is: RESOURCE_EXHAUSTED if the request does not fit into a frame, UNAVAILABLE
  // after a failure or when the stream ids are used up.
  Result<Request> Start(std::string_view service, std::string_view method, std::string payload,
                        std::chrono::nanoseconds timeout, Callback&& callback);

  // Closes a call without telling anyone: the peer's answer, should it come, is dropped. The callback, or
  // nothing if the call is not open.
  Callback Forget(uint32_t stream_id);

  // Takes bytes of the peer, in whatever pieces, and adds the calls they end to `completions`; the callbacks
  // are the caller's to run. An answer that is oversized or malformed fails its own call. After a failure the
  // bytes are dropped.
  void Receive(std::string_view bytes, std::vector<Completion>& completions);

  // Closes all calls with `reason`, and every one to come.
  void Fail(Error reason, std::vector<Completion>& completions);

  // Why no calls can be made any more: the reason given to Fail, or what the peer sent that is no ttRPC.
  const std::optional<Error>& failure() const { return failure_; }

  size_t open_calls() const { return open_.size(); }

  // Frames that were none's answer: late ones, and those of a confused peer.
  uint64_t ignored_frames() const { return ignored_frames_; }

 private:
  void ReceiveFrame(const Frame& frame, std::vector<Completion>& completions);

  FrameDecoder decoder_;
  std::unordered_map<uint32_t, Callback> open_;
  uint64_t next_id_ = 1;
  uint64_t ignored_frames_ = 0;
  std::optional<Error> failure_;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_CLIENT_CONNECTION_H_
