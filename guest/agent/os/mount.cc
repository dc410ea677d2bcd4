#include "guest/agent/os/mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/errors.h"
#include "guest/agent/os/file.h"

namespace virtcontainers::guest {

namespace {

// The last of the messages the kernel keeps with a file system context: "e tmpfs: Bad value for 'size'".
std::string ContextMessage(int context) {
  std::string last;
  std::array<char, 512> buffer;
  ssize_t count = 0;
  while ((count = ::read(context, buffer.data(), buffer.size())) > 0) {
    last.assign(buffer.data(), static_cast<size_t>(count));
  }
  while (!last.empty() && last.back() == '\n') last.pop_back();
  return last.size() > 2 ? last.substr(2) : std::string();
}

tl::unexpected<Error> FailContext(int context, const std::string& what) {
  const int error = errno;
  const std::string message = ContextMessage(context);
  return FailErrno(message.empty() ? what : what + " (" + message + ")", error);
}

}  // namespace

Result<UniqueFd> NewFileSystem(const std::string& type, const std::string& source,
                               const std::vector<std::string>& data, uint64_t attributes) {
  UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) {
    if (errno == ENODEV) {
      return Fail(Code::kNotFound, "the guest's kernel has no file system " + Quoted(type));
    }
    return FailErrno("open file system " + Quoted(type));
  }
  const int fd = context.get();
  if (!source.empty() && ::fsconfig(fd, FSCONFIG_SET_STRING, "source", source.c_str(), 0) < 0) {
    return FailContext(fd, "source " + Quoted(source) + " of " + Quoted(type));
  }
  for (const std::string& option : data) {
    const size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    const int result = equals == std::string::npos
                           ? ::fsconfig(fd, FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                           : ::fsconfig(fd, FSCONFIG_SET_STRING, key.c_str(), option.c_str() + equals + 1, 0);
    if (result < 0) return FailContext(fd, "option " + Quoted(option) + " of " + Quoted(type));
  }
  if (::fsconfig(fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return FailContext(fd, "mount " + Quoted(type) + " from " + Quoted(source));
  }
  UniqueFd mount(::fsmount(fd, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount) return FailContext(fd, "mount " + Quoted(type) + " from " + Quoted(source));
  return mount;
}

Result<UniqueFd> CloneMount(int fd, bool recursive) {
  const unsigned flags =
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  UniqueFd mount(::open_tree(fd, "", flags));
  if (!mount) return FailErrno("clone a mount");
  return mount;
}

Status SetMountAttributes(int mount_fd, uint64_t set, uint64_t clear, bool recursive) {
  if (set == 0 && clear == 0) return {};
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  if (::mount_setattr(mount_fd, "", flags, &attributes, sizeof(attributes)) < 0) {
    return FailErrno("set the attributes of a mount");
  }
  return {};
}

Status SetMountPropagation(int mount_fd, uint64_t propagation, bool recursive) {
  mount_attr attributes{};
  attributes.propagation = propagation;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  if (::mount_setattr(mount_fd, "", flags, &attributes, sizeof(attributes)) < 0) {
    return FailErrno("set the propagation of a mount");
  }
  return {};
}

Status AttachMount(int mount_fd, int target_fd) {
  if (::move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) {
    return FailErrno("attach a mount");
  }
  return {};
}

Status MountAt(const std::string& type, const std::string& source, const std::string& path,
               const std::vector<std::string>& data, uint64_t attributes) {
  VC_RETURN_IF_ERROR(MakeDirectories(path));
  auto mount = NewFileSystem(type, source, data, attributes);
  if (!mount) return Fail(std::move(mount.error()).AddContext("mount " + Quoted(path)));
  UniqueFd target(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!target) return FailErrno("open " + Quoted(path));
  return AttachMount(mount->get(), target.get());
}

void DetachMount(const std::string& path) { ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW); }

}  // namespace virtcontainers::guest
