// A descriptor that goes with a message over a unix socket. (SCM_RIGHTS, unix(7))

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_PASSED_DESCRIPTOR_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_PASSED_DESCRIPTOR_H_

#include <sys/socket.h>

#include "base/unique_fd.h"

namespace virtcontainers::guest {

// Room for one. Outlives the call of sendmsg(2) or recvmsg(2) that it is for.
class PassedDescriptor {
 public:
  // `message` is to be sent with `fd`, which stays the caller's.
  void Attach(msghdr& message, int fd);
  // A descriptor may come with `message`.
  void Expect(msghdr& message);
  // The one that came, if any: after recvmsg, once.
  static UniqueFd Take(msghdr& message);

 private:
  alignas(cmsghdr) char buffer_[CMSG_SPACE(sizeof(int))] = {};
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_PASSED_DESCRIPTOR_H_
