#include "pod/validate.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "os/file.h"
#include "pod/validate_network.h"
#include "pod/validate_text.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxTextBytes =
    1 << 20;  // of all arguments and variables together, as the guest's exec bounds them
constexpr size_t kMaxContainers = 256;
constexpr uint32_t kMaxVcpus = 255;
constexpr uint32_t kMaxDeviceSlots = 128;
constexpr size_t kMaxCapabilities = 256;
constexpr size_t kMaxGroups = 65536;  // NGROUPS_MAX
constexpr size_t kMaxAccountName = 255;
constexpr size_t kMaxHosts = 1024;
constexpr size_t kMaxHostNames = 64;
constexpr Bytes kMinSharedMemory{4096};
// getrlimit(2)
constexpr std::string_view kRlimits[] = {
    "RLIMIT_AS",      "RLIMIT_CORE",     "RLIMIT_CPU",        "RLIMIT_DATA",   "RLIMIT_FSIZE", "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE",       "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
    "RLIMIT_RTPRIO",  "RLIMIT_RTTIME",   "RLIMIT_SIGPENDING", "RLIMIT_STACK"};

// Which names the guest's kernel knows decides nothing here: see WarningsOf.
Status ValidateCapabilities(const std::vector<std::string>& names, const std::string& field) {
  if (names.size() > kMaxCapabilities) {
    return Fail(Code::kInvalidArgument, field + ": " + std::to_string(names.size()) + " names: at most " +
                                            std::to_string(kMaxCapabilities));
  }
  for (const std::string& name : names) VC_RETURN_IF_ERROR(ValidateText(name, field + ": a name"));
  return {};
}

