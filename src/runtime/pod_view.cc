#include "runtime/pod_view.h"

#include <algorithm>

#include "base/errors.h"
#include "base/time_format.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/process_identity.h"

namespace virtcontainers {

Result<PodRecord> LoadCorrectedRecord(const PodFiles& files, bool* monitored) {
  VC_ASSIGN_OR_RETURN(const bool held, FileLock::IsHeld(files.paths().monitor_lock()));
  if (monitored != nullptr) *monitored = held;
  VC_ASSIGN_OR_RETURN(PodRecord record, files.LoadRecord());
  if (record.state != PodState::kRunning && record.state != PodState::kPaused) return record;
  bool alive = false, without_files = false;
  if (record.vm) {
    VC_ASSIGN_OR_RETURN(alive, CheckAlive(record.vm->process));
  }
  // Without its files a VM is of no use. A monitor that lives ends it, and without one nobody can take it
  // over: it is ended by the next call that changes the pod.
  if (!held && alive) {
    for (const ProcessIdentity& helper : record.helpers) {
      VC_ASSIGN_OR_RETURN(const bool there, CheckAlive(helper));
      if (!there) without_files = true;
    }
  }
  if (alive && !without_files) return record;
  // A monitor that lives has seen it too and is about to say why.
  std::string reason = held ? "the VM has ended" : "the VM is gone, and so is its monitor";
  if (alive) reason = "virtiofsd is gone, and so is the pod's monitor";
  VC_ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  if (record.vm && record.vm->process.boot_id != boot_id) reason = "the host was restarted";
  MarkStopped(record, reason, Now());
  return record;
}

Result<ContainerStatus> ViewContainer(const PodFiles& files, const ContainerRecord& record) {
  VC_ASSIGN_OR_RETURN(const ContainerConfig config, files.LoadContainer(record.id));
  ContainerStatus status;
  status.id = record.id;
  status.state = record.state;
  status.reason = record.reason;
  status.exit = record.exit;
  status.created = record.created;
  status.started = record.started;
  status.finished = record.finished;
  status.rootfs = config.rootfs;
  status.args = config.process.args;
  if (config.output == ContainerOutput::kLog) status.log = files.paths().log(record.id);
  status.annotations = config.annotations;
  return status;
}

namespace {

Result<PodStatus> ViewPodOnce(const PodFiles& files) {
  VC_ASSIGN_OR_RETURN(const PodConfig config, files.LoadConfig());
  VC_ASSIGN_OR_RETURN(const PodRecord record, LoadCorrectedRecord(files));

  PodStatus status;
  status.id = config.id;
  status.state = record.state;
  status.reason = record.reason;
  status.hypervisor = config.hypervisor.type;
  status.machine = config.hypervisor.machine;
  status.agent = config.agent.type;
  status.vcpus = config.resources.vcpus;
  status.memory = config.resources.memory;
  status.console = files.paths().console();
  status.created = record.created;
  status.started = record.started;
  status.finished = record.finished;
  status.annotations = config.annotations;
  if (record.vm && (record.state == PodState::kRunning || record.state == PodState::kPaused)) {
    status.hypervisor_version = record.vm->version;
    status.accelerator = record.vm->accelerator;
    status.accelerator_reason = record.vm->accelerator_reason;
    status.sandbox = record.vm->sandbox;
    status.agent_version = record.vm->agent_version;
    status.transport = record.vm->transport;
    status.vm_pid = record.vm->process.pid;
    status.monitor_pid = record.monitor.pid;
    VC_ASSIGN_OR_RETURN(const bool monitored, CheckAlive(record.monitor));
    if (!monitored) status.reason = "its monitor has died: the next call on the pod starts another";
  }
  for (const ContainerRecord& container : record.containers) {
    // One that was deleted between the two reads is not there any more.
    Result<ContainerStatus> view = ViewContainer(files, container);
    if (!view && view.error().code() == Code::kNotFound) continue;
    if (!view) return Fail(std::move(view.error()));
    status.containers.push_back(std::move(*view));
  }
  return status;
}

}  // namespace

Result<PodStatus> ViewPod(const PodFiles& files) {
  // A pod may be deleted between two of its files, and another of its id be there by then.
  constexpr int kAttempts = 100;
  for (int attempt = 1;; ++attempt) {
    Result<PodStatus> status = ViewPodOnce(files);
    const bool replaced =
        !status && status.error().code() == Code::kNotFound && IsDirectory(files.paths().dir);
    if (!replaced || attempt == kAttempts) return status;
  }
}

}  // namespace virtcontainers
