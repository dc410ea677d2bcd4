#include "pod/validate.h"

#include <unistd.h>

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
  for (const auto& [key, value] : annotations) {
    if (key.empty()) return Fail(Code::kInvalidArgument, of + " has an annotation without a name");
    if (!IsValidUtf8(key) || !IsValidUtf8(value)) {
      return Fail(Code::kInvalidArgument, of + ": the annotation " + Shown(key) + " is not UTF-8");
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
  VC_RETURN_IF_ERROR(ValidateText(process.cwd, name + ": the working directory"));
  if (process.cwd.empty() || process.cwd[0] != '/') {
    return Fail(Code::kInvalidArgument,
                name + ": working directory " + Shown(process.cwd) + " is not an absolute path");
  }
  return {};
}

Status ValidateContainer(const ContainerConfig& config) {
  VC_RETURN_IF_ERROR(ValidateId("container", config.id));
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
  for (const Mount& mount : config.mounts) {
    if (mount.destination.empty() || mount.destination[0] != '/') {
      return Fail(Code::kInvalidArgument,
                  of + ": mount destination " + Shown(mount.destination) + " is not an absolute path");
    }
  }
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
