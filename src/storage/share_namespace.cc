#include "storage/share_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/errors.h"

namespace virtcontainers {
namespace {

// A mount namespace is a thread's, once the thread shares its root and working directory with no other. The
// thread ends with the work, so that no other work ever runs in the wrong namespace.
Status RunOnThread(const std::function<Status()>& work) {
  Status status;
  std::thread([&] { status = work(); }).join();
  return status;
}

Error MountError(const std::string& what) {
  Error error = ErrnoError(what);
  if (error.code() != Code::kPermissionDenied) return error;
  return Error(error.code(), error.message() + ": run as root (CAP_SYS_ADMIN)");
}

tl::unexpected<Error> FailMount(const std::string& what) { return Fail(MountError(what)); }

std::string ParentOf(const std::string& name) { return name.substr(0, name.find('/')); }

// A copy of the mounts at `source`, attached nowhere yet.
Result<UniqueFd> CopyTree(const std::string& source, bool readonly) {
  const UniqueFd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    if (errno == ENOTDIR) return Fail(Code::kInvalidArgument, Quoted(source) + " is not a directory");
    return FailErrno("open " + Quoted(source));
  }
  // Recursive: what is mounted below belongs to a root file system.
  UniqueFd tree(
      ::open_tree(directory.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
  if (!tree) return FailMount("copy the mounts at " + Quoted(source));
  mount_attr attributes{};
  // A copy of a shared mount is the original's peer: to take the copy's submounts away would take the
  // original's.
  attributes.propagation = MS_SLAVE;
  if (readonly) attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) {
    return FailMount("set up the copied mounts of " + Quoted(source));
  }
  return tree;
}

}  // namespace

Result<ShareNamespace> ShareNamespace::Create(const std::string& directory) {
  UniqueFd mounts, share;
  VC_RETURN_IF_ERROR(RunOnThread([&]() -> Status {
    if (::unshare(CLONE_FS | CLONE_NEWNS) != 0) return FailMount("make a mount namespace");
    // A slave: the host's unmounting reaches this namespace and keeps nothing busy, and nothing goes the
    // other way.
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
      return FailMount("make the mounts slaves");
    // It holds nothing but directories to mount on.
    if (::mount("virtcontainers", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "mode=0755,size=1m") != 0) {
      return FailMount("mount a tmpfs at " + Quoted(directory));
    }
    // virtiofsd works in a copy of this namespace: it must be told of what is mounted later.
    if (::mount(nullptr, directory.c_str(), nullptr, MS_SHARED, nullptr) != 0) {
      return FailMount("share the mounts at " + Quoted(directory));
    }
    share.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!share) return FailErrno("open " + Quoted(directory));
    mounts.reset(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!mounts) return FailErrno("open the mount namespace");
    return {};
  }));
  return ShareNamespace(std::move(mounts), std::move(share));
}

Result<ShareNamespace> ShareNamespace::OfProcess(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  UniqueFd mounts(::open((process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  if (!mounts) return FailErrno("open the mount namespace of process " + std::to_string(pid));
  UniqueFd root(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return FailErrno("open the root of process " + std::to_string(pid));
  return ShareNamespace(std::move(mounts), std::move(root));
}

Status ShareNamespace::Run(const std::function<Status()>& inside) const {
  return RunOnThread([&]() -> Status {
    if (::unshare(CLONE_FS) != 0) return FailMount("leave the other threads' root");
    if (::setns(mounts_.get(), CLONE_NEWNS) != 0) return FailMount("join the share's mount namespace");
    return inside();
  });
}

Status ShareNamespace::Attach(const std::string& source, const std::string& name, bool readonly) const {
  VC_ASSIGN_OR_RETURN(const UniqueFd tree, CopyTree(source, readonly));
  return Run([&]() -> Status {
    const std::string parent = ParentOf(name);
    if (::mkdirat(directory_.get(), parent.c_str(), 0755) != 0 && errno != EEXIST) {
      return FailErrno("make " + Quoted(parent));
    }
    if (::mkdirat(directory_.get(), name.c_str(), 0755) != 0) return FailErrno("make " + Quoted(name));
    if (::move_mount(tree.get(), "", directory_.get(), name.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      Error error = MountError("mount " + Quoted(source) + " in the share");
      ::unlinkat(directory_.get(), name.c_str(), AT_REMOVEDIR);
      ::unlinkat(directory_.get(), parent.c_str(), AT_REMOVEDIR);
      return Fail(std::move(error));
    }
    return {};
  });
}

Status ShareNamespace::Detach(const std::string& name) const {
  return Run([&]() -> Status {
    if (::fchdir(directory_.get()) != 0) return FailErrno("enter the share");
    // EINVAL: nothing is mounted there.
    if (::umount2(name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
      return FailMount("unmount " + Quoted(name));
    }
    for (const std::string& directory : {name, ParentOf(name)}) {
      if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) return FailErrno("remove " + Quoted(directory));
    }
    return {};
  });
}

}  // namespace virtcontainers
