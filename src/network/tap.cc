#include "network/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "network/link.h"
#include "network/netlink.h"

namespace virtcontainers {
namespace {

constexpr char kTunNode[] = "/dev/net/tun";

Result<UniqueFd> OpenTunNode() {
  UniqueFd fd(::open(kTunNode, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (fd) return fd;
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
    return Fail(Code::kUnimplemented, "there is no /dev/net/tun: load the module tun");
  if (errno == EPERM || errno == EACCES)
    return Fail(Code::kPermissionDenied, "open /dev/net/tun: " + std::string(std::strerror(errno)) +
                                             ": this process may not use tap devices");
  return FailErrno("open /dev/net/tun");
}

Status CheckRequest(const std::string& name, uint32_t queues) {
  if (!IsLinkName(name))
    return Fail(Code::kInvalidArgument, "tap " + Quoted(name) +
                                            ": the name of a network device has 1 to 15 bytes, and neither "
                                            "spaces, colons nor slashes");
  if (queues < 1 || queues > kMaxTapQueues)
    return Fail(Code::kInvalidArgument,
                "tap " + Quoted(name) + ": " + std::to_string(queues) + " queues: 1 to 64 are possible");
  return {};
}

ifreq TapRequest(const std::string& name, int flags) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags);
  return request;
}

// A device that is made gets this index, which loopback has: the kernel makes none.
Status ForbidMaking(int fd) {
  unsigned taken = 1;
  if (::ioctl(fd, TUNSETIFINDEX, &taken) != 0) return FailErrno("prepare to open a tap");
  return {};
}

Error TapError(const std::string& name) {
  if (errno == EPERM)
    return Error(Code::kPermissionDenied,
                 "tap " + Quoted(name) + ": this needs CAP_NET_ADMIN, or a tap that belongs to this user");
  return ErrnoError("open tap " + Quoted(name));
}

}  // namespace

bool IsLinkName(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") return false;
  for (const char c : name) {
    if (c == '/' || c == ':' || c == '%' || static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return false;
  }
  return true;
}

Result<TapQueueFds> MakeTap(const std::string& name, uint32_t queues) {
  VC_RETURN_IF_ERROR(CheckRequest(name, queues));
  const int several = queues > 1 ? IFF_MULTI_QUEUE : 0;
  TapQueueFds fds;
  for (uint32_t i = 0; i < queues; ++i) {
    VC_ASSIGN_OR_RETURN(UniqueFd fd, OpenTunNode());
    ifreq request = TapRequest(name, several | (i == 0 ? IFF_TUN_EXCL : 0));
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
      if (i == 0 && (errno == EBUSY || errno == EEXIST || errno == EINVAL))
        return Fail(Code::kAlreadyExists, "network device " + Quoted(name) + " exists already");
      return Fail(TapError(name));
    }
    fds.push_back(std::move(fd));
  }
  return fds;
}

Result<TapQueueFds> OpenTap(const std::string& name, uint32_t queues) {
  VC_RETURN_IF_ERROR(CheckRequest(name, queues));
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  VC_ASSIGN_OR_RETURN(const Link link, FindLink(netlink, name));
  const std::string in_use =
      "tap " + Quoted(name) + " is in use by another process: end it, or name another tap";
  if (!link.tun || !link.tun->tap)
    return Fail(Code::kFailedPrecondition, "network device " + Quoted(name) + " is no tap, but of kind " +
                                               Quoted(link.tun            ? "tun"
                                                      : link.kind.empty() ? "device"
                                                                          : link.kind) +
                                               ": name a tap, as made by: ip tuntap add " + name +
                                               " mode tap");
  if (link.tun->queues > 0) return Fail(Code::kFailedPrecondition, in_use);
  if (!link.up())
    return Fail(Code::kFailedPrecondition,
                "tap " + Quoted(name) + " is down: bring it up with: ip link set " + name + " up");
  if (queues > 1 && !link.tun->multi_queue)
    return Fail(Code::kFailedPrecondition, "tap " + Quoted(name) + " has one queue, not " +
                                               std::to_string(queues) +
                                               ": make it with multi_queue, or use one queue");
  TapQueueFds fds;
  for (uint32_t i = 0; i < queues; ++i) {
    VC_ASSIGN_OR_RETURN(UniqueFd fd, OpenTunNode());
    VC_RETURN_IF_ERROR(ForbidMaking(fd.get()));
    ifreq request = TapRequest(name, link.tun->multi_queue ? IFF_MULTI_QUEUE : 0);
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
      if (errno == EBUSY) return Fail(Code::kFailedPrecondition, in_use);
      return Fail(TapError(name));
    }
    fds.push_back(std::move(fd));
  }
  return fds;
}

}  // namespace virtcontainers
