#include "pod/validate.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/errors.h"
#include "base/utf8.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxTextBytes =
    1 << 20;  // of all arguments and variables together, as the guest's exec bounds them
constexpr size_t kMaxContainers = 256;
constexpr uint32_t kMaxVcpus = 255;
constexpr size_t kMaxAnnotations = 256;
constexpr size_t kMaxAnnotationBytes = 256 << 10;
constexpr size_t kMaxGroups = 65536;  // NGROUPS_MAX
constexpr size_t kMaxMounts = 1024;
constexpr size_t kMaxPaths = 1024;

// getrlimit(2)
constexpr std::string_view kRlimits[] = {
    "RLIMIT_AS",      "RLIMIT_CORE",     "RLIMIT_CPU",        "RLIMIT_DATA",   "RLIMIT_FSIZE", "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE",       "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
    "RLIMIT_RTPRIO",  "RLIMIT_RTTIME",   "RLIMIT_SIGPENDING", "RLIMIT_STACK"};

// What the kernel of the guest makes of nothing: no device, directory or server stands behind it.
constexpr std::string_view kVirtualFileSystems[] = {
    "proc", "sysfs",   "tmpfs",   "ramfs",      "devtmpfs", "devpts",  "mqueue", "cgroup",    "cgroup2",
    "bpf",  "debugfs", "tracefs", "securityfs", "configfs", "fusectl", "pstore", "hugetlbfs", "binfmt_misc"};

// A value as it can be shown: cut short, and nothing in it that would garble a terminal.
std::string Shown(std::string_view value) {
  constexpr size_t kMax = 80;
  std::string shown;
  for (const char c : value.substr(0, kMax)) shown += (c >= 0x20 && c < 0x7f) ? c : '?';
  if (value.size() > kMax) shown += "...";
  return Quoted(shown);
}

Status ValidateText(std::string_view text, const std::string& field) {
  if (text.find('\0') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, field + " has a NUL byte in it: " + Shown(text));
  }
  if (!IsValidUtf8(text)) return Fail(Code::kInvalidArgument, field + " is not UTF-8: " + Shown(text));
  return {};
}

Status ValidateAnnotations(const std::map<std::string, std::string>& annotations, const std::string& of) {
  if (annotations.size() > kMaxAnnotations) {
    return Fail(Code::kInvalidArgument, of + " has " + std::to_string(annotations.size()) +
                                            " annotations: at most " + std::to_string(kMaxAnnotations));
  }
  size_t bytes = 0;
  for (const auto& [key, value] : annotations) {
    if (key.empty()) return Fail(Code::kInvalidArgument, of + " has an annotation without a name");
    if (!IsValidUtf8(key) || !IsValidUtf8(value)) {
      return Fail(Code::kInvalidArgument, of + ": the annotation " + Shown(key) + " is not UTF-8");
    }
    bytes += key.size() + value.size();
  }
  if (bytes > kMaxAnnotationBytes) {
    return Fail(Code::kInvalidArgument, of + " has annotations of " + std::to_string(bytes) +
                                            " bytes: at most " + std::to_string(kMaxAnnotationBytes));
  }
  return {};
}

Status ValidatePaths(const std::vector<std::string>& paths, const std::string& field) {
  if (paths.size() > kMaxPaths) {
    return Fail(Code::kInvalidArgument,
                std::to_string(paths.size()) + " " + field + ": at most " + std::to_string(kMaxPaths));
  }
  for (const std::string& path : paths) {
    VC_RETURN_IF_ERROR(ValidateText(path, field + ": a path"));
    if (path.empty() || path[0] != '/') {
      return Fail(Code::kInvalidArgument, field + ": " + Shown(path) + " is not an absolute path");
    }
  }
  return {};
}

Status ValidateCapabilities(const std::vector<std::string>& names, const std::string& field) {
  for (const std::string& name : names) {
    const bool shaped = name.size() > 4 && name.size() <= 64 && name.compare(0, 4, "CAP_") == 0 &&
                        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == std::string::npos;
    if (!shaped) {
      return Fail(Code::kInvalidArgument,
                  field + ": " + Shown(name) + " is no capability: they are named like 'CAP_NET_ADMIN'");
    }
  }
  return {};
}

