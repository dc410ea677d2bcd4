#include "guest/agent/container/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "base/errors.h"
#include "guest/agent/container/copy_up.h"
#include "guest/agent/container/mount_options.h"
#include "guest/agent/os/log.h"
#include "guest/agent/os/mount.h"

namespace virtcontainers::guest {

namespace {

constexpr mode_t kTmpfsMode = 01777;

bool IsDirectory(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

Status SetOptions(int mount_fd, const MountOptions& options) {
  VC_RETURN_IF_ERROR(SetMountAttributes(mount_fd, options.attributes, options.cleared, false));
  VC_RETURN_IF_ERROR(
      SetMountAttributes(mount_fd, options.recursive_attributes, options.recursive_cleared, true));
  return {};
}

Status SetPropagation(int mount_fd, const MountOptions& options) {
  if (options.propagation == 0) return {};
  return SetMountPropagation(mount_fd, options.propagation, options.recursive_propagation);
}

// Where a bind mount is attached. The kernel would say EINVAL for a file on a directory.
Result<UniqueFd> MakeTarget(const RootedPath& root, const grpc::Mount& mount, bool is_directory) {
  const std::string& path = mount.destination();
  auto target = is_directory ? root.MakeDirectory(path) : root.MakeFile(path);
  const auto found = target || !is_directory ? Result<UniqueFd>() : root.Open(path, O_PATH);
  const int there = target ? target->get() : found ? found->get() : -1;
  if (there < 0 || IsDirectory(there) == is_directory) return target;
  const char* kinds[] = {"a file", "a directory"};
  return Fail(Code::kInvalidArgument, "its source " + Quoted(mount.source()) + " is " + kinds[is_directory] +
                                          " and " + Quoted(path) + " in the container is " +
                                          kinds[!is_directory] +
                                          ": mount a file on a file, and a directory on a directory");
}

Status Bind(const RootedPath& root, const grpc::Mount& mount, const MountOptions& options) {
  // As with runc and crun: it shows what is there.
  for (const std::string& option : options.data) {
    Log(LogLevel::kWarn, "mount " + Quoted(mount.destination()) + ": option " + Quoted(option) +
                             " has no effect on a bind mount");
  }
  UniqueFd source(::open(mount.source().c_str(), O_PATH | O_CLOEXEC));
  if (!source) return FailErrno("open source " + Quoted(mount.source()));
  VC_ASSIGN_OR_RETURN(const UniqueFd tree, CloneMount(source.get(), options.recursive_bind));
  VC_RETURN_IF_ERROR(SetOptions(tree.get(), options));
  VC_ASSIGN_OR_RETURN(const UniqueFd target, MakeTarget(root, mount, IsDirectory(source.get())));
  VC_RETURN_IF_ERROR(AttachMount(tree.get(), target.get()));
  return SetPropagation(tree.get(), options);
}

bool HasOption(const MountOptions& options, std::string_view prefix) {
  for (const std::string& option : options.data) {
    if (option.compare(0, prefix.size(), prefix) == 0) return true;
  }
  return false;
}

std::string Octal(unsigned mode) {
  std::string digits;
  for (; mode != 0; mode >>= 3) digits.insert(digits.begin(), static_cast<char>('0' + (mode & 7)));
  return "0" + digits;
}

// The content of the directory `target` goes to the tmpfs `made` before that can be read-only.
Status CopyUpInto(int made, int target, uint64_t attributes) {
  UniqueFd from(::openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!from) return FailErrno("open what it covers");
  if (auto status = CopyUp(from.get(), made); !status) {
    return Fail(std::move(status.error()).AddContext("copy what it covers (tmpcopyup)"));
  }
  return SetMountAttributes(made, attributes & MOUNT_ATTR_RDONLY, 0, /*recursive=*/false);
}

Status MountNew(const RootedPath& root, const grpc::Mount& mount, MountOptions options) {
  // There is no cgroup v1 in the guest; config.json says "cgroup" for both.
  const std::string type = mount.type() == "cgroup" ? "cgroup2" : mount.type();
  if (type == "cgroup2") options.data.clear();
  const bool takes_mode = type == "tmpfs" && !HasOption(options, "mode=");
  VC_ASSIGN_OR_RETURN(const UniqueFd target,
                      root.MakeDirectory(mount.destination(), 0755, takes_mode ? kTmpfsMode : 0755));
  if (takes_mode) {
    struct stat info;
    // A tmpfs on /tmp is as open as the /tmp it covers; one on a new directory is as open as a tmpfs is.
    if (::fstat(target.get(), &info) == 0) options.data.push_back("mode=" + Octal(info.st_mode & 07777));
  }
  const uint64_t later = options.copy_up ? MOUNT_ATTR_RDONLY : 0;
  auto made = NewFileSystem(type, mount.source(), options.data, options.attributes & ~later);
  if (!made && type == "mqueue" && made.error().code() == Code::kNotFound) {
    // In everybody's default config.json, and in nobody's use: a small kernel does without.
    Log(LogLevel::kWarn,
        "no file system 'mqueue' in this kernel: " + Quoted(mount.destination()) + " stays empty");
    return {};
  }
  if (!made) return Fail(std::move(made.error()));
  if (options.copy_up) VC_RETURN_IF_ERROR(CopyUpInto(made->get(), target.get(), options.attributes));
  VC_RETURN_IF_ERROR(AttachMount(made->get(), target.get()));
  return SetPropagation(made->get(), options);
}

}  // namespace

Status MakeContainerMount(const RootedPath& root, const grpc::Mount& mount) {
  const auto name = [&] { return "mount " + Quoted(mount.destination()); };
  if (mount.destination().empty() || mount.destination().find_first_not_of('/') == std::string::npos) {
    return Fail(Code::kInvalidArgument, name() + ": the root itself is not a place to mount on");
  }
  for (const std::string& option : mount.options()) {
    if (option != "idmap" && option != "ridmap") continue;
    return Fail(Code::kUnimplemented, name() + ": option " + Quoted(option) + " is not supported");
  }
  MountOptions options = ParseMountOptions({mount.options().begin(), mount.options().end()});
  const bool bind = options.bind || mount.type() == "bind";
  if (options.copy_up && (bind || mount.type() != "tmpfs")) {
    return Fail(Code::kInvalidArgument, name() + ": option 'tmpcopyup' is for a tmpfs");
  }
  Status status = bind ? Bind(root, mount, options) : MountNew(root, mount, std::move(options));
  if (!status) return Fail(std::move(status.error()).AddContext(name()));
  return {};
}

Status MaskPaths(const RootedPath& root, const google::protobuf::RepeatedPtrField<std::string>& paths) {
  if (paths.empty()) return {};
  UniqueFd null(::open("/dev/null", O_PATH | O_CLOEXEC));
  if (!null) return FailErrno("open '/dev/null'");
  // One empty directory serves for all of them.
  std::optional<UniqueFd> empty;
  for (const std::string& path : paths) {
    auto target = root.Open(path, O_PATH);
    if (!target) {
      if (target.error().code() == Code::kNotFound) continue;
      return Fail(std::move(target.error()).AddContext("mask " + Quoted(path)));
    }
    Result<UniqueFd> cover;
    if (!IsDirectory(target->get())) {
      cover = CloneMount(null.get(), false);
    } else if (!empty) {
      cover = NewFileSystem("tmpfs", "tmpfs", {"size=0", "nr_inodes=1"}, MOUNT_ATTR_RDONLY);
    } else {
      cover = CloneMount(empty->get(), false);
    }
    if (!cover) return Fail(std::move(cover.error()).AddContext("mask " + Quoted(path)));
    if (auto status = AttachMount(cover->get(), target->get()); !status) {
      return Fail(std::move(status.error()).AddContext("mask " + Quoted(path)));
    }
    if (!empty && IsDirectory(cover->get())) empty = std::move(*cover);
  }
  return {};
}

Status MakePathsReadOnly(const RootedPath& root,
                         const google::protobuf::RepeatedPtrField<std::string>& paths) {
  for (const std::string& path : paths) {
    auto target = root.Open(path, O_PATH);
    if (!target && target.error().code() == Code::kNotFound) continue;
    const auto make = [&]() -> Status {
      if (!target) return Fail(target.error());
      VC_ASSIGN_OR_RETURN(const UniqueFd tree, CloneMount(target->get(), true));
      VC_RETURN_IF_ERROR(SetMountAttributes(tree.get(), MOUNT_ATTR_RDONLY, 0, true));
      return AttachMount(tree.get(), target->get());
    };
    if (auto status = make(); !status) {
      return Fail(std::move(status.error()).AddContext("make " + Quoted(path) + " read-only"));
    }
  }
  return {};
}

}  // namespace virtcontainers::guest
