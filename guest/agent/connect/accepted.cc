#include "guest/agent/connect/accepted.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "guest/agent/os/passed_descriptor.h"

namespace virtcontainers::guest {
namespace {

// A message of one byte.
struct Message {
  Message() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
  }

  char byte = 0;
  iovec data{&byte, 1};
  msghdr header{};
  PassedDescriptor passed;
};

}  // namespace

socklen_t AbstractAddress(std::string_view name, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  const size_t size = std::min(name.size(), sizeof(address.sun_path) - 1);
  std::memcpy(address.sun_path + 1, name.data(), size);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size);
}

bool SendConnection(int socket, int connection) {
  Message message;
  message.passed.Attach(message.header, connection);
  return ::sendmsg(socket, &message.header, MSG_NOSIGNAL) == 1;
}

int ReceiveConnection(int socket) {
  Message message;
  message.passed.Expect(message.header);
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  UniqueFd connection;
  if (count > 0) connection = PassedDescriptor::Take(message.header);
  if (!connection) errno = ECONNRESET;
  return connection.release();
}

}  // namespace virtcontainers::guest
