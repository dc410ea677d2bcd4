// One session of one client: what it asks, what it is answered, and what has not reached it yet.

#ifndef VIRTCONTAINERS_GUEST_AGENT_LINK_CONNECTION_H_
#define VIRTCONTAINERS_GUEST_AGENT_LINK_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "google/protobuf/message_lite.h"
#include "ttrpc/server_connection.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// How a link reads what comes: so much at once, so often in one turn, which is fair to all else in the loop.
inline constexpr size_t kReadSize = 32 << 10;
inline constexpr int kReadsPerTurn = 16;

class Connection;

// A request that is being worked on. A value: copies answer the same request, and the first answer counts.
class Call {
 public:
  Call(std::shared_ptr<Connection> connection, uint32_t stream_id)
      : connection_(std::move(connection)), stream_id_(stream_id) {}

  // False when nobody waits for the answer any more; answers are dropped then.
  bool live() const;
  Connection& connection() const { return *connection_; }

  void Answer() const;  // with an empty message
  // `undo` runs if the session ends before the answer has left the guest.
  void Answer(const google::protobuf::MessageLite& message, std::function<void()> undo = nullptr) const;
  void Fail(Error error) const;
  void Respond(std::string message) const;  // one that is serialised already
  // Empty answer, or the error.
  void Finish(Status status) const;

  // The request's bytes are kept elsewhere, and bounded there: they do not count against the connection's
  // limit.
  void ReleasePayload() const;

 private:
  std::shared_ptr<Connection> connection_;
  uint32_t stream_id_;
};

// Not thread-safe. Lives as long as calls refer to it; Close ends the session.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Handler = std::function<void(Call call, ttrpc::ServerCall request)>;

  // `output_ready` is called whenever there is something to send and was nothing before.
  Connection(Handler handler, std::function<void()> output_ready);

  void Receive(std::string_view bytes);
  // What is to be sent, and how much of it has been.
  std::string_view Output() const { return server_.Output(); }
  void Sent(size_t count);

  bool open() const { return open_; }
  // Set when the client broke the protocol or does not read: the session is to be closed.
  bool failed() const { return server_.failure().has_value(); }
  // Undoes the answers that have not been sent. Idempotent.
  void Close();

  // Whether so much waits to be sent that no more output of processes should be added.
  bool congested() const { return Output().size() > kCongestion; }
  // Calls back once it is not congested any more, or closed.
  void WhenDrained(std::function<void()> callback) { drained_.push_back(std::move(callback)); }
  // Calls back once all that is queued now has been sent, or the session has been closed.
  void WhenFlushed(std::function<void()> callback);

  void Respond(uint32_t stream_id, Result<std::string> answer, std::function<void()> undo);
  void ReleasePayload(uint32_t stream_id) { server_.ReleasePayload(stream_id); }

 private:
  static constexpr size_t kCongestion = 512 << 10;

  struct Unsent {
    uint64_t end;  // the position in all output at which the answer has been sent
    std::function<void()> undo;
  };

  Handler handler_;
  std::function<void()> output_ready_;
  ttrpc::ServerConnection server_;
  bool open_ = true;
  uint64_t sent_ = 0;
  std::deque<Unsent> unsent_;
  std::vector<std::function<void()>> drained_;
  std::vector<std::pair<uint64_t, std::function<void()>>> flushed_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_LINK_CONNECTION_H_