Status ValidateRlimits(const std::vector<Rlimit>& limits, const std::string& field) {
  std::set<std::string_view> seen;
  for (const Rlimit& limit : limits) {
    if (std::find(std::begin(kRlimits), std::end(kRlimits), limit.type) == std::end(kRlimits)) {
      return Fail(Code::kInvalidArgument,
                  field + ": " + Shown(limit.type) + " is no limit: they are named like 'RLIMIT_NOFILE'");
    }
    if (!seen.insert(limit.type).second) {
      return Fail(Code::kInvalidArgument, field + ": " + limit.type + " is there twice");
    }
    if (limit.soft > limit.hard) {
      return Fail(Code::kInvalidArgument, field + ": " + limit.type + ": the soft limit " +
                                              std::to_string(limit.soft) + " is above the hard one, " +
                                              std::to_string(limit.hard));
    }
  }
  return {};
}

Status ValidateHostname(const std::string& hostname) {
  if (hostname.size() > 64) {
    return Fail(Code::kInvalidArgument, "hostname " + Shown(hostname) + " is longer than 64 characters");
  }
  for (const char c : hostname) {
    if (c <= 0x20 || c >= 0x7f || c == '/') {
      return Fail(Code::kInvalidArgument,
                  "hostname " + Shown(hostname) + ": use letters, digits, '-' and '.'");
    }
  }
  return {};
}

}  // namespace

HostLimits ReadHostLimits() {
  return HostLimits{Bytes{static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                          static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))}};
}

Status ValidateId(std::string_view kind, std::string_view id) {
  if (IsValidId(id)) return {};
  if (id.empty()) return Fail(Code::kInvalidArgument, "a " + std::string(kind) + " needs an id");
  return Fail(
      Code::kInvalidArgument,
      std::string(kind) + " id " + Shown(id) +
          " is not valid: use 1 to 64 letters, digits, '_', '.' and '-', beginning with a letter or digit");
}

Status ValidateProcess(const ProcessConfig& process, std::string_view field) {
  const std::string name(field);
  if (process.args.empty() || process.args[0].empty()) {
    return Fail(Code::kInvalidArgument, name + " is empty: name a program to run");
  }
  size_t bytes = 0;
  for (const std::string& arg : process.args) {
    VC_RETURN_IF_ERROR(ValidateText(arg, name + ": an argument"));
    bytes += arg.size() + 1;
  }
  for (const std::string& variable : process.env) {
    VC_RETURN_IF_ERROR(ValidateText(variable, name + ": an environment variable"));
    if (variable.find('=') == std::string::npos || variable[0] == '=') {
      return Fail(Code::kInvalidArgument,
                  name + ": environment variable " + Shown(variable) + " is not NAME=value");
    }
    bytes += variable.size() + 1;
  }
  if (bytes > kMaxTextBytes) {
    return Fail(Code::kInvalidArgument, name + ": " + std::to_string(bytes) +
                                            " bytes of arguments and environment: at most " +
                                            std::to_string(kMaxTextBytes) + " can be given to a program");
  }
  if (process.user.additional_gids.size() > kMaxGroups) {
    return Fail(Code::kInvalidArgument, name + ": " + std::to_string(process.user.additional_gids.size()) +
                                            " additional groups: at most " + std::to_string(kMaxGroups));
  }
  if (process.user.umask.value_or(0) > 0777) {
    return Fail(Code::kInvalidArgument, name + ": umask " + std::to_string(*process.user.umask) +
                                            " is out of range: 0 to 511 (0777)");
  }
  const int oom_score_adj = process.oom_score_adj.value_or(0);
  if (oom_score_adj < -1000 || oom_score_adj > 1000) {
    return Fail(Code::kInvalidArgument, name + ": oom_score_adj " + std::to_string(oom_score_adj) +
                                            " is out of range: -1000 to 1000");
  }
  if (process.capabilities) {
    const Capabilities& sets = *process.capabilities;
    for (const auto* names :
         {&sets.bounding, &sets.effective, &sets.inheritable, &sets.permitted, &sets.ambient}) {
      VC_RETURN_IF_ERROR(ValidateCapabilities(*names, name + ": capabilities"));
    }
  }
  VC_RETURN_IF_ERROR(ValidateRlimits(process.rlimits, name + ": rlimits"));
  VC_RETURN_IF_ERROR(ValidateText(process.cwd, name + ": the working directory"));
  if (process.cwd.empty() || process.cwd[0] != '/') {
    return Fail(Code::kInvalidArgument,
                name + ": working directory " + Shown(process.cwd) + " is not an absolute path");
  }
  return {};
}

