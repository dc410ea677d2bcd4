#include "network/network_namespace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/errors.h"
#include "network/link.h"
#include "network/netlink.h"
#include "os/thread.h"

namespace virtcontainers {
namespace {

constexpr char kOfThread[] = "/proc/thread-self/ns/net";

const char* FileTypeName(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISFIFO(mode)) return "a pipe";
  return "a device";
}

// ioctl_ns(2)
const char* NamespaceTypeName(int type) {
  switch (type) {
    case CLONE_NEWNS:
      return "a mount namespace";
    case CLONE_NEWUTS:
      return "a UTS namespace";
    case CLONE_NEWIPC:
      return "an IPC namespace";
    case CLONE_NEWUSER:
      return "a user namespace";
    case CLONE_NEWPID:
      return "a pid namespace";
    case CLONE_NEWCGROUP:
      return "a cgroup namespace";
    default:
      return "a namespace of another type";
  }
}

Status FailSpace(const std::string& what) {
  if (errno == EPERM) return Fail(Code::kPermissionDenied, what + ": this needs CAP_SYS_ADMIN");
  return FailErrno(what);
}

Status OnThreadOfItsOwn(const std::function<Status()>& work) {
  Status status;
  VC_ASSIGN_OR_RETURN(std::thread thread, StartThread([&] { status = work(); }));
  thread.join();
  return status;
}

}  // namespace

Result<NetworkNamespace> NetworkNamespace::Open(const std::string& path) {
  // O_PATH first: opening a device or a pipe could block or have an effect.
  const UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return FailErrno("open network namespace " + Quoted(path));
  struct statfs system {};
  struct stat info {};
  if (::fstatfs(place.get(), &system) != 0 || ::fstat(place.get(), &info) != 0)
    return FailErrno("look at network namespace " + Quoted(path));
  if (system.f_type != NSFS_MAGIC) {
    return Fail(Code::kInvalidArgument, Quoted(path) + " is " + FileTypeName(info.st_mode) +
                                            ", not a network namespace: name one such as /run/netns/NAME or "
                                            "/proc/PID/ns/net, which exists only while something is in it");
  }
  UniqueFd descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor) return FailErrno("open network namespace " + Quoted(path));
  return FromDescriptor(std::move(descriptor), path);
}

Result<NetworkNamespace> NetworkNamespace::FromDescriptor(UniqueFd descriptor, std::string name) {
  struct statfs system {};
  struct stat info {};
  if (::fstatfs(descriptor.get(), &system) != 0 || ::fstat(descriptor.get(), &info) != 0)
    return FailErrno("look at network namespace " + Quoted(name));
  if (system.f_type != NSFS_MAGIC)
    return Fail(Code::kInvalidArgument,
                Quoted(name) + " is " + FileTypeName(info.st_mode) + ", not a network namespace");
  const int type = ::ioctl(descriptor.get(), NS_GET_NSTYPE);
  if (type != CLONE_NEWNET)
    return Fail(Code::kInvalidArgument,
                Quoted(name) + " is " + NamespaceTypeName(type) + ", not a network namespace");
  NetworkNamespace space;
  space.descriptor_ = std::make_shared<UniqueFd>(std::move(descriptor));
  space.name_ = std::move(name);
  space.device_ = info.st_dev;
  space.inode_ = info.st_ino;
  return space;
}

Result<NetworkNamespace> NetworkNamespace::OfThread() {
  UniqueFd descriptor(::open(kOfThread, O_RDONLY | O_CLOEXEC));
  if (!descriptor) return FailErrno("open this thread's network namespace");
  return FromDescriptor(std::move(descriptor), kOfThread);
}

Result<NetworkNamespace> NetworkNamespace::Create(std::string name) {
  UniqueFd descriptor;
  VC_RETURN_IF_ERROR(OnThreadOfItsOwn([&]() -> Status {
    if (::unshare(CLONE_NEWNET) != 0) return FailSpace("make a network namespace");
    descriptor.reset(::open(kOfThread, O_RDONLY | O_CLOEXEC));
    if (!descriptor) return FailErrno("open the new network namespace");
    VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
    return ChangeLink(netlink, 1, {.up = true});
  }));
  return FromDescriptor(std::move(descriptor), std::move(name));
}

Status NetworkNamespace::CheckNotCallers() const {
  VC_ASSIGN_OR_RETURN(const NetworkNamespace own, OfThread());
  if (!(own == *this)) return {};
  return Fail(Code::kInvalidArgument,
              Quoted(name_) + " is the host's own network namespace: name one that was made for the pod");
}

Status NetworkNamespace::Run(const std::function<Status()>& work) const {
  return OnThreadOfItsOwn([&]() -> Status {
    if (::setns(fd(), CLONE_NEWNET) != 0) return FailSpace("join network namespace " + Quoted(name_));
    return work();
  });
}

}  // namespace virtcontainers
