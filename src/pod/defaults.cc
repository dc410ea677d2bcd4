#include "pod/defaults.h"

#include "virtcontainers/config.h"

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

}  // namespace virtcontainers
