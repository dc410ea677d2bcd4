#include "guest/agent/link/connection.h"

#include <utility>

namespace virtcontainers::guest {

namespace {

// The guest may be small.
constexpr ttrpc::ServerLimits kLimits{.open_calls = 4096, .open_bytes = 16 << 20, .output_bytes = 16 << 20};

}  // namespace

bool Call::live() const { return connection_->open(); }

void Call::Answer() const { Respond(std::string()); }

void Call::Respond(std::string message) const {
  connection_->Respond(stream_id_, std::move(message), nullptr);
}

void Call::Answer(const google::protobuf::MessageLite& message, std::function<void()> undo) const {
  connection_->Respond(stream_id_, message.SerializeAsString(), std::move(undo));
}

void Call::Fail(Error error) const {
  connection_->Respond(stream_id_, tl::make_unexpected(std::move(error)), nullptr);
}

void Call::Finish(Status status) const {
  if (status) {
    Answer();
  } else {
    Fail(std::move(status.error()));
  }
}

void Call::ReleasePayload() const { connection_->ReleasePayload(stream_id_); }

Connection::Connection(Handler handler, std::function<void()> output_ready)
    : handler_(std::move(handler)),
      output_ready_(std::move(output_ready)),
      server_(
          [this](ttrpc::ServerCall request) {
            Call call(shared_from_this(), request.stream_id);
            handler_(std::move(call), std::move(request));
          },
          kLimits) {}

void Connection::Receive(std::string_view bytes) {
  if (!open_) return;
  const bool idle = Output().empty();
  server_.Receive(bytes);
  // The server answers some requests itself.
  if (idle && !Output().empty()) output_ready_();
}

void Connection::Respond(uint32_t stream_id, Result<std::string> answer, std::function<void()> undo) {
  if (!open_) {
    if (undo) undo();
    return;
  }
  const bool idle = Output().empty();
  server_.Respond(stream_id, std::move(answer));
  if (undo) unsent_.push_back({sent_ + Output().size(), std::move(undo)});
  if (idle && !Output().empty()) output_ready_();
}

void Connection::Sent(size_t count) {
  server_.Consume(count);
  sent_ += count;
  while (!unsent_.empty() && unsent_.front().end <= sent_) unsent_.pop_front();
  if (!drained_.empty() && !congested()) {
    for (auto& callback : std::exchange(drained_, {})) callback();
  }
  if (!flushed_.empty() && flushed_.front().first <= sent_) {
    for (auto& [end, callback] : std::exchange(flushed_, {})) callback();
  }
}

void Connection::WhenFlushed(std::function<void()> callback) {
  if (!open_ || Output().empty()) return callback();
  flushed_.emplace_back(sent_ + Output().size(), std::move(callback));
}

void Connection::Close() {
  if (!std::exchange(open_, false)) return;
  // The last first, so that what is put back at the front of a stream ends in its old order.
  auto unsent = std::exchange(unsent_, {});
  for (auto answer = unsent.rbegin(); answer != unsent.rend(); ++answer) answer->undo();
  for (auto& callback : std::exchange(drained_, {})) callback();
  for (auto& [end, callback] : std::exchange(flushed_, {})) callback();
}

}  // namespace virtcontainers::guest