Status ValidateMount(const Mount& mount, std::string_view field) {
  const std::string of = std::string(field) + " at " + Shown(mount.destination);
  for (const std::string* text : {&mount.destination, &mount.type, &mount.source}) {
    VC_RETURN_IF_ERROR(ValidateText(*text, of));
  }
  bool bind = mount.type == "bind";
  for (const std::string& option : mount.options) {
    VC_RETURN_IF_ERROR(ValidateText(option, of + ": an option"));
    bind = bind || option == "bind" || option == "rbind";
  }
  if (mount.destination.empty() || mount.destination[0] != '/') {
    return Fail(Code::kInvalidArgument, of + ": the destination is not an absolute path");
  }
  if (bind) {
    return Fail(Code::kInvalidArgument,
                of + ": " + Shown(mount.source) +
                    " is of the host, and bind mounts of the host's are not supported "
                    "yet: put what is needed into the rootfs");
  }
  const auto* end = std::end(kVirtualFileSystems);
  if (std::find(std::begin(kVirtualFileSystems), end, mount.type) == end) {
    return Fail(Code::kInvalidArgument,
                of + ": the type " + Shown(mount.type) +
                    " is not supported yet: use one that needs no device, such as 'tmpfs' or 'proc'");
  }
  return {};
}

Status ValidateContainer(const ContainerConfig& config) {
  VC_RETURN_IF_ERROR(ValidateId("container", config.id));
  // The guest has directories of these names beside those of the containers.
  if (config.id == "shared" || config.id == "sandbox") {
    return Fail(Code::kInvalidArgument,
                "container id " + Quoted(config.id) + " is the guest's own: choose another");
  }
  const std::string of = "container " + Quoted(config.id);
  if (config.rootfs.empty())
    return Fail(Code::kInvalidArgument, of + " needs a rootfs: a directory on the host");
  VC_RETURN_IF_ERROR(ValidateText(config.rootfs, of + ": rootfs"));
  if (config.rootfs[0] != '/') {
    return Fail(Code::kInvalidArgument, of + ": rootfs " + Shown(config.rootfs) + " is not an absolute path");
  }
  if (!FileExists(config.rootfs)) {
    return Fail(Code::kNotFound, of + ": rootfs " + Shown(config.rootfs) + " does not exist");
  }
  if (!IsDirectory(config.rootfs)) {
    return Fail(Code::kInvalidArgument, of + ": rootfs " + Shown(config.rootfs) + " is not a directory");
  }
  VC_RETURN_IF_ERROR(ValidateHostname(config.hostname));
  VC_RETURN_IF_ERROR(ValidateAnnotations(config.annotations, of));
  if (config.mounts.size() > kMaxMounts) {
    return Fail(Code::kInvalidArgument, of + " has " + std::to_string(config.mounts.size()) +
                                            " mounts: at most " + std::to_string(kMaxMounts));
  }
  for (const Mount& mount : config.mounts) VC_RETURN_IF_ERROR(ValidateMount(mount, of + ": mount"));
  VC_RETURN_IF_ERROR(ValidatePaths(config.masked_paths, of + ": masked paths"));
  VC_RETURN_IF_ERROR(ValidatePaths(config.readonly_paths, of + ": readonly paths"));
  return ValidateProcess(config.process, of + ": command");
}

