#include "guest/agent/testing/spec.h"

namespace virtcontainers::guest {

void AddMount(grpc::Spec& spec, const std::string& destination, const std::string& type,
              const std::string& source, const std::vector<std::string>& options) {
  grpc::Mount* mount = spec.add_mounts();
  mount->set_destination(destination);
  mount->set_type(type);
  mount->set_source(source);
  for (const std::string& option : options) mount->add_options(option);
}

grpc::CreateContainerRequest DefaultContainer(const std::string& id, const std::string& rootfs,
                                              const std::vector<std::string>& arguments) {
  grpc::CreateContainerRequest request;
  request.set_container_id(id);
  request.set_exec_id(id);
  grpc::Spec& spec = *request.mutable_oci();
  spec.mutable_root()->set_path(rootfs);
  spec.mutable_root()->set_readonly(true);
  grpc::Process& process = *spec.mutable_process();
  for (const std::string& argument : arguments) process.add_args(argument);
  process.add_env("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  process.set_cwd("/");
  process.set_nonewprivileges(true);
  for (const char* name : {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}) {
    grpc::LinuxCapabilities& capabilities = *process.mutable_capabilities();
    capabilities.add_bounding(name);
    capabilities.add_effective(name);
    capabilities.add_permitted(name);
    capabilities.add_ambient(name);
  }
  grpc::POSIXRlimit* limit = process.add_rlimits();
  limit->set_type("RLIMIT_NOFILE");
  limit->set_soft(512);
  limit->set_hard(512);
  AddMount(spec, "/proc", "proc", "proc", {});
  AddMount(spec, "/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  AddMount(spec, "/dev/pts", "devpts", "devpts",
           {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  AddMount(spec, "/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"});
  AddMount(spec, "/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
  AddMount(spec, "/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
  AddMount(spec, "/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"});
  for (const char* path :
       {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"}) {
    spec.mutable_linux()->add_maskedpaths(path);
  }
  for (const char* path : {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}) {
    spec.mutable_linux()->add_readonlypaths(path);
  }
  return request;
}

}  // namespace virtcontainers::guest
