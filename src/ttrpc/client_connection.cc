#include "ttrpc/client_connection.h"

#include <limits>
#include <utility>

#include "base/errors.h"
#include "ttrpc.pb.h"
#include "ttrpc/wire_error.h"

namespace virtcontainers::ttrpc {
namespace {

Result<std::string> ParseResponse(const Frame& frame) {
  ::ttrpc::Response response;
  if (!response.ParseFromArray(frame.data.data(), static_cast<int>(frame.data.size()))) {
    return virtcontainers::Fail(Code::kInternal, "the peer's answer is malformed");
  }
  if (response.status().code() != 0) return virtcontainers::Fail(ErrorFromStatus(response.status()));
  return std::move(*response.mutable_payload());
}

}  // namespace

Result<ClientConnection::Request> ClientConnection::Start(std::string_view service, std::string_view method,
                                                          std::string payload,
                                                          std::chrono::nanoseconds timeout,
                                                          Callback&& callback) {
  if (failure_) return virtcontainers::Fail(*failure_);
  if (next_id_ > std::numeric_limits<uint32_t>::max()) {
    return virtcontainers::Fail(Code::kUnavailable,
                                "the connection has made all the calls it can: open another");
  }
  ::ttrpc::Request message;
  message.set_service(std::string(service));
  message.set_method(std::string(method));
  message.set_payload(std::move(payload));
  message.set_timeout_nano(timeout.count());
  const size_t size = message.ByteSizeLong();
  if (size > kMaxFrameData) {
    return virtcontainers::Fail(
        Code::kResourceExhausted,
        "request of " + std::to_string(size) + " bytes: at most " + std::to_string(kMaxFrameData));
  }
  Request request;
  request.stream_id = static_cast<uint32_t>(next_id_);
  next_id_ += 2;
  request.frame.reserve(kFrameHeaderSize + size);
  AppendFrameHeader(request.frame, {static_cast<uint32_t>(size), request.stream_id, FrameType::kRequest, 0});
  message.AppendToString(&request.frame);
  open_.emplace(request.stream_id, std::move(callback));
  return request;
}

ClientConnection::Callback ClientConnection::Forget(uint32_t stream_id) {
  const auto call = open_.find(stream_id);
  if (call == open_.end()) return nullptr;
  Callback callback = std::move(call->second);
  open_.erase(call);
  return callback;
}

void ClientConnection::Receive(std::string_view bytes, std::vector<Completion>& completions) {
  if (failure_) return;
  decoder_.Receive(bytes, [&](const Frame& frame) { ReceiveFrame(frame, completions); });
}

void ClientConnection::ReceiveFrame(const Frame& frame, std::vector<Completion>& completions) {
  if (failure_) return;
  Callback callback;
  if (frame.header.type == FrameType::kResponse) callback = Forget(frame.header.stream_id);
  if (callback == nullptr) {
    ++ignored_frames_;
    // A late answer may be oversized; a type we do not know may not.
    if (frame.oversized && frame.header.type != FrameType::kResponse) {
      Fail({Code::kUnavailable, "the peer does not speak ttrpc: it announced a frame of " +
                                    std::to_string(frame.header.length) + " bytes and type " +
                                    std::to_string(static_cast<int>(frame.header.type))},
           completions);
    }
    return;
  }
  Result<std::string> answer =
      frame.oversized ? virtcontainers::Fail(Code::kResourceExhausted,
                                             "answer of " + std::to_string(frame.header.length) +
                                                 " bytes: at most " + std::to_string(kMaxFrameData))
                      : ParseResponse(frame);
  completions.push_back({frame.header.stream_id, std::move(callback), std::move(answer)});
}

void ClientConnection::Fail(Error reason, std::vector<Completion>& completions) {
  for (auto& [id, callback] : open_)
    completions.push_back({id, std::move(callback), virtcontainers::Fail(reason)});
  open_.clear();
  if (!failure_) failure_ = std::move(reason);
}

}  // namespace virtcontainers::ttrpc
