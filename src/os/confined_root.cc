#include "os/confined_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/errors.h"
#include "base/unique_fd.h"

namespace virtcontainers {
namespace {

// Where the new root is put together. Every host has it, and nobody sees what is mounted there for a moment.
constexpr char kPlace[] = "/dev";
// The root proper in it.
constexpr char kInner[] = "root";

// Something of the host's and where it goes.
struct Part {
  std::string path;
  UniqueFd mount;    // a copy of it, mounted nowhere yet
  std::string link;  // a symbolic link instead
  bool directory = false;
  dev_t device = 0;  // a device
};

// Relative to the new root, which is the working directory.
const char* Inside(const std::string& path) {
  return path.c_str() + std::min(path.find_first_not_of('/'), path.size());
}

Result<UniqueFd> CopyMount(const std::string& path, bool recursive, uint64_t attributes) {
  UniqueFd mount(::open_tree(AT_FDCWD, path.c_str(),
                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)));
  if (!mount) return FailErrno("show " + Quoted(path));
  mount_attr set{};
  set.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | attributes;
  // What is mounted on the host later is not shown, and not writable either.
  set.propagation = MS_PRIVATE;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof(set)) != 0) {
    return FailErrno("show " + Quoted(path) + " read-only");
  }
  return mount;
}

Result<Part> TakeDirectory(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return FailErrno("show " + Quoted(path));
  Part part;
  part.path = path;
  if (S_ISLNK(info.st_mode)) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof(target));
    if (length <= 0 || length == sizeof(target)) return FailErrno("read the link " + Quoted(path));
    part.link.assign(target, static_cast<size_t>(length));
    return part;
  }
  if (!S_ISDIR(info.st_mode)) return Fail(Code::kInvalidArgument, Quoted(path) + " is not a directory");
  part.directory = true;
  VC_ASSIGN_OR_RETURN(part.mount, CopyMount(path, true, MOUNT_ATTR_NODEV));
  return part;
}

Result<Part> TakeFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FailErrno("show " + Quoted(path));
  if (!S_ISREG(info.st_mode)) return Fail(Code::kInvalidArgument, Quoted(path) + " is not a regular file");
  Part part;
  part.path = path;
  VC_ASSIGN_OR_RETURN(part.mount, CopyMount(path, false, MOUNT_ATTR_NODEV));
  return part;
}

Result<Part> TakeDevice(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FailErrno("show " + Quoted(path));
  if (!S_ISCHR(info.st_mode))
    return Fail(Code::kInvalidArgument, Quoted(path) + " is not a character device");
  Part part;
  part.path = path;
  part.device = info.st_rdev;
  VC_ASSIGN_OR_RETURN(part.mount, CopyMount(path, false, MOUNT_ATTR_NOEXEC));
  return part;
}

Status MakeDirectoriesAbove(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string above = path.substr(0, at);
    if (*Inside(above) == '\0') continue;
    if (::mkdir(Inside(above), 0755) != 0 && errno != EEXIST) return FailErrno("make " + Quoted(above));
  }
  return {};
}

// Puts it in its place, in the working directory.
Status Place(const Part& part) {
  VC_RETURN_IF_ERROR(MakeDirectoriesAbove(part.path));
  const char* name = Inside(part.path);
  if (!part.link.empty()) {
    if (::symlink(part.link.c_str(), name) == 0) return {};
    return FailErrno("make the link " + Quoted(part.path));
  }
  // A node of its own is anybody's to use, where the host's may be its root's alone (/dev/kvm is, without
  // udev). A user namespace has no nodes of its own and goes by the host's.
  if (part.device != 0 && ::mknod(name, S_IFCHR | 0666, part.device) == 0) {
    if (::chmod(name, 0666) != 0) return FailErrno("make " + Quoted(part.path));
    return {};
  }
  if (part.directory) {
    if (::mkdir(name, 0755) != 0) return FailErrno("make " + Quoted(part.path));
  } else {
    const UniqueFd file(::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    if (!file) return FailErrno("make " + Quoted(part.path));
  }
  if (::move_mount(part.mount.get(), "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) == 0) return {};
  return FailErrno("mount " + Quoted(part.path));
}

// All of them, those above before those below.
Result<std::vector<Part>> TakeParts(const ConfinedRoot& root) {
  std::vector<Part> parts;
  std::vector<std::string> directories = root.directories;
  std::sort(directories.begin(), directories.end());
  std::vector<std::string> shown;
  for (const std::string& directory : directories) {
    if (IsBelow(directory, shown)) continue;
    VC_ASSIGN_OR_RETURN(parts.emplace_back(), TakeDirectory(directory));
    shown.push_back(directory);
  }
  for (const std::string& file : root.files) {
    if (IsBelow(file, shown)) continue;
    VC_ASSIGN_OR_RETURN(parts.emplace_back(), TakeFile(file));
    shown.push_back(file);
  }
  for (const std::string& device : root.devices) {
    VC_ASSIGN_OR_RETURN(parts.emplace_back(), TakeDevice(device));
  }
  return parts;
}

}  // namespace

std::vector<std::string> ProgramDirectories() {
  std::vector<std::string> found;
  // The last ones are Nix's and Guix's.
  for (const char* place :
       {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/gnu"}) {
    struct stat info {};
    if (::lstat(place, &info) == 0 && (S_ISDIR(info.st_mode) || S_ISLNK(info.st_mode)))
      found.emplace_back(place);
  }
  return found;
}

bool IsBelow(std::string_view path, const std::vector<std::string>& directories) {
  return std::any_of(directories.begin(), directories.end(), [path](const std::string& directory) {
    return path.substr(0, directory.size()) == directory &&
           (path.size() == directory.size() || path[directory.size()] == '/');
  });
}

Status EnterConfinedRoot(const ConfinedRoot& root) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return FailErrno("part the mounts");
  VC_ASSIGN_OR_RETURN(const std::vector<Part> parts, TakeParts(root));
  // Directories, links and nodes only, which take no space. Devices are allowed for the nodes.
  if (::mount("virtcontainers", kPlace, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=1m") != 0)
    return FailErrno("mount a tmpfs");
  if (::chdir(kPlace) != 0 || ::mkdir(kInner, 0755) != 0 || ::chmod(kInner, 0755) != 0 ||
      ::chdir(kInner) != 0) {
    return FailErrno("make the new root");
  }
  const mode_t mask = ::umask(022);
  for (const Part& part : parts) VC_RETURN_IF_ERROR(Place(part));
  ::umask(mask);
  // (pivot_root(2), "pivot_root(\".\", \".\")")
  if (::chdir("..") != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0) return FailErrno("pivot_root");
  if (::umount2(".", MNT_DETACH) != 0) return FailErrno("leave the host's root");
  mount_attr readonly{};
  readonly.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, "/", 0, &readonly, sizeof(readonly)) != 0)
    return FailErrno("make the new root read-only");
  if (::chroot((std::string("/") + kInner).c_str()) != 0 || ::chdir("/") != 0) return FailErrno("chroot");
  return {};
}

}  // namespace virtcontainers
