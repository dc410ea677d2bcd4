// What a container is asked to be, beside what it may use and how it is filtered.

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "base/sysctl_name.h"
#include "os/file.h"
#include "pod/defaults.h"
#include "pod/mounts.h"
#include "pod/validate.h"
#include "pod/validate_text.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxMounts = 1024;
constexpr size_t kMaxPaths = 1024;
constexpr size_t kMaxDevices = 1024;
constexpr size_t kMaxHooks = 64;             // of each kind
constexpr size_t kMaxHookBytes = 128 << 10;  // of one hook's arguments and variables
constexpr size_t kMaxSysctls = 256;
constexpr size_t kMaxSysctlName = 256;
constexpr size_t kMaxSysctlValue = 4096;
constexpr Bytes kMinLog{4096};
constexpr uint32_t kMaxLogs = 100;
constexpr size_t kMaxForwardedSockets = 64;
constexpr size_t kLongestSocketName = 107;  // (unix(7))

// What the kernel of the guest makes of nothing: no device, directory or server stands behind it.
constexpr std::string_view kVirtualFileSystems[] = {
    "proc", "sysfs",   "tmpfs",   "ramfs",      "devtmpfs", "devpts",  "mqueue", "cgroup",    "cgroup2",
    "bpf",  "debugfs", "tracefs", "securityfs", "configfs", "fusectl", "pstore", "hugetlbfs", "binfmt_misc"};

constexpr std::string_view kPropagations[] = {"",       "private", "rprivate",   "slave",      "rslave",
                                              "shared", "rshared", "unbindable", "runbindable"};

// (sysctl(8), ipc_namespaces(7))
constexpr std::string_view kIpcSysctls[] = {"kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                            "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                            "kernel/shmmni", "kernel/shm_rmid_forced"};

Status ValidatePaths(const std::optional<std::vector<std::string>>& paths, const std::string& field) {
  if (!paths) return {};
  if (paths->size() > kMaxPaths) {
    return Fail(Code::kInvalidArgument,
                std::to_string(paths->size()) + " " + field + ": at most " + std::to_string(kMaxPaths));
  }
  for (const std::string& path : *paths) {
    VC_RETURN_IF_ERROR(ValidateText(path, field + ": a path"));
    if (path.empty() || path[0] != '/') return Fails(field, Shown(path) + " is not an absolute path");
  }
  return {};
}

// Of what is there, a directory or a file: that is what virtio-fs can show.
Status ValidateSource(const Mount& mount, const std::string& of) {
  struct stat found {};
  if (::stat(mount.source.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return Fail(Code::kNotFound,
                  of + ": the source " + Shown(mount.source) + " does not exist on the host");
    }
    return FailErrno(of + ": the source " + Shown(mount.source));
  }
  if (S_ISDIR(found.st_mode) || S_ISREG(found.st_mode)) return {};
  if (S_ISSOCK(found.st_mode)) {
    return Fails(of, "the source " + Shown(mount.source) +
                         " is a socket, which a file system does not connect to the host: give it as a "
                         "forwarded socket (forward_sockets)");
  }
  const char* what = S_ISFIFO(found.st_mode) ? "a pipe" : "a device";
  return Fails(of, "the source " + Shown(mount.source) + " is " + what +
                       ", and what is behind it stays on the host: mount a file or a directory");
}

Status ValidateMounts(const std::vector<Mount>& mounts, const std::string& of) {
  VC_RETURN_IF_ERROR(ValidateCount(mounts.size(), kMaxMounts, of, "mounts"));
  for (const Mount& mount : mounts) VC_RETURN_IF_ERROR(ValidateMount(mount, of + ": mount"));
  return {};
}

// Whether a path leads to the root by its words alone: "/", "/.", "/a/..".
bool IsRoot(std::string_view path) {
  size_t depth = 0;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part == "..") {
      if (depth > 0) --depth;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
    at = end + 1;
  }
  return depth == 0;
}

bool HasDots(std::string_view path) {
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part == "." || part == "..") return true;
    at = end + 1;
  }
  return false;
}

