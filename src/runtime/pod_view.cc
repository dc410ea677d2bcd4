#include "runtime/pod_view.h"

#include <algorithm>
#include <optional>

#include "base/errors.h"
#include "base/time_format.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/marked_process.h"
#include "os/process_identity.h"
#include "pod/enum_names.h"
#include "pod/pod_mark.h"
#include "pod/validate.h"
#include "pod/validate_network.h"

namespace virtcontainers {
namespace {

// Why a pod has stopped whose VM was started with another pod's mark.
std::string DescribeOrigin(const VmRecord& vm, const std::string& mark, bool same_boot) {
  const std::optional<PodMark> theirs = ParsePodMark(vm.mark), ours = ParsePodMark(mark);
  if (!theirs || !ours) return "its state names no process of it";
  if (theirs->tag == ours->tag) return "its state is a copy of the state of pod " + Quoted(theirs->pod);
  if (theirs->root != ours->root) {
    return "it ran under root directory " + Quoted(theirs->root) + ", of which this one is a copy";
  }
  // Devices have other numbers then.
  if (!same_boot) return "the host was restarted";
  return "it ran under another directory at " + Quoted(theirs->root) + ", of which this one is a copy";
}

Result<std::string> WhyStopped(const PodRecord& record, const std::string& mark, bool monitored) {
  VC_ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  const bool same_boot = !record.vm || record.vm->info.process.boot_id == boot_id;
  const bool own = !record.vm || record.vm->mark.empty() || IsSamePod(record.vm->mark, mark);
  if (!own) return DescribeOrigin(*record.vm, mark, same_boot);
  if (!same_boot) return std::string("the host was restarted");
  // A monitor that lives has seen it too and is about to say why.
  return std::string(monitored ? "the VM has ended" : "the VM is gone, and so is its monitor");
}

void AddReason(std::string& reason, const std::string& more) {
  reason += (reason.empty() ? "" : "; ") + more;
}

void FillFrom(const PodConfig& config, PodStatus& status) {
  status.hypervisor = config.hypervisor.type;
  status.machine = config.hypervisor.machine;
  status.agent = config.agent.type;
  status.vcpus = config.resources.vcpus;
  status.memory = config.resources.memory;
  status.annotations = config.annotations;
  for (const NetworkConfig& network : NamedNetworks(config.networks)) {
    status.networks.push_back({.name = network.name,
                               .kind = network.kind,
                               .interfaces = {},
                               .host = network.source,
                               .forwards = network.forwards,
                               .dns = network.dns});
  }
}

void FillFrom(const ContainerRecord& record, ContainerStatus& status) {
  status.id = record.id;
  status.state = record.state;
  status.reason = record.reason;
  status.exit = record.exit;
  status.created = record.created;
  status.started = record.started;
  status.finished = record.finished;
}

// A container whose file cannot be read; nothing of one that was deleted between the two reads.
Result<std::optional<ContainerStatus>> ViewDamagedContainer(const PodFiles& files,
                                                            const ContainerRecord& record,
                                                            const Error& damage) {
  if (damage.code() == Code::kNotFound) {
    VC_ASSIGN_OR_RETURN(PodRecord now, files.LoadRecord());
    if (now.Find(record.id) == nullptr) return std::optional<ContainerStatus>();
  } else if (damage.code() != Code::kDataLoss) {
    return Fail(damage);
  }
  ContainerStatus status;
  FillFrom(record, status);
  AddReason(status.reason, damage.ToString());
  return std::optional(std::move(status));
}

Result<PodStatus> ViewPodOnce(const PodFiles& files, const HasProcesses& has_processes) {
  PodStatus status;
  status.id = files.id();
  status.console = files.paths().console();
  bool monitored = false;
  const Result<PodRecord> record = LoadCorrectedRecord(files, &monitored);
  const Result<PodConfig> config = files.LoadConfig();
  if (config) FillFrom(*config, status);
  if (!config && config.error().code() != Code::kDataLoss) return Fail(config.error());
  if (!record) {
    if (record.error().code() != Code::kDataLoss) return Fail(record.error());
    VC_ASSIGN_OR_RETURN(const bool runs, has_processes());
    status.state = runs || monitored ? PodState::kRunning : PodState::kStopped;
    status.reason = record.error().ToString();
    return status;
  }

  status.state = record->state;
  status.reason = record->reason;
  status.created = record->created;
  status.started = record->started;
  status.finished = record->finished;
  if (record->vm && (record->state == PodState::kRunning || record->state == PodState::kPaused)) {
    status.hypervisor_version = record->vm->info.version;
    status.accelerator = NameOf(kAcceleratorNames, record->vm->info.accelerator);
    status.accelerator_reason = record->vm->info.accelerator_reason;
    status.sandbox = record->vm->info.sandbox;
    status.agent_version = record->vm->agent_version;
    status.transport = TransportOf(record->vm->info.agent);
    status.vm_pid = record->vm->info.process.pid;
    status.monitor_pid = record->monitor.pid;
    status.networks.clear();
    for (const AttachmentRecord& attachment : record->attachments) {
      if (attachment.network) status.networks.push_back(attachment.network->status);
    }
    VC_ASSIGN_OR_RETURN(const bool lives, CheckAlive(record->monitor));
    if (!monitored || !lives) status.reason = "its monitor has died: the next call on the pod starts another";
  }
  if (!config) AddReason(status.reason, config.error().ToString());
  for (const ContainerRecord& container : record->containers) {
    Result<ContainerStatus> view = ViewContainer(files, container);
    if (view) {
      status.containers.push_back(std::move(*view));
      continue;
    }
    VC_ASSIGN_OR_RETURN(std::optional<ContainerStatus> damaged,
                        ViewDamagedContainer(files, container, view.error()));
    if (damaged) status.containers.push_back(std::move(*damaged));
  }
  return status;
}

}  // namespace

Result<PodRecord> LoadCorrectedRecord(const PodFiles& files, bool* monitored) {
  VC_ASSIGN_OR_RETURN(const bool held, FileLock::IsHeld(files.paths().monitor_lock()));
  if (monitored != nullptr) *monitored = held;
  VC_ASSIGN_OR_RETURN(PodRecord record, files.LoadRecord());
  if (record.state != PodState::kRunning && record.state != PodState::kPaused) return record;
  const MarkFilter ours = ProcessesOfPod(files.paths().mark);
  bool alive = false;
  std::string lost;  // a process that the VM cannot do without
  if (record.vm) {
    VC_ASSIGN_OR_RETURN(alive, IsMarked(record.vm->info.process, ours));
  }
  // Without these processes a VM is of no use. A monitor that lives ends it, and without one nobody can take
  // it over: it is ended by the next call that changes the pod.
  if (!held && alive) {
    for (const AttachmentRecord& attachment : record.attachments) {
      for (const AttachedProcess& process : attachment.processes) {
        VC_ASSIGN_OR_RETURN(const bool there, IsMarked(process.identity, ours));
        if (!there) lost = process.name;
      }
    }
  }
  if (alive && lost.empty()) return record;
  std::string reason = lost + " is gone, and so is the pod's monitor";
  if (!alive) {
    VC_ASSIGN_OR_RETURN(reason, WhyStopped(record, files.paths().mark, held));
  }
  MarkStopped(record, reason, Now());
  return record;
}

Result<ContainerRecord> FindContainer(PodRecord& record, std::string_view pod, std::string_view container) {
  const ContainerRecord* found = record.Find(container);
  if (found == nullptr) {
    VC_RETURN_IF_ERROR(ValidateId("container", container));
    return Fail(Code::kNotFound, Reason::kContainerNotFound,
                "no container " + Quoted(container) + " in pod " + Quoted(pod));
  }
  return *found;
}

Result<ContainerStatus> ViewContainer(const PodFiles& files, const ContainerRecord& record) {
  VC_ASSIGN_OR_RETURN(const ContainerConfig config, files.LoadContainer(record.id));
  ContainerStatus status;
  FillFrom(record, status);
  status.rootfs = config.rootfs;
  status.args = config.process.args;
  if (config.output == ContainerOutput::kLog) status.log = files.paths().log(record.id);
  status.annotations = config.annotations;
  return status;
}

Result<PodStatus> ViewPod(const PodFiles& files, const HasProcesses& has_processes) {
  // A pod may be deleted between two of its files, and another of its id be there by then.
  constexpr int kAttempts = 100;
  for (int attempt = 1;; ++attempt) {
    Result<PodStatus> status = ViewPodOnce(files, has_processes);
    const bool replaced =
        !status && status.error().code() == Code::kNotFound && EntryExists(files.paths().dir);
    if (!replaced || attempt == kAttempts) return status;
  }
}

}  // namespace virtcontainers
