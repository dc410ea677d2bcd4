#include "ttrpc/server_connection.h"

#include <algorithm>
#include <utility>

#include "ttrpc.pb.h"
#include "ttrpc/wire_error.h"

namespace virtcontainers::ttrpc {

ServerConnection::ServerConnection(Handler handler, ServerLimits limits)
    : handler_(std::move(handler)), limits_(limits) {}

void ServerConnection::Receive(std::string_view bytes) {
  if (failure_) return;
  decoder_.Receive(bytes, [this](const Frame& frame) { ReceiveFrame(frame); });
}

void ServerConnection::ReceiveFrame(const Frame& frame) {
  if (failure_ || frame.header.type != FrameType::kRequest) return;
  const uint32_t id = frame.header.stream_id;
  if (id % 2 == 0) {
    return SendError(
        id, {Code::kInvalidArgument, "stream id " + std::to_string(id) + " is even: a client's are odd"});
  }
  if (id <= last_stream_id_) {
    // The answer would end a call of that id that is still open, and a second one must not follow.
    if (const auto call = open_.find(id); call != open_.end()) {
      open_bytes_ -= call->second;
      open_.erase(call);
    }
    return SendError(id, {Code::kInvalidArgument, "stream id " + std::to_string(id) +
                                                      " is not larger than the last one, " +
                                                      std::to_string(last_stream_id_)});
  }
  last_stream_id_ = id;
  if (frame.oversized) {
    return SendError(id, {Code::kResourceExhausted, "request of " + std::to_string(frame.header.length) +
                                                        " bytes: at most " + std::to_string(kMaxFrameData)});
  }
  ReceiveRequest(frame);
}

void ServerConnection::ReceiveRequest(const Frame& frame) {
  const uint32_t id = frame.header.stream_id;
  if (open_.size() >= limits_.open_calls) {
    return SendError(id,
                     {Code::kResourceExhausted, std::to_string(open_.size()) + " calls are open already"});
  }
  if (open_bytes_ + frame.data.size() > limits_.open_bytes) {
    return SendError(id, {Code::kResourceExhausted,
                          "the open calls hold " + std::to_string(open_bytes_) + " bytes already"});
  }
  ::ttrpc::Request request;
  if (!request.ParseFromArray(frame.data.data(), static_cast<int>(frame.data.size()))) {
    return SendError(id, {Code::kInvalidArgument, "request is malformed"});
  }
  if (frame.header.flags & kFlagRemoteOpen) {
    return SendError(id, {Code::kUnimplemented, "streaming calls are not served"});
  }
  const size_t size = request.payload().size();
  open_.emplace(id, size);
  open_bytes_ += size;
  ServerCall call;
  call.stream_id = id;
  call.service = std::move(*request.mutable_service());
  call.method = std::move(*request.mutable_method());
  call.payload = std::move(*request.mutable_payload());
  call.timeout = std::chrono::nanoseconds(std::max<int64_t>(0, request.timeout_nano()));
  handler_(std::move(call));
}

void ServerConnection::Respond(uint32_t stream_id, Result<std::string> answer) {
  const auto call = open_.find(stream_id);
  if (call == open_.end()) return;
  open_bytes_ -= call->second;
  open_.erase(call);
  Send(stream_id, std::move(answer));
}

void ServerConnection::ReleasePayload(uint32_t stream_id) {
  const auto call = open_.find(stream_id);
  if (call != open_.end()) open_bytes_ -= std::exchange(call->second, 0);
}

void ServerConnection::SendError(uint32_t stream_id, Error error) {
  Send(stream_id, tl::make_unexpected(std::move(error)));
}

void ServerConnection::Send(uint32_t stream_id, Result<std::string> answer) {
  if (failure_) return;
  ::ttrpc::Response response;
  if (answer) {
    response.set_payload(std::move(*answer));
  } else {
    SetStatus(*response.mutable_status(), answer.error());
  }
  size_t size = response.ByteSizeLong();
  if (size > kMaxFrameData) {
    response.clear_payload();
    SetStatus(*response.mutable_status(),
              Error(Code::kResourceExhausted, "answer of " + std::to_string(size) + " bytes: at most " +
                                                  std::to_string(kMaxFrameData)));
    size = response.ByteSizeLong();
  }
  if (output_.size() + kFrameHeaderSize + size > limits_.output_bytes) {
    failure_ = Error(Code::kResourceExhausted,
                     "the peer leaves " + std::to_string(output_.size()) + " bytes of answers unread");
    return;
  }
  AppendFrameHeader(output_.tail(), {static_cast<uint32_t>(size), stream_id, FrameType::kResponse, 0});
  response.AppendToString(&output_.tail());
}

}  // namespace virtcontainers::ttrpc