Status ValidatePod(const PodConfig& config, const HostLimits& host) {
  VC_RETURN_IF_ERROR(ValidateId("pod", config.id));
  VC_RETURN_IF_ERROR(ValidateHostname(config.hostname));

  const ResourceConfig& resources = config.resources;
  if (resources.vcpus < 1 || resources.vcpus > kMaxVcpus) {
    return Fail(Code::kInvalidArgument, "vcpus " + std::to_string(resources.vcpus) +
                                            " is out of range: give 1 to " + std::to_string(kMaxVcpus));
  }
  if (resources.memory < kMinimumMemory) {
    return Fail(Code::kInvalidArgument, "memory of " + std::to_string(resources.memory.count) +
                                            " bytes is too small for a guest: give at least " +
                                            std::to_string(kMinimumMemory.mib()) + " MiB");
  }
  if (resources.memory > host.memory) {
    return Fail(Code::kInvalidArgument, "memory of " + std::to_string(resources.memory.mib()) +
                                            " MiB is more than this host's " +
                                            std::to_string(host.memory.mib()) + " MiB: give less");
  }
  if (resources.memory.count % Bytes::MiB(1).count != 0) {
    return Fail(Code::kInvalidArgument, "memory of " + std::to_string(resources.memory.count) +
                                            " bytes is not a whole number of MiB");
  }

  const HypervisorConfig& hypervisor = config.hypervisor;
  if (hypervisor.machine != "q35" && hypervisor.machine != "microvm") {
    return Fail(Code::kInvalidArgument,
                "machine " + Shown(hypervisor.machine) + " is unknown: use 'q35' or 'microvm'");
  }
  if (hypervisor.type.empty())
    return Fail(Code::kInvalidArgument, "the hypervisor's type is empty: use 'qemu'");
  if (config.agent.type.empty()) return Fail(Code::kInvalidArgument, "the agent's type is empty: use 'kata'");
  VC_RETURN_IF_ERROR(ValidateText(hypervisor.type, "the hypervisor's type"));
  VC_RETURN_IF_ERROR(ValidateText(config.agent.type, "the agent's type"));
  const std::pair<const char*, const std::string*> files[] = {{"hypervisor", &hypervisor.path},
                                                              {"firmware", &hypervisor.firmware},
                                                              {"kernel", &hypervisor.kernel},
                                                              {"initrd", &hypervisor.initrd},
                                                              {"virtiofsd", &hypervisor.virtiofsd}};
  for (const auto& [field, path] : files) {
    if (path->empty()) continue;
    VC_RETURN_IF_ERROR(ValidateText(*path, field));
    if ((*path)[0] != '/') {
      return Fail(Code::kInvalidArgument,
                  std::string(field) + " " + Shown(*path) + " is not an absolute path");
    }
    if (!FileExists(*path))
      return Fail(Code::kNotFound, std::string(field) + " " + Shown(*path) + " does not exist");
  }
  for (const std::string& parameter : hypervisor.kernel_parameters) {
    VC_RETURN_IF_ERROR(ValidateText(parameter, "a kernel parameter"));
  }
  VC_RETURN_IF_ERROR(ValidateAnnotations(config.annotations, "pod " + Quoted(config.id)));

  if (config.containers.size() > kMaxContainers) {
    return Fail(Code::kInvalidArgument, std::to_string(config.containers.size()) +
                                            " containers in one pod: at most " +
                                            std::to_string(kMaxContainers));
  }
  std::set<std::string_view> ids;
  for (const ContainerConfig& container : config.containers) {
    VC_RETURN_IF_ERROR(ValidateContainer(container));
    if (!ids.insert(container.id).second) {
      return Fail(Code::kAlreadyExists,
                  "container id " + Quoted(container.id) + " is there twice: give each its own");
    }
  }
  return {};
}

}  // namespace virtcontainers
