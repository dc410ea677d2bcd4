// Carries frames between a VM and a network stack, within limits, until the VM ends. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_USERNET_LOOP_H_
#define VIRTCONTAINERS_SRC_USERNET_USERNET_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "network/usernet_options.h"
#include "usernet/frame_stream.h"
#include "usernet/loopback_replies.h"
#include "usernet/slirp_stack.h"
#include "usernet/token_bucket.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// One thread. A frame that finds no room in the queue for the guest is lost, as on any network; before that,
// data stay in the host's sockets, so that senders wait.
class UsernetLoop {
 public:
  UsernetLoop(UniqueFd stream, const UsernetOptions& options);

  // Makes the stack and binds the forwards. Errors: as SlirpStack.
  Status Start();
  // Blocks until the other end of the stream is closed. Errors: InvalidArgument when the VM sends what is no
  // frame; those of the system.
  Status Run();

 private:
  bool Holding() const { return queue_.bytes().size() >= hold_above_; }
  // What poll(2) is to wait for on the stream, and for how many nanoseconds at most, because of the limits.
  short StreamEvents(int64_t& wait);
  // False at the end of the stream.
  Result<bool> Read();
  Result<bool> Write();

  const UniqueFd stream_;
  const UsernetOptions options_;
  FrameReader reader_;
  FrameQueue queue_;  // for the guest
  TokenBucket to_guest_, from_guest_;
  const size_t hold_above_;
  LoopbackReplies replies_;
  std::unique_ptr<SlirpStack> stack_;
  std::vector<pollfd> fds_;  // the stream first
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_USERNET_LOOP_H_
