#include "agent/kata/oci_spec.h"

namespace virtcontainers {
namespace {

template <typename Repeated>
void Assign(Repeated* to, const std::vector<std::string>& from) {
  for (const std::string& value : from) to->Add(std::string(value));
}

}  // namespace

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
    entry->set_source(mount.source);
    entry->set_type(mount.type);
    Assign(entry->mutable_options(), mount.options);
  }
  for (const auto& [key, value] : config.annotations) (*spec.mutable_annotations())[key] = value;
  grpc::Linux* linux_part = spec.mutable_linux();
  for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"})
    linux_part->add_namespaces()->set_type(type);
  linux_part->set_cgroupspath("/vc/" + config.id);
  Assign(linux_part->mutable_maskedpaths(), config.masked_paths);
  Assign(linux_part->mutable_readonlypaths(), config.readonly_paths);
  return spec;
}

}  // namespace virtcontainers
