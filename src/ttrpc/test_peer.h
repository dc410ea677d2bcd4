// Two ends of a connection for tests, and a peer that says exactly what it is told to.

#ifndef VIRTCONTAINERS_SRC_TTRPC_TEST_PEER_H_
#define VIRTCONTAINERS_SRC_TTRPC_TEST_PEER_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"
#include "ttrpc.pb.h"
#include "ttrpc/fd_stream.h"
#include "ttrpc/frame.h"

namespace virtcontainers::ttrpc {

inline std::pair<std::unique_ptr<FdStream>, std::unique_ptr<FdStream>> MakeStreamPair() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {*FdStream::Create(UniqueFd(fds[0])), *FdStream::Create(UniqueFd(fds[1]))};
}

inline std::string RequestFrame(uint32_t id, std::string_view method, std::string_view payload = "",
                                int64_t timeout = 0, uint8_t flags = 0) {
  ::ttrpc::Request request;
  request.set_service("test.Service");
  request.set_method(std::string(method));
  request.set_payload(std::string(payload));
  request.set_timeout_nano(timeout);
  std::string bytes;
  AppendFrame(bytes, id, FrameType::kRequest, flags, request.SerializeAsString());
  return bytes;
}

inline std::string ResponseFrame(uint32_t id, std::string_view payload) {
  ::ttrpc::Response response;
  response.set_payload(std::string(payload));
  std::string bytes;
  AppendFrame(bytes, id, FrameType::kResponse, 0, response.SerializeAsString());
  return bytes;
}

inline std::string ErrorFrame(uint32_t id, int code, std::string_view message) {
  ::ttrpc::Response response;
  response.mutable_status()->set_code(code);
  response.mutable_status()->set_message(std::string(message));
  std::string bytes;
  AppendFrame(bytes, id, FrameType::kResponse, 0, response.SerializeAsString());
  return bytes;
}

// One end, in the hands of the test's thread.
class TestPeer {
 public:
  struct Received {
    uint32_t stream_id = 0;
    ::ttrpc::Request request;
  };

  explicit TestPeer(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  // Waits for the next request; stream id 0 at the end of the connection.
  Received Next() {
    while (received_.empty()) {
      std::array<char, 4096> buffer;
      const auto count = stream_->Read(buffer);
      if (!count || *count == 0) return {};
      decoder_.Receive({buffer.data(), *count}, [&](const Frame& frame) {
        Received received{frame.header.stream_id, {}};
        EXPECT_EQ(frame.header.type, FrameType::kRequest);
        EXPECT_TRUE(received.request.ParseFromString(std::string(frame.data)));
        received_.push_back(std::move(received));
      });
    }
    Received received = std::move(received_.front());
    received_.pop_front();
    return received;
  }

  void Send(std::string_view bytes) { EXPECT_TRUE(stream_->Write(bytes)); }
  void Close() { stream_->Shutdown(); }

 private:
  const std::unique_ptr<Stream> stream_;
  FrameDecoder decoder_;
  std::deque<Received> received_;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_TEST_PEER_H_
