#include "network/stream_probe.h"

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/network_address.h"
#include "os/poll.h"

namespace virtcontainers {
namespace {

using std::string_literals::operator""s;

constexpr size_t kLongestFrame = 68 << 10;

// Exactly that many bytes.
Result<std::string> ReceiveExactly(int fd, size_t size, const Deadline& deadline) {
  std::string bytes(size, '\0');
  for (size_t got = 0; got < size;) {
    VC_ASSIGN_OR_RETURN(const bool readable, WaitReadable(fd, deadline));
    if (!readable) return Fail(Code::kDeadlineExceeded, "the network stack did not answer in time");
    const ssize_t n = ::recv(fd, bytes.data() + got, size - got, MSG_DONTWAIT);
    if (n == 0) return Fail(Code::kUnavailable, "the network stack has closed the stream");
    if (n > 0) got += static_cast<size_t>(n);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return FailErrno("read from the network stack");
  }
  return bytes;
}

}  // namespace

Status AwaitGateway(int stream, const std::string& mac, const UsernetSubnet& ipv4, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const IpAddress guest, ParseIp(ipv4.guest));
  VC_ASSIGN_OR_RETURN(const IpAddress gateway, ParseIp(ipv4.gateway));
  // (RFC 826) Ethernet, ARP, request
  const std::string frame = std::string(6, '\xff') + mac + "\x08\x06" + "\x00\x01\x08\x00\x06\x04\x00\x01"s +
                            mac + guest.bytes + std::string(6, '\0') + gateway.bytes;
  const std::string sent = "\0\0\0"s + static_cast<char>(frame.size()) + frame;
  if (::send(stream, sent.data(), sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent.size())) {
    if (errno == EPIPE || errno == ECONNRESET)
      return Fail(Code::kUnavailable, "the network stack has closed the stream");
    return FailErrno("write to the network stack");
  }
  for (;;) {
    VC_ASSIGN_OR_RETURN(const std::string length, ReceiveExactly(stream, 4, deadline));
    size_t size = 0;
    for (const char c : length) size = size << 8 | static_cast<unsigned char>(c);
    if (size == 0 || size > kLongestFrame)
      return Fail(Code::kInvalidArgument,
                  "the network stack sent a frame of " + std::to_string(size) + " bytes");
    VC_ASSIGN_OR_RETURN(const std::string answer, ReceiveExactly(stream, size, deadline));
    const std::string_view view = answer;
    const bool is_reply = view.size() >= 32 && view.substr(12, 2) == "\x08\x06" && view[21] == 2;
    if (is_reply && view.substr(28, 4) == gateway.bytes) return {};
  }
}

}  // namespace virtcontainers
