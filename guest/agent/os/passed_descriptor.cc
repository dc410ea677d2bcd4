#include "guest/agent/os/passed_descriptor.h"

#include <cstring>

namespace virtcontainers::guest {

void PassedDescriptor::Expect(msghdr& message) {
  message.msg_control = buffer_;
  message.msg_controllen = sizeof(buffer_);
}

void PassedDescriptor::Attach(msghdr& message, int fd) {
  Expect(message);
  cmsghdr* entry = CMSG_FIRSTHDR(&message);
  entry->cmsg_level = SOL_SOCKET;
  entry->cmsg_type = SCM_RIGHTS;
  entry->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(entry), &fd, sizeof(int));
}

UniqueFd PassedDescriptor::Take(msghdr& message) {
  UniqueFd taken;
  for (cmsghdr* entry = CMSG_FIRSTHDR(&message); entry != nullptr; entry = CMSG_NXTHDR(&message, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(entry), sizeof(int));
    taken.reset(fd);
  }
  return taken;
}

}  // namespace virtcontainers::guest