Status ValidateRlimits(const std::vector<Rlimit>& limits, const std::string& field) {
  std::set<std::string_view> seen;
  for (const Rlimit& limit : limits) {
    if (std::find(std::begin(kRlimits), std::end(kRlimits), limit.type) == std::end(kRlimits)) {
      return Fail(Code::kInvalidArgument,
                  field + ": " + Shown(limit.type) + " is not a resource limit, such as 'RLIMIT_NOFILE'");
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

// Names that /etc/passwd and /etc/group can hold.
Status ValidateUser(const User& user, const std::string& field) {
  const size_t groups = user.additional_gids.size() + user.additional_groups.size();
  if (groups > kMaxGroups) {
    return Fail(Code::kInvalidArgument, field + ": " + std::to_string(groups) +
                                            " additional groups: at most " + std::to_string(kMaxGroups));
  }
  if (user.umask.value_or(0) > 0777) {
    return Fail(Code::kInvalidArgument,
                field + ": umask " + std::to_string(*user.umask) + " is out of range: 0 to 511 (0777)");
  }
  const auto check = [&](std::string_view what, const std::string& name) -> Status {
    const bool fits =
        !name.empty() && name.size() <= kMaxAccountName && std::none_of(name.begin(), name.end(), [](char c) {
          return c == ':' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        });
    if (fits) return ValidateText(name, field + ": the name of a " + std::string(what));
    return Fail(Code::kInvalidArgument, field + ": " + Shown(name) + " is no name of a " + std::string(what) +
                                            ": use 1 to 255 bytes without ':' and control characters");
  };
  if (!user.name.empty()) VC_RETURN_IF_ERROR(check("user", user.name));
  if (!user.group.empty()) VC_RETURN_IF_ERROR(check("group", user.group));
  for (const std::string& group : user.additional_groups) VC_RETURN_IF_ERROR(check("group", group));
  return {};
}

Status ValidateHosts(const std::vector<HostEntry>& hosts) {
  VC_RETURN_IF_ERROR(ValidateCount(hosts.size(), kMaxHosts, "hosts", "entries"));
  for (const HostEntry& host : hosts) {
    if (!IsAddress(host.address)) {
      return Fail(Code::kInvalidArgument, "hosts: " + Shown(host.address) +
                                              " is not an IP address, such as '192.0.2.1' or '2001:db8::1'");
    }
    if (host.names.empty()) {
      return Fail(Code::kInvalidArgument, "hosts: " + Shown(host.address) + " has no name");
    }
    VC_RETURN_IF_ERROR(ValidateCount(host.names.size(), kMaxHostNames, "hosts", "names of one address"));
    for (const std::string& name : host.names) {
      if (IsHostName(name)) continue;
      return Fail(Code::kInvalidArgument,
                  "hosts: " + Shown(name) + " of " + Shown(host.address) + " is no host name");
    }
  }
  return {};
}

// Hypervisors of other monitors check their machines when the pod starts (Hypervisor::features).
bool HasKnownMachines(const std::string& type) { return type == "qemu" || type == "mock"; }

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
          " is not valid: use 1 to 120 letters, digits, '_', '.', '+' and '-', beginning with a letter or "
          "digit");
  static_assert(kMaxIdLength == 120);
}

Status ValidateSignal(int signal) {
  if (signal >= 0 && signal <= 64) return {};
  return Fail(Code::kInvalidArgument, "signal " + std::to_string(signal) + " is unknown: give 0 to 64");
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
  VC_RETURN_IF_ERROR(ValidateEnvironment(process.env, name));
  for (const std::string& variable : process.env) {
    bytes += variable.size() + 1;
  }
  if (bytes > kMaxTextBytes) {
    return Fail(Code::kInvalidArgument, name + ": " + std::to_string(bytes) +
                                            " bytes of arguments and environment: at most " +
                                            std::to_string(kMaxTextBytes) + " can be given to a program");
  }
  VC_RETURN_IF_ERROR(ValidateUser(process.user, name));
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
  if (process.time_limit.count() < 0) {
    return Fail(Code::kInvalidArgument,
                name + ": a time limit of " + std::to_string(process.time_limit.count()) + " ms has passed");
  }
  if (process.guest_program && (process.args[0].empty() || process.args[0].find('/') != std::string::npos)) {
    return Fail(Code::kInvalidArgument, name + ": " + Shown(process.args[0]) +
                                            " is not the name of a program of the guest image, such as 'sh'");
  }
  if (!process.exec_cpus.empty()) {
    VC_RETURN_IF_ERROR(ValidateCpuAffinity(process.exec_cpus, name + ": exec CPU affinity"));
  }
  if (process.scheduler) VC_RETURN_IF_ERROR(ValidateScheduler(*process.scheduler, name + ": scheduler"));
  if (process.io_priority)
    VC_RETURN_IF_ERROR(ValidateIoPriority(*process.io_priority, name + ": I/O priority"));
  VC_RETURN_IF_ERROR(ValidateText(process.cwd, name + ": the working directory"));
  if (process.cwd.empty() || process.cwd[0] != '/') {
    return Fail(Code::kInvalidArgument,
                name + ": working directory " + Shown(process.cwd) + " is not an absolute path");
  }
  return {};
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
  const Bytes most = resources.max_memory;
  if (most.count != 0 &&
      (most < resources.memory || most > host.memory || most.count % Bytes::MiB(1).count != 0)) {
    return Fail(Code::kInvalidArgument,
                "max_memory of " + std::to_string(most.count) +
                    " bytes is out of range: give a whole number of MiB from the pod's memory, " +
                    std::to_string(resources.memory.mib()) + " MiB, to this host's, " +
                    std::to_string(host.memory.mib()) + " MiB, or 0 for a VM that does not grow");
  }
  if (config.shared_memory < kMinSharedMemory || config.shared_memory > resources.memory) {
    return Fail(Code::kInvalidArgument, "shared memory of " + std::to_string(config.shared_memory.count) +
                                            " bytes is out of range: give 4096 bytes to the pod's memory, " +
                                            std::to_string(resources.memory.mib()) + " MiB");
  }
  VC_RETURN_IF_ERROR(ValidateDns(config.dns));
  VC_RETURN_IF_ERROR(ValidateHosts(config.hosts));
  VC_RETURN_IF_ERROR(ValidateNetworks(config.networks));

  const HypervisorConfig& hypervisor = config.hypervisor;
  if (HasKnownMachines(hypervisor.type) && hypervisor.machine != "q35" && hypervisor.machine != "microvm") {
    return Fail(Code::kInvalidArgument,
                "machine " + Shown(hypervisor.machine) + " is unknown: use 'q35' or 'microvm'");
  }
  VC_RETURN_IF_ERROR(ValidateText(hypervisor.machine, "the hypervisor's machine"));
  if (hypervisor.device_slots < 1 || hypervisor.device_slots > kMaxDeviceSlots) {
    return Fail(Code::kInvalidArgument, "device_slots " + std::to_string(hypervisor.device_slots) +
                                            " is out of range: give 1 to " + std::to_string(kMaxDeviceSlots));
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
