#include "guest/agent/connect/accepted.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace virtcontainers::guest {
namespace {

// A message of one byte with room for one descriptor.
struct Message {
  Message() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
  }

  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
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
  cmsghdr* part = CMSG_FIRSTHDR(&message.header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(part), &connection, sizeof(int));
  return ::sendmsg(socket, &message.header, MSG_NOSIGNAL) == 1;
}

int ReceiveConnection(int socket) {
  Message message;
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  const cmsghdr* part = CMSG_FIRSTHDR(&message.header);
  if (count == 0 || part == nullptr || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
    errno = ECONNRESET;
    return -1;
  }
  int connection = -1;
  std::memcpy(&connection, CMSG_DATA(part), sizeof(int));
  return connection;
}

}  // namespace virtcontainers::guest
