#include "guest/agent/sandbox/storage.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "base/errors.h"
#include "guest/agent/container/mount_options.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/kernel_module.h"
#include "guest/agent/os/mount.h"
#include "guest/agent/sandbox/block_device.h"
#include "guest/agent/sandbox/ids.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxStorages = 1024;

enum class Kind { kBlock, kFileSystem, kBind, kDirectory };

struct Driver {
  const char* name;
  Kind kind;
  const char* type;    // of the file system, where the request does not say
  const char* module;  // the kernel's, if it may not be there yet
};

constexpr std::array kDrivers{
    Driver{"virtio-fs", Kind::kFileSystem, "virtiofs", "virtiofs"},
    Driver{"9p", Kind::kFileSystem, "9p", "9pnet_virtio"},
    Driver{"ephemeral", Kind::kFileSystem, "tmpfs", nullptr},
    Driver{"overlayfs", Kind::kFileSystem, "overlay", "overlay"},
    Driver{"blk", Kind::kBlock, "ext4", nullptr},
    Driver{"mmioblk", Kind::kBlock, "ext4", nullptr},
    Driver{"bind", Kind::kBind, "bind", nullptr},
    Driver{"watchable-bind", Kind::kBind, "bind", nullptr},
    Driver{"local", Kind::kDirectory, "local", nullptr},
};

const Driver* FindDriver(const std::string& name) {
  for (const Driver& driver : kDrivers) {
    if (driver.name == name) return &driver;
  }
  return nullptr;
}

MountOptions Options(const grpc::Storage& storage) {
  return ParseMountOptions({storage.options().begin(), storage.options().end()});
}

Status MountFileSystem(const grpc::Storage& storage, const Driver& driver, const std::string& source) {
  const MountOptions options = Options(storage);
  const std::string type = storage.fstype().empty() ? driver.type : storage.fstype();
  auto status = MountAt(type, source, storage.mount_point(), options.data, options.attributes);
  if (status || status.error().code() != Code::kNotFound) return status;
  // The file system may be a module that nobody needed so far.
  if (!LoadModule(driver.kind == Kind::kBlock || driver.module == nullptr ? type : driver.module))
    return status;
  return MountAt(type, source, storage.mount_point(), options.data, options.attributes);
}

Status BindDirectory(const grpc::Storage& storage) {
  const MountOptions options = Options(storage);
  VC_RETURN_IF_ERROR(MakeDirectories(storage.mount_point()));
  UniqueFd source(::open(storage.source().c_str(), O_PATH | O_CLOEXEC));
  if (!source) return FailErrno("open " + Quoted(storage.source()));
  VC_ASSIGN_OR_RETURN(const UniqueFd tree, CloneMount(source.get(), /*recursive=*/true));
  VC_RETURN_IF_ERROR(
      SetMountAttributes(tree.get(), options.attributes, options.cleared, /*recursive=*/false));
  UniqueFd target(::open(storage.mount_point().c_str(), O_PATH | O_CLOEXEC));
  if (!target) return FailErrno("open " + Quoted(storage.mount_point()));
  return AttachMount(tree.get(), target.get());
}

// A plain directory, of the mode the options give.
Status MakeLocal(const grpc::Storage& storage) {
  VC_RETURN_IF_ERROR(MakeDirectories(storage.mount_point()));
  mode_t mode = 0777;
  for (const std::string& option : storage.options()) {
    if (option.compare(0, 5, "mode=") == 0)
      mode = static_cast<mode_t>(std::strtoul(option.c_str() + 5, nullptr, 8));
  }
  if (::chmod(storage.mount_point().c_str(), mode & 07777) < 0) {
    return FailErrno("set the mode of " + Quoted(storage.mount_point()));
  }
  return {};
}

Status SetGroup(const grpc::Storage& storage) {
  if (!storage.has_fs_group() || storage.fs_group().group_id() == 0) return {};
  const char* path = storage.mount_point().c_str();
  struct stat info;
  if (::stat(path, &info) < 0) return FailErrno("look at " + Quoted(path));
  if (info.st_gid == storage.fs_group().group_id()) return {};
  // The root of the volume, with new files taking its group from it. What was in it before stays as it is.
  if (::chown(path, static_cast<uid_t>(-1), storage.fs_group().group_id()) < 0 ||
      ::chmod(path, (info.st_mode & 07777) | 02770) < 0) {
    return FailErrno("give " + Quoted(path) + " to group " + std::to_string(storage.fs_group().group_id()));
  }
  return {};
}

Status Mount(const grpc::Storage& storage, const Driver& driver) {
  switch (driver.kind) {
    case Kind::kBlock: {
      VC_ASSIGN_OR_RETURN(const std::string node, FindBlockDevice(storage.source(), kHotplugLimit));
      return MountFileSystem(storage, driver, node);
    }
    case Kind::kFileSystem:
      return MountFileSystem(storage, driver, storage.source());
    case Kind::kBind:
      return BindDirectory(storage);
    case Kind::kDirectory:
      return MakeLocal(storage);
  }
  return {};
}

}  // namespace

std::vector<std::string> StorageDrivers() {
  std::vector<std::string> names;
  for (const Driver& driver : kDrivers) names.emplace_back(driver.name);
  return names;
}

StorageSet::~StorageSet() {
  // The last path in order first: what is mounted inside another goes before it.
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->second.mounted) DetachMount(entry->first);
  }
}

Status StorageSet::Add(const grpc::Storage& storage) {
  const Driver* driver = FindDriver(storage.driver());
  if (driver == nullptr) {
    return Fail(Code::kUnimplemented,
                "storage driver " + Quoted(storage.driver()) + " is not supported by this agent");
  }
  VC_RETURN_IF_ERROR(CheckPathInside(storage.mount_point(), state_dir_));
  std::string mount_point = storage.mount_point();
  while (mount_point.back() == '/') mount_point.pop_back();
  const auto known = entries_.find(mount_point);
  if (known != entries_.end()) {
    ++known->second.users;
    return {};
  }
  if (entries_.size() >= kMaxStorages) {
    return Fail(Code::kResourceExhausted, "more than " + std::to_string(kMaxStorages) + " storages");
  }
  if (auto status = Mount(storage, *driver); !status) {
    return Fail(std::move(status.error()).AddContext("storage " + Quoted(mount_point)));
  }
  entries_[mount_point] = Entry{1, driver->kind != Kind::kDirectory};
  return SetGroup(storage);
}

Status StorageSet::Update(const grpc::Storage& storage) {
  const auto entry = entries_.find(storage.mount_point());
  if (entry == entries_.end() || !entry->second.mounted) {
    return Fail(Code::kNotFound, "nothing is mounted at " + Quoted(storage.mount_point()) +
                                     " by CreateSandbox or CreateContainer");
  }
  const MountOptions options = Options(storage);
  std::string data;
  for (const std::string& option : options.data) data += (data.empty() ? "" : ",") + option;
  if (::mount(nullptr, storage.mount_point().c_str(), nullptr, MS_REMOUNT, data.c_str()) < 0) {
    return FailErrno("remount " + Quoted(storage.mount_point()) + " with " + Quoted(data));
  }
  return {};
}

void StorageSet::Release(const std::string& mount_point) {
  const auto entry = entries_.find(mount_point);
  if (entry == entries_.end() || --entry->second.users > 0) return;
  if (entry->second.mounted) DetachMount(mount_point);
  entries_.erase(entry);
}

}  // namespace virtcontainers::guest
