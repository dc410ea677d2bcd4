#include "storage/share_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/errors.h"
#include "os/file.h"
#include "os/thread.h"

namespace virtcontainers {
namespace {

// A mount namespace is a thread's, once the thread shares its root and working directory with no other. The
// thread ends with the work, so that no other work ever runs in the wrong namespace.
Status RunOnThread(const std::function<Status()>& work) {
  Status status;
  VC_ASSIGN_OR_RETURN(std::thread thread, StartThread([&] { status = work(); }));
  thread.join();
  return status;
}

Error MountError(const std::string& what) {
  Error error = ErrnoError(what);
  if (error.code() != Code::kPermissionDenied) return error;
  return Error(error.code(), error.message() + ": run as root (CAP_SYS_ADMIN)");
}

tl::unexpected<Error> FailMount(const std::string& what) { return Fail(MountError(what)); }

// A copy of the mount at the source, attached nowhere yet, and whether it is a directory.
struct Tree {
  UniqueFd mounts;
  bool directory = false;
};

// Follows symbolic links, as mount(8) does.
Result<Tree> CopyTree(const ShareNamespace::Entry& entry) {
  const std::string shown = Quoted(entry.source);
  const UniqueFd source(::open(entry.source.c_str(), O_PATH | O_CLOEXEC));
  if (!source) return FailErrno("open " + shown);
  struct stat found {};
  if (::fstat(source.get(), &found) != 0) return FailErrno("look at " + shown);
  const bool directory = S_ISDIR(found.st_mode);
  if (!directory && entry.directory) return Fail(Code::kInvalidArgument, shown + " is not a directory");
  if (!directory && !S_ISREG(found.st_mode)) {
    return Fail(Code::kInvalidArgument,
                shown + " is neither a directory nor a regular file: what is behind it stays on the host");
  }
  const unsigned recursive = entry.recursive ? AT_RECURSIVE : 0;
  UniqueFd tree(
      ::open_tree(source.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive));
  if (!tree) return FailMount("copy the mounts at " + shown);
  mount_attr attributes{};
  // A copy of a shared mount is the original's peer: to take the copy's submounts away would take the
  // original's.
  attributes.propagation = MS_SLAVE;
  if (entry.readonly) attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) {
    return FailMount("set up the copied mounts of " + shown);
  }
  return Tree{std::move(tree), directory};
}

// Runs inside, with the share as the working directory.
Status Show(const ShareNamespace::Entry& entry, const Tree& tree) {
  const char* name = entry.name.c_str();
  for (size_t at = entry.name.find('/'); at != std::string::npos; at = entry.name.find('/', at + 1)) {
    const std::string above = entry.name.substr(0, at);
    if (::mkdir(above.c_str(), 0755) != 0 && errno != EEXIST) return FailErrno("make " + Quoted(above));
  }
  if (tree.directory) {
    if (::mkdir(name, 0755) != 0) return FailErrno("make " + Quoted(entry.name));
  } else {
    const UniqueFd file(::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) return FailErrno("make " + Quoted(entry.name));
  }
  if (::move_mount(tree.mounts.get(), "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) == 0) return {};
  Error error = MountError("mount " + Quoted(entry.source) + " in the share");
  if (tree.directory) {
    ::rmdir(name);
  } else {
    ::unlink(name);
  }
  return Fail(std::move(error));
}

// Takes away what is mounted at a name and below it, and the files and directories that it was mounted on.
// One that is not there is no error.
Status Hide(const std::string& name) {
  if (::umount2(name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    return FailMount("unmount " + Quoted(name));
  }
  if (::rmdir(name.c_str()) == 0 || errno == ENOENT) return {};
  if (errno == ENOTDIR) {
    if (::unlink(name.c_str()) == 0) return {};
  } else if (errno == ENOTEMPTY) {
    // The share's own: a mount that is still there would have been busy.
    VC_ASSIGN_OR_RETURN(const std::vector<std::string> children, ListDirectory(name));
    for (const std::string& child : children) VC_RETURN_IF_ERROR(Hide(name + "/" + child));
    if (::rmdir(name.c_str()) == 0) return {};
  }
  return FailErrno("remove " + Quoted(name));
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

Status ShareNamespace::Attach(const std::vector<Entry>& entries) const {
  // Looked up here, where the paths are the caller's.
  std::vector<Tree> trees;
  for (const Entry& entry : entries) {
    VC_ASSIGN_OR_RETURN(trees.emplace_back(), CopyTree(entry));
  }
  return Run([&]() -> Status {
    if (::fchdir(directory_.get()) != 0) return FailErrno("enter the share");
    for (size_t i = 0; i < entries.size(); ++i) {
      Status shown = Show(entries[i], trees[i]);
      if (shown) continue;
      // From the last to the first: a directory above stays if there is something of others in it.
      for (size_t done = i + 1; done-- > 0;) {
        std::string name = entries[done].name;
        if (done < i) (void)Hide(name);
        for (size_t at = name.rfind('/'); at != std::string::npos; at = name.rfind('/')) {
          name.resize(at);
          ::rmdir(name.c_str());
        }
      }
      return shown;
    }
    return {};
  });
}

Status ShareNamespace::Detach(const std::string& name) const {
  return Run([&]() -> Status {
    if (::fchdir(directory_.get()) != 0) return FailErrno("enter the share");
    return Hide(name);
  });
}

}  // namespace virtcontainers
