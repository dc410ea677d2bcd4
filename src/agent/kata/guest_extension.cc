#include "agent/kata/guest_extension.h"

namespace virtcontainers {
namespace {

// The things that were noted, as a list for a person.
class Notes {
 public:
  void Add(const char* what) { text_ += std::string(text_.empty() ? "" : ", ") + what; }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// `to` answers the message to fill, which is made by that: an empty one is not sent.
template <typename F>
void ExtendProcess(const ProcessConfig& process, F to, Notes& notes) {
  if (process.user.umask) {
    to()->set_umask(*process.user.umask);
    notes.Add("a process's umask");
  }
  if (process.scheduler) {
    wire::Scheduler& scheduler = *to()->mutable_scheduler();
    scheduler.set_policy(process.scheduler->policy);
    scheduler.set_nice(process.scheduler->nice);
    scheduler.set_priority(static_cast<uint32_t>(process.scheduler->priority));
    for (const std::string& flag : process.scheduler->flags) scheduler.add_flags(flag);
    scheduler.set_runtime(process.scheduler->runtime);
    scheduler.set_deadline(process.scheduler->deadline);
    scheduler.set_period(process.scheduler->period);
    notes.Add("a process's scheduler");
  }
  if (process.io_priority) {
    wire::IoPriority& io_priority = *to()->mutable_io_priority();
    io_priority.set_class_(process.io_priority->io_class);
    io_priority.set_priority(static_cast<uint32_t>(process.io_priority->priority));
    notes.Add("a process's I/O priority");
  }
  if (!process.exec_cpus.empty()) {
    to()->set_exec_cpus(process.exec_cpus);
    notes.Add("a process's processors");
  }
  if (process.guest_program) {
    to()->set_guest_program(true);
    notes.Add("a program of the guest image in a container");
  }
  if (process.time_limit.count() > 0) {
    to()->set_time_limit_ms(static_cast<uint64_t>(process.time_limit.count()));
    notes.Add("a process's time limit");
  }
}

}  // namespace

std::string Extend(const ContainerConfig& config, wire::ExtendedCreateRequest* request) {
  Notes notes;
  ExtendProcess(
      config.process, [&] { return request->mutable_process(); }, notes);
  if (!config.resources.unified.empty()) {
    for (const auto& [file, value] : config.resources.unified) (*request->mutable_unified())[file] = value;
    notes.Add("unified resources");
  }
  if (config.namespaces.ipc == NamespaceOwner::kContainer) {
    request->set_own_ipc(true);
    notes.Add("an ipc namespace of the container's own");
  }
  if (config.namespaces.uts == NamespaceOwner::kContainer) {
    request->set_own_uts(true);
    notes.Add("a uts namespace of the container's own");
  }
  if (config.seccomp && config.seccomp->default_errno_return) {
    request->set_seccomp_default_errno(*config.seccomp->default_errno_return);
    notes.Add("seccomp's default errno");
  }
  if (!config.domainname.empty()) {
    request->set_domainname(config.domainname);
    notes.Add("a domainname");
  }
  // The other is what every process has.
  if (config.personality == "LINUX32") {
    request->set_personality(config.personality);
    notes.Add("a personality");
  }
  return notes.Take();
}

std::string Extend(const ProcessConfig& config, wire::ExtendedExecRequest* request) {
  Notes notes;
  ExtendProcess(
      config, [&] { return request->mutable_process(); }, notes);
  return notes.Take();
}

}  // namespace virtcontainers