Status ValidateDevices(const std::vector<DeviceNode>& devices, const std::string& of) {
  VC_RETURN_IF_ERROR(ValidateCount(devices.size(), kMaxDevices, of, "devices"));
  std::set<std::string_view> paths;
  for (const DeviceNode& device : devices) {
    const std::string field = of + ": device " + Shown(device.path);
    VC_RETURN_IF_ERROR(ValidateText(device.path, of + ": a device's path"));
    if (device.path.size() < 2 || device.path[0] != '/' || HasDots(device.path)) {
      return Fails(field, "the path is not an absolute path without '.' and '..'");
    }
    if (!paths.insert(device.path).second) return Fails(field, "it is there twice");
    if (device.type != "c" && device.type != "u" && device.type != "b" && device.type != "p") {
      return Fails(field, "the type " + Shown(device.type) + " is unknown: use 'c', 'u', 'b' or 'p'");
    }
    if (device.type != "p") VC_RETURN_IF_ERROR(ValidateDeviceNumbers(device.major, device.minor, field));
    if (device.mode.value_or(0) > 07777) {
      return OutOfRange(field + ": mode", *device.mode, "give permission bits, 0 to 4095 (07777)");
    }
  }
  return {};
}

Status ValidateHooks(const Hooks& hooks, const std::string& of) {
  for (const auto& [name, list] :
       {std::pair("prestart", &hooks.prestart), std::pair("createRuntime", &hooks.create_runtime),
        std::pair("createContainer", &hooks.create_container),
        std::pair("startContainer", &hooks.start_container), std::pair("poststart", &hooks.poststart),
        std::pair("poststop", &hooks.poststop)}) {
    const std::string kind = of + ": " + name;
    VC_RETURN_IF_ERROR(ValidateCount(list->size(), kMaxHooks, kind, "hooks"));
    for (const Hook& hook : *list) {
      VC_RETURN_IF_ERROR(ValidateAbsolute(hook.path, kind + " hook"));
      const std::string field = kind + " hook " + Shown(hook.path);
      size_t bytes = 0;
      for (const std::string& arg : hook.args) {
        VC_RETURN_IF_ERROR(ValidateText(arg, field + ": an argument"));
        bytes += arg.size() + 1;
      }
      VC_RETURN_IF_ERROR(ValidateEnvironment(hook.env, field));
      for (const std::string& variable : hook.env) bytes += variable.size() + 1;
      if (bytes > kMaxHookBytes) {
        return Fails(field, std::to_string(bytes) + " bytes of arguments and environment: at most " +
                                std::to_string(kMaxHookBytes));
      }
      if (hook.timeout && *hook.timeout == 0) {
        return Fails(field, "timeout 0 is out of range: give 1 second or more, or leave it out");
      }
    }
  }
  return {};
}

// The namespace whose value it is, by its path; nothing for one that is the whole guest's.
const char* NamespaceOfSysctl(std::string_view path) {
  if (IsOneOf(kIpcSysctls, path) || path.rfind("fs/mqueue/", 0) == 0) return "ipc";
  if (path.rfind("net/", 0) == 0) return "network";
  if (path == "kernel/domainname") return "uts";
  return nullptr;
}

