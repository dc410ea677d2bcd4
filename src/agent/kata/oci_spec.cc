#include "agent/kata/oci_spec.h"

namespace virtcontainers {
namespace {

template <typename Repeated>
void Assign(Repeated* to, const std::vector<std::string>& from) {
  for (const std::string& value : from) to->Add(std::string(value));
}

void Assign(google::protobuf::RepeatedPtrField<grpc::LinuxThrottleDevice>* to,
            const std::vector<BlockThrottle>& from) {
  for (const BlockThrottle& throttle : from) {
    grpc::LinuxThrottleDevice* entry = to->Add();
    entry->set_major(throttle.major);
    entry->set_minor(throttle.minor);
    entry->set_rate(throttle.rate);
  }
}

void Assign(google::protobuf::RepeatedPtrField<grpc::Hook>* to, const std::vector<Hook>& from) {
  for (const Hook& hook : from) {
    grpc::Hook* entry = to->Add();
    entry->set_path(hook.path);
    Assign(entry->mutable_args(), hook.args);
    Assign(entry->mutable_env(), hook.env);
    entry->set_timeout(hook.timeout.value_or(0));
  }
}

void AddSeccomp(const Seccomp& seccomp, grpc::LinuxSeccomp* to) {
  to->set_defaultaction(seccomp.default_action);
  Assign(to->mutable_architectures(), seccomp.architectures);
  Assign(to->mutable_flags(), seccomp.flags);
  for (const SeccompRule& rule : seccomp.rules) {
    grpc::LinuxSyscall* entry = to->add_syscalls();
    Assign(entry->mutable_names(), rule.names);
    entry->set_action(rule.action);
    if (rule.errno_return) entry->set_errnoret(*rule.errno_return);
    for (const SeccompArgument& argument : rule.arguments) {
      grpc::LinuxSeccompArg* condition = entry->add_args();
      condition->set_index(argument.index);
      condition->set_value(argument.value);
      condition->set_valuetwo(argument.value_two);
      condition->set_op(argument.op);
    }
  }
}

void AddDevice(const DeviceNode& device, grpc::LinuxDevice* to) {
  to->set_path(device.path);
  to->set_type(device.type);
  to->set_major(device.major);
  to->set_minor(device.minor);
  to->set_filemode(device.mode.value_or(0666));
  to->set_uid(device.uid);
  to->set_gid(device.gid);
}

}  // namespace

std::optional<grpc::StringUser> ToStringUser(const User& user) {
  if (user.name.empty() && user.group.empty() && user.additional_groups.empty()) return std::nullopt;
  grpc::StringUser to;
  to.set_uid(user.name);
  to.set_gid(user.group);
  Assign(to.mutable_additionalgids(), user.additional_groups);
  return to;
}

grpc::Process ToOciProcess(const ProcessConfig& process) {
  grpc::Process to;
  to.set_terminal(process.terminal);
  if (process.terminal) {
    to.mutable_consolesize()->set_height(process.rows);
    to.mutable_consolesize()->set_width(process.columns);
  }
  grpc::User* user = to.mutable_user();
  user->set_uid(process.user.uid);
  user->set_gid(process.user.gid);
  for (const uint32_t gid : process.user.additional_gids) user->add_additionalgids(gid);
  Assign(to.mutable_args(), process.args);
  Assign(to.mutable_env(), process.env);
  to.set_cwd(process.cwd);
  if (process.capabilities) {
    grpc::LinuxCapabilities* sets = to.mutable_capabilities();
    Assign(sets->mutable_bounding(), process.capabilities->bounding);
    Assign(sets->mutable_effective(), process.capabilities->effective);
    Assign(sets->mutable_inheritable(), process.capabilities->inheritable);
    Assign(sets->mutable_permitted(), process.capabilities->permitted);
    Assign(sets->mutable_ambient(), process.capabilities->ambient);
  }
  for (const Rlimit& limit : process.rlimits) {
    grpc::POSIXRlimit* entry = to.add_rlimits();
    entry->set_type(limit.type);
    entry->set_soft(limit.soft);
    entry->set_hard(limit.hard);
  }
  to.set_nonewprivileges(process.no_new_privileges);
  if (process.oom_score_adj) to.set_oomscoreadj(*process.oom_score_adj);
  return to;
}

grpc::LinuxResources ToOciResources(const ContainerResources& resources) {
  grpc::LinuxResources to;
  if (resources.memory_limit) to.mutable_memory()->set_limit(*resources.memory_limit);
  if (resources.memory_reservation) to.mutable_memory()->set_reservation(*resources.memory_reservation);
  if (resources.memory_swap) to.mutable_memory()->set_swap(*resources.memory_swap);
  if (resources.cpu_shares) to.mutable_cpu()->set_shares(*resources.cpu_shares);
  if (resources.cpu_quota) to.mutable_cpu()->set_quota(*resources.cpu_quota);
  if (resources.cpu_period) to.mutable_cpu()->set_period(*resources.cpu_period);
  if (!resources.cpus.empty()) to.mutable_cpu()->set_cpus(resources.cpus);
  if (!resources.mems.empty()) to.mutable_cpu()->set_mems(resources.mems);
  if (resources.pids_limit) to.mutable_pids()->set_limit(*resources.pids_limit);
  if (resources.block_weight) to.mutable_blockio()->set_weight(*resources.block_weight);
  if (!resources.block_read_bytes.empty())
    Assign(to.mutable_blockio()->mutable_throttlereadbpsdevice(), resources.block_read_bytes);
  if (!resources.block_write_bytes.empty())
    Assign(to.mutable_blockio()->mutable_throttlewritebpsdevice(), resources.block_write_bytes);
  if (!resources.block_read_operations.empty())
    Assign(to.mutable_blockio()->mutable_throttlereadiopsdevice(), resources.block_read_operations);
  if (!resources.block_write_operations.empty())
    Assign(to.mutable_blockio()->mutable_throttlewriteiopsdevice(), resources.block_write_operations);
  for (const HugepageLimit& limit : resources.hugepages) {
    grpc::LinuxHugepageLimit* entry = to.add_hugepagelimits();
    entry->set_pagesize(limit.page_size);
    entry->set_limit(limit.bytes);
  }
  for (const DeviceRule& rule : resources.devices) {
    grpc::LinuxDeviceCgroup* entry = to.add_devices();
    entry->set_allow(rule.allow);
    entry->set_type(rule.type);
    // In the protocol a number that was left out is -1.
    entry->set_major(rule.major.value_or(-1));
    entry->set_minor(rule.minor.value_or(-1));
    entry->set_access(rule.access);
  }
  return to;
}

grpc::Spec ToOciSpec(const GuestContainer& container) {
  const ContainerConfig& config = container.config;
  grpc::Spec spec;
  spec.set_version("1.0.2");
  *spec.mutable_process() = ToOciProcess(config.process);
  spec.mutable_root()->set_path(container.rootfs);
  spec.mutable_root()->set_readonly(config.readonly_rootfs);
  spec.set_hostname(config.hostname);
  for (const Mount& mount : config.mounts) {
    grpc::Mount* entry = spec.add_mounts();
    entry->set_destination(mount.destination);
    // Shared memory goes with the ipc namespace.
    if (config.namespaces.ipc == NamespaceOwner::kPod && mount.destination == "/dev/shm" &&
        mount.type == "tmpfs") {
      entry->set_source(kSandboxShm);
      entry->set_type("bind");
      entry->add_options("rbind");
      continue;
    }
    entry->set_source(mount.source);
    entry->set_type(mount.type);
    Assign(entry->mutable_options(), mount.options);
  }
  for (const auto& [key, value] : config.annotations) (*spec.mutable_annotations())[key] = value;
  grpc::Linux* linux_part = spec.mutable_linux();
  for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"})
    linux_part->add_namespaces()->set_type(type);
  if (config.namespaces.network == NamespaceOwner::kContainer)
    linux_part->add_namespaces()->set_type("network");
  linux_part->set_cgroupspath("/vc/" + config.id);
  if (config.masked_paths) Assign(linux_part->mutable_maskedpaths(), *config.masked_paths);
  if (config.readonly_paths) Assign(linux_part->mutable_readonlypaths(), *config.readonly_paths);
  linux_part->set_rootfspropagation(config.rootfs_propagation);
  for (const auto& [key, value] : config.sysctl) (*linux_part->mutable_sysctl())[key] = value;
  for (const DeviceNode& device : config.devices) AddDevice(device, linux_part->add_devices());
  *linux_part->mutable_resources() = ToOciResources(config.resources);
  if (config.seccomp) AddSeccomp(*config.seccomp, linux_part->mutable_seccomp());
  if (!config.hooks.create_container.empty())
    Assign(spec.mutable_hooks()->mutable_createcontainer(), config.hooks.create_container);
  if (!config.hooks.start_container.empty())
    Assign(spec.mutable_hooks()->mutable_startcontainer(), config.hooks.start_container);
  return spec;
}

}  // namespace virtcontainers
