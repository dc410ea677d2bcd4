#include "pod/defaults.h"

#include <algorithm>

#include "base/capability_names.h"

namespace virtcontainers {

const Capabilities& DefaultCapabilities() {
  static const Capabilities* const capabilities = [] {
    const std::vector<std::string> names = {
        "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
        "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",   "CAP_SETFCAP",
        "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
    auto* made = new Capabilities;
    made->bounding = made->effective = made->permitted = names;
    return made;
  }();
  return *capabilities;
}

const std::vector<Mount>& DefaultMounts() {
  static const auto* const mounts = new std::vector<Mount>{
      {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts",
       "devpts",
       "devpts",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
      {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
  };
  return *mounts;
}

const std::vector<std::string>& DefaultMaskedPaths() {
  static const auto* const paths = new std::vector<std::string>{
      "/proc/acpi", "/proc/asound",     "/proc/kcore",   "/proc/keys",        "/proc/latency_stats",
      "/proc/scsi", "/proc/timer_list", "/sys/firmware", "/proc/timer_stats", "/proc/sched_debug"};
  return *paths;
}

const std::vector<std::string>& DefaultReadonlyPaths() {
  static const auto* const paths =
      new std::vector<std::string>{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return *paths;
}

std::string HostnameOf(const PodConfig& pod) {
  constexpr size_t kLongest = 64;
  return pod.hostname.empty() ? pod.id.substr(0, kLongest) : pod.hostname;
}

namespace {

// Not every agent of Kata's protocol would take them. (runtime-spec: they are warned of, see WarningsOf)
void RemoveUnknown(Capabilities& sets) {
  for (auto* names : {&sets.bounding, &sets.effective, &sets.inheritable, &sets.permitted, &sets.ambient}) {
    std::erase_if(*names, [](const std::string& name) { return !IsCapabilityName(name); });
  }
}

}  // namespace

ProcessConfig CompleteProcess(ProcessConfig process, bool own_capabilities) {
  const bool has_path = std::any_of(process.env.begin(), process.env.end(), [](const std::string& variable) {
    return variable.rfind("PATH=", 0) == 0;
  });
  if (!has_path) process.env.push_back(std::string("PATH=") + kDefaultPath);
  if (!process.capabilities && own_capabilities) process.capabilities = DefaultCapabilities();
  if (process.capabilities) RemoveUnknown(*process.capabilities);
  return process;
}

namespace {

// All are denied but those that every container has, which the guest adds, and those that it is given.
std::vector<DeviceRule> RulesFor(const std::vector<DeviceNode>& devices) {
  std::vector<DeviceRule> rules = {{.allow = false, .type = "a", .major = {}, .minor = {}, .access = "rwm"}};
  for (const DeviceNode& device : devices) {
    if (device.type == "p") continue;
    rules.push_back({.allow = true,
                     .type = device.type == "b" ? "b" : "c",
                     .major = device.major,
                     .minor = device.minor,
                     .access = "rwm"});
  }
  return rules;
}

}  // namespace

ContainerConfig CompleteContainer(ContainerConfig container) {
  container.process = CompleteProcess(std::move(container.process), true);
  if (!container.masked_paths) container.masked_paths = DefaultMaskedPaths();
  if (!container.readonly_paths) container.readonly_paths = DefaultReadonlyPaths();
  if (container.resources.devices.empty()) container.resources.devices = RulesFor(container.devices);
  if (!container.default_mounts) return container;
  std::vector<Mount> mounts;
  for (const Mount& mount : DefaultMounts()) {
    const bool replaced =
        std::any_of(container.mounts.begin(), container.mounts.end(),
                    [&](const Mount& other) { return other.destination == mount.destination; });
    if (!replaced) mounts.push_back(mount);
  }
  mounts.insert(mounts.end(), container.mounts.begin(), container.mounts.end());
  container.mounts = std::move(mounts);
  container.default_mounts = false;
  return container;
}

}  // namespace virtcontainers