// Interfaces, which some names hold, may be called by any sign that can be seen.
bool IsSysctlName(std::string_view name) {
  return name.size() <= kMaxSysctlName && !SysctlPath(name).empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Status ValidateSysctl(const ContainerConfig& config, const std::string& of) {
  VC_RETURN_IF_ERROR(ValidateCount(config.sysctl.size(), kMaxSysctls, of, "sysctls"));
  const Namespaces& namespaces = config.namespaces;
  for (const auto& [name, value] : config.sysctl) {
    const std::string field = of + ": sysctl " + Shown(name);
    if (!IsSysctlName(name)) return Fails(field, "it is no name like 'net.ipv4.ip_forward'");
    const std::string path = SysctlPath(name);
    VC_RETURN_IF_ERROR(ValidateText(value, field + ": the value"));
    if (value.size() > kMaxSysctlValue) {
      return Fails(field, "a value of " + std::to_string(value.size()) + " bytes: at most " +
                              std::to_string(kMaxSysctlValue));
    }
    if (path == "kernel/hostname") return Fails(field, "give the hostname instead");
    const char* kind = NamespaceOfSysctl(path);
    if (kind == nullptr) {
      return Fails(field,
                   "it is the whole guest's and of no namespace: use 'net.*', 'fs.mqueue.*', "
                   "'kernel.domainname' or one of System V's, such as 'kernel.shmmax'");
    }
    const std::string_view word = kind;
    const bool named = !config.hostname.empty() || !config.domainname.empty();
    const NamespaceOwner owner = word == "ipc"       ? namespaces.ipc
                                 : word == "network" ? namespaces.network
                                 : named             ? NamespaceOwner::kContainer
                                                     : namespaces.uts;
    if (owner != NamespaceOwner::kContainer) {
      return Fails(field, "it is of the " + std::string(kind) +
                              " namespace, which is the pod's: give the container one of its own");
    }
  }
  return {};
}

Status ValidateLog(const LogConfig& log, const std::string& of) {
  if (log.max_size < kMinLog) {
    return Fails(of, "log files of " + std::to_string(log.max_size.count) +
                         " bytes are too small: give at least " + std::to_string(kMinLog.count));
  }
  if (log.max_files < 1 || log.max_files > kMaxLogs) {
    return OutOfRange(of + ": number of log files", log.max_files, "give 1 to 100");
  }
  return {};
}

Status ValidateRootfs(const std::string& rootfs, const std::string& of) {
  if (rootfs.empty()) return Fail(Code::kInvalidArgument, of + " needs a rootfs: a directory on the host");
  VC_RETURN_IF_ERROR(ValidateText(rootfs, of + ": rootfs"));
  if (rootfs[0] != '/') return Fails(of, "rootfs " + Shown(rootfs) + " is not an absolute path");
  if (!FileExists(rootfs)) {
    return Fail(Code::kNotFound, of + ": rootfs " + Shown(rootfs) + " does not exist");
  }
  if (!IsDirectory(rootfs)) return Fails(of, "rootfs " + Shown(rootfs) + " is not a directory");
  return {};
}

}  // namespace

Status ValidatePropagation(std::string_view name, std::string_view field) {
  if (IsOneOf(kPropagations, name)) return {};
  return Fail(Code::kInvalidArgument, std::string(field) + " " + Shown(name) +
                                          " is unknown: use 'private', 'slave', 'shared' or 'unbindable', "
                                          "or one of them with an 'r' before it");
}

Status ValidatePersonality(std::string_view name, const std::string& field) {
  if (name.empty() || name == "LINUX" || name == "LINUX32") return {};
  return Fails(field, "the domain " + Shown(name) + " is unknown: use 'LINUX' or 'LINUX32'");
}

Status ValidateMount(const Mount& mount, std::string_view field) {
  const std::string of = std::string(field) + " at " + Shown(mount.destination);
  for (const std::string* text : {&mount.destination, &mount.type, &mount.source}) {
    VC_RETURN_IF_ERROR(ValidateText(*text, of));
  }
  for (const std::string& option : mount.options) {
    VC_RETURN_IF_ERROR(ValidateText(option, of + ": an option"));
    if (option == "idmap" || option == "ridmap") {
      return Fails(of, "the option " + Quoted(option) +
                           " needs a user namespace, and a container in a VM has "
                           "none: remove it");
    }
    if (option == "remount") {
      return Fails(of, "the option 'remount' has no meaning for a new container: remove it");
    }
    if (option == "tmpcopyup" && (IsBindMount(mount) || mount.type != "tmpfs")) {
      return Fails(of, "the option 'tmpcopyup' is for a mount of type 'tmpfs': remove it");
    }
  }
  if (mount.destination.empty() || mount.destination[0] != '/') {
    return Fails(of, "the destination is not an absolute path");
  }
  if (IsRoot(mount.destination)) {
    return Fails(of, "the destination is the root file system itself: give that as the rootfs");
  }
  if (IsBindMount(mount)) {
    if (!mount.source.empty() && mount.source[0] == '/') return {};
    return Fails(of, "the source " + Shown(mount.source) + " is not an absolute path on the host");
  }
  if (IsOneOf(kVirtualFileSystems, mount.type)) return {};
  return Fails(of,
               "the type " + Shown(mount.type) +
                   " is not known in a VM: use 'bind' for the host's files, or a type that needs no device, "
                   "such as 'tmpfs' or 'proc'");
}

