#include "network/descriptor_network.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <net/if.h>

#include "base/errors.h"

namespace virtcontainers {
namespace {

bool IsStreamSocket(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
         ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

// The flags of a tap or tun device's queue; 0 for anything else.
int TunFlags(int fd, std::string& name) {
  ifreq request{};
  if (::ioctl(fd, TUNGETIFF, &request) != 0) return 0;
  name = request.ifr_name;
  return static_cast<unsigned short>(request.ifr_flags);
}

}  // namespace

Result<HostNetwork::Made> DescriptorNetwork::Make(Deadline) {
  const int fd = descriptor_.get();
  if (fd < 0) {
    return Fail(Code::kInvalidArgument,
                "it needs a descriptor: give StartPod, or AddNetwork, a tap's queue or a connected socket");
  }
  // It leaves nothing on the host. Who takes the pod over expects a file of every network.
  VC_RETURN_IF_ERROR(context_.note({}));
  NetworkInterface guest = StaticInterface(config_, context_, 1500);
  Made made;
  made.dns = config_.dns;
  std::string tap;
  if (IsStreamSocket(fd)) {
    made.host = "socket";
    made.ports.push_back({std::move(guest), std::move(descriptor_)});
    return made;
  }
  const int flags = TunFlags(fd, tap);
  if ((flags & IFF_TAP) == 0 || (flags & IFF_VNET_HDR) == 0 || (flags & IFF_NO_PI) == 0) {
    return Fail(Code::kInvalidArgument,
                "descriptor " + std::to_string(fd) +
                    " is neither a connected stream socket nor the queue of a tap device with IFF_VNET_HDR "
                    "and IFF_NO_PI");
  }
  made.host = "tap " + tap;
  std::vector<UniqueFd> queues;
  queues.push_back(std::move(descriptor_));
  made.ports.push_back({std::move(guest), std::move(queues)});
  return made;
}

}  // namespace virtcontainers
