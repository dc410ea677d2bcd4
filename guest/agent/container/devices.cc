#include "guest/agent/container/devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>

#include "base/errors.h"
#include "guest/agent/os/mount.h"

// The message has fields of these names.
#undef major
#undef minor

namespace virtcontainers::guest {

namespace {

struct Node {
  const char* name;
  unsigned major;
  unsigned minor;
};

constexpr std::array kNodes{
    Node{"null", 1, 3},   Node{"zero", 1, 5},    Node{"full", 1, 7},
    Node{"random", 1, 8}, Node{"urandom", 1, 9}, Node{"tty", 5, 0},
};

struct Link {
  const char* name;
  const char* target;
};

constexpr std::array kLinks{
    Link{"fd", "/proc/self/fd"},       Link{"stdin", "/proc/self/fd/0"}, Link{"stdout", "/proc/self/fd/1"},
    Link{"stderr", "/proc/self/fd/2"}, Link{"core", "/proc/kcore"},      Link{"ptmx", "pts/ptmx"},
};

// Where nodes cannot be made (a file system without them), the guest's own one is put in the place.
Status BindGuestNode(const RootedPath& root, const std::string& name) {
  UniqueFd node(::open(("/dev/" + name).c_str(), O_PATH | O_CLOEXEC));
  if (!node) return FailErrno("open '/dev/" + name + "'");
  VC_ASSIGN_OR_RETURN(const UniqueFd mount, CloneMount(node.get(), false));
  VC_ASSIGN_OR_RETURN(const UniqueFd target, root.MakeFile("/dev/" + name));
  return AttachMount(mount.get(), target.get());
}

Status SetOwnerAndMode(int node, const grpc::LinuxDevice& device, const struct stat& found, mode_t mode) {
  const bool has_owner = found.st_uid == device.uid() && found.st_gid == device.gid();
  if (!has_owner && ::fchownat(node, "", device.uid(), device.gid(), AT_EMPTY_PATH) < 0) {
    return FailErrno("give device " + Quoted(device.path()) + " its owner");
  }
  // After the change of owner, which takes special bits away.
  const std::string path = "/proc/self/fd/" + std::to_string(node);
  if ((!has_owner || (found.st_mode & 07777) != mode) && ::chmod(path.c_str(), mode) < 0) {
    return FailErrno("give device " + Quoted(device.path()) + " its mode");
  }
  return {};
}

}  // namespace

Status MakeDefaultDevices(const RootedPath& root) {
  ::umask(0);
  VC_ASSIGN_OR_RETURN(const UniqueFd dev, root.MakeDirectory("/dev"));
  // The descriptor is O_PATH: the *at calls take it.
  for (const Node& node : kNodes) {
    if (::mknodat(dev.get(), node.name, S_IFCHR | 0666, ::makedev(node.major, node.minor)) == 0) continue;
    if (errno == EEXIST) continue;
    VC_RETURN_IF_ERROR(BindGuestNode(root, node.name));
  }
  for (const Link& link : kLinks) {
    if (::symlinkat(link.target, dev.get(), link.name) < 0 && errno != EEXIST) {
      return FailErrno("make '/dev/" + std::string(link.name) + "'");
    }
  }
  return {};
}

Status MakeDevice(const RootedPath& root, const grpc::LinuxDevice& device) {
  mode_t type = 0;
  if (device.type() == "c" || device.type() == "u") {
    type = S_IFCHR;
  } else if (device.type() == "b") {
    type = S_IFBLK;
  } else if (device.type() == "p") {
    type = S_IFIFO;
  } else {
    return Fail(Code::kInvalidArgument, "device " + Quoted(device.path()) + ": type " +
                                            Quoted(device.type()) + " is none of 'c', 'u', 'b', 'p'");
  }
  std::string name;
  VC_ASSIGN_OR_RETURN(const UniqueFd parent, root.MakeParent(device.path(), &name));
  const mode_t mode = device.filemode() == 0 ? 0666 : device.filemode() & 07777;
  const dev_t number = type == S_IFIFO ? 0
                                       : ::makedev(static_cast<unsigned>(device.major()),
                                                   static_cast<unsigned>(device.minor()));
  ::umask(0);
  if (::mknodat(parent.get(), name.c_str(), type | mode, number) < 0 && errno != EEXIST) {
    return FailErrno("make device " + Quoted(device.path()));
  }
  const UniqueFd node(::openat(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!node) return FailErrno("open device " + Quoted(device.path()));
  struct stat info {};
  if (::fstat(node.get(), &info) < 0) return FailErrno("look at device " + Quoted(device.path()));
  // From an earlier start of the container, or from its image: if it is another one, it is not overwritten.
  if ((info.st_mode & S_IFMT) != type || info.st_rdev != number) {
    return Fail(Code::kFailedPrecondition,
                "device " + Quoted(device.path()) +
                    ": there is another file of this name in the container: remove one");
  }
  return SetOwnerAndMode(node.get(), device, info, mode);
}

}  // namespace virtcontainers::guest