Status ValidateForwardedSockets(const ContainerConfig& config, const std::string& of) {
  if (config.forward_sockets.size() > kMaxForwardedSockets) {
    return Fails(of, std::to_string(config.forward_sockets.size()) + " forwarded sockets: at most " +
                         std::to_string(kMaxForwardedSockets));
  }
  std::set<std::string_view> seen;
  for (const ForwardedSocket& socket : config.forward_sockets) {
    const std::string field = of + ": forwarded socket " + Shown(socket.destination);
    VC_RETURN_IF_ERROR(ValidateText(socket.source, field + ": source"));
    VC_RETURN_IF_ERROR(ValidateText(socket.destination, field));
    if (socket.source.empty() || socket.source[0] != '/') {
      return Fails(field, "the source " + Shown(socket.source) + " is not an absolute path on the host");
    }
    const std::string_view destination = socket.destination;
    if (destination.empty() || destination[0] != '/') return Fails(field, "it is not an absolute path");
    const std::string_view name = destination.substr(destination.rfind('/') + 1);
    if (name.empty() || name == "." || name == ".." || name.size() > kLongestSocketName) {
      return Fails(field, "its last part is not the name of a socket, which has 1 to " +
                              std::to_string(kLongestSocketName) + " bytes");
    }
    if (socket.mode > 0777) return OutOfRange(field + ": mode", socket.mode, "give 0 to 511 (0777)");
    if (!seen.insert(destination).second) return Fails(field, "it is given twice");
    for (const Mount& mount : config.mounts) {
      if (mount.destination == destination) return Fails(field, "a mount is there, too");
    }
  }
  return {};
}

Status ValidateContainerFields(const ContainerConfig& config) {
  VC_RETURN_IF_ERROR(ValidateId("container", config.id));
  // The guest has directories of these names beside those of the containers.
  if (config.id == "shared" || config.id == "sandbox" || config.id.ends_with(kSandboxSuffix)) {
    return Fail(Code::kInvalidArgument,
                "container id " + Quoted(config.id) + " is reserved by the guest: choose another");
  }
  const std::string of = "container " + Quoted(config.id);
  VC_RETURN_IF_ERROR(ValidateHostname(config.hostname));
  VC_RETURN_IF_ERROR(ValidateHostname(config.domainname, "domainname"));
  VC_RETURN_IF_ERROR(ValidatePersonality(config.personality, of + ": personality"));
  VC_RETURN_IF_ERROR(ValidateAnnotations(config.annotations, of));
  VC_RETURN_IF_ERROR(ValidateMounts(config.mounts, of));
  VC_RETURN_IF_ERROR(ValidatePropagation(config.rootfs_propagation, of + ": rootfs propagation"));
  VC_RETURN_IF_ERROR(ValidatePaths(config.masked_paths, of + ": masked paths"));
  VC_RETURN_IF_ERROR(ValidatePaths(config.readonly_paths, of + ": readonly paths"));
  VC_RETURN_IF_ERROR(ValidateDevices(config.devices, of));
  VC_RETURN_IF_ERROR(ValidateForwardedSockets(config, of));
  VC_RETURN_IF_ERROR(ValidateSysctl(config, of));
  VC_RETURN_IF_ERROR(ValidateResources(config.resources, of));
  if (config.seccomp) VC_RETURN_IF_ERROR(ValidateSeccomp(*config.seccomp, of + ": seccomp"));
  VC_RETURN_IF_ERROR(ValidateHooks(config.hooks, of));
  if (!config.bundle.empty()) VC_RETURN_IF_ERROR(ValidateAbsolute(config.bundle, of + ": bundle"));
  VC_RETURN_IF_ERROR(ValidateLog(config.log, of));
  if (config.process.time_limit.count() != 0) {
    return Fail(Code::kInvalidArgument,
                of + ": the first process has no time limit: only a command that enters a container has one");
  }
  if (config.process.guest_program) {
    return Fail(
        Code::kInvalidArgument,
        of + ": the first process is a program of the container: only a command that enters a container "
             "can be a program of the guest image");
  }
  return ValidateProcess(config.process, of + ": command");
}

Status ValidateContainer(const ContainerConfig& config) {
  VC_RETURN_IF_ERROR(ValidateContainerFields(config));
  const std::string of = "container " + Quoted(config.id);
  VC_RETURN_IF_ERROR(ValidateRootfs(config.rootfs, of));
  for (const Mount& mount : config.mounts) {
    if (!IsBindMount(mount)) continue;
    VC_RETURN_IF_ERROR(ValidateSource(mount, of + ": mount at " + Shown(mount.destination)));
  }
  return {};
}

}  // namespace virtcontainers
