// The calls of Runtime on a container.

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor.pb.h"
#include "pod/config_json.h"
#include "pod/merge_resources.h"
#include "pod/state_machine.h"
#include "pod/stats_json.h"
#include "pod/validate.h"
#include "runtime/call_context.h"
#include "runtime/json_answer.h"
#include "runtime/pod_view.h"
#include "runtime/runtime_impl.h"
#include "ttrpc/message.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

wire::ContainerRequest ForContainer(std::string_view container) {
  wire::ContainerRequest request;
  request.set_container(std::string(container));
  return request;
}

}  // namespace

Status Runtime::CreateContainer(std::string_view pod, const ContainerConfig& config, Deadline deadline) {
  const auto create = [&]() -> Status {
    VC_RETURN_IF_ERROR(impl_->pods().Find(pod));
    VC_RETURN_IF_ERROR(ValidateContainer(config));
    VC_ASSIGN_OR_RETURN(LockedPod locked, impl_->pods().LockMonitoredPod(pod, deadline));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, locked.record.state, PodCall::kCreateContainer));
    if (locked.record.Find(config.id) != nullptr) {
      return Fail(Code::kAlreadyExists, "container " + Quoted(config.id) + " exists already in pod " +
                                            Quoted(pod) + ": choose another id, or delete it");
    }
    if (locked.monitored) {
      wire::ConfigRequest request;
      request.set_config(DumpJson(ToJson(config), false));
      return impl_->monitors().Perform(locked, "CreateContainer", request, deadline,
                                       [&](PodRecord& record) { return record.Find(config.id) != nullptr; });
    }
    // The container's file first: a record without one would be a container that cannot be read.
    VC_RETURN_IF_ERROR(locked.files.SaveContainer(config));
    ContainerRecord& container = locked.record.containers.emplace_back();
    container.id = config.id;
    container.created = Now();
    VC_RETURN_IF_ERROR(locked.files.SaveRecord(locked.record));
    impl_->events().Record(EventType::kContainerCreated, pod, config.id);
    return {};
  };
  return WithContext(
      IsValidId(config.id) ? Doing("create", config.id, pod) : Doing("create a container of", pod), deadline,
      create());
}

Status Runtime::DeleteContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  const auto remove = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(LockedPod locked, impl_->pods().LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_RETURN_IF_ERROR(CheckContainerCall(pod, locked.record.state, container, found.state,
                                          ContainerCall::kDeleteContainer));
    if (locked.monitored) {
      wire::ContainerRequest request;
      request.set_container(std::string(container));
      return impl_->monitors().Perform(locked, "DeleteContainer", request, deadline,
                                       [&](PodRecord& record) { return record.Find(container) == nullptr; });
    }
    std::erase_if(locked.record.containers,
                  [&](const ContainerRecord& entry) { return entry.id == container; });
    VC_RETURN_IF_ERROR(locked.files.SaveRecord(locked.record));
    VC_RETURN_IF_ERROR(locked.files.RemoveContainer(container));
    impl_->events().Record(EventType::kContainerDeleted, pod, container);
    return {};
  };
  return WithContext(Doing("delete", container, pod), deadline, remove());
}

Status Runtime::StartContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  const auto start = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(LockedPod locked, impl_->pods().LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_RETURN_IF_ERROR(
        CheckContainerCall(pod, locked.record.state, container, found.state, ContainerCall::kStartContainer));
    wire::ContainerRequest request;
    request.set_container(std::string(container));
    return impl_->monitors().Perform(locked, "StartContainer", request, deadline, [&](PodRecord& record) {
      const ContainerRecord* now = record.Find(container);
      return now != nullptr && now->started && now->started != found.started;
    });
  };
  return WithContext(Doing("start", container, pod), deadline, start());
}

Status Runtime::StopContainer(std::string_view pod, std::string_view container, milliseconds grace,
                              Deadline deadline) {
  const auto stop = [&]() -> Status {
    wire::StopRequest request;
    request.set_container(std::string(container));
    request.set_grace_ms(static_cast<uint64_t>(std::max<int64_t>(0, grace.count())));
    return impl_->monitors().PerformOnContainer(pod, container, ContainerCall::kStopContainer,
                                                "StopContainer", request, deadline);
  };
  return WithContext(Doing("stop", container, pod), deadline, stop());
}

Result<ContainerStatus> Runtime::ContainerStatus(std::string_view pod, std::string_view container) {
  const auto view = [&]() -> Result<virtcontainers::ContainerStatus> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    return ViewContainer(files, found);
  };
  return WithContext(Doing("status of", container, pod), view());
}

Status Runtime::PauseContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  return WithContext(Doing("pause", container, pod), deadline,
                     impl_->monitors().PerformOnContainer(pod, container, ContainerCall::kPauseContainer,
                                                          "Pause", ForContainer(container), deadline));
}

Status Runtime::ResumeContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  return WithContext(Doing("resume", container, pod), deadline,
                     impl_->monitors().PerformOnContainer(pod, container, ContainerCall::kResumeContainer,
                                                          "Resume", ForContainer(container), deadline));
}

Status Runtime::KillContainer(std::string_view pod, std::string_view container, int signal,
                              Deadline deadline) {
  const auto kill = [&]() -> Status {
    VC_RETURN_IF_ERROR(ValidateSignal(signal));
    // The pod is not locked: the holder of the lock may be waiting for the container that is to be killed.
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_ASSIGN_OR_RETURN(const Step step, CheckContainerCall(pod, record.state, container, found.state,
                                                            ContainerCall::kKillContainer));
    if (step == Step::kNothing) return SignalToStopped(container, signal);
    wire::SignalRequest request;
    request.mutable_process()->set_container(std::string(container));
    request.set_signal(static_cast<uint32_t>(signal));
    VC_RETURN_IF_ERROR(
        impl_->monitors().Link(files)->Call("Kill", ttrpc::SerializeMessage(request), deadline, Again::kNo));
    return {};
  };
  return WithContext(Doing("kill", container, pod), deadline, kill());
}

Result<ExitStatus> Runtime::WaitContainer(std::string_view pod, std::string_view container,
                                          Deadline deadline) {
  const auto wait = [&]() -> Result<ExitStatus> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    while (true) {
      bool monitored;
      VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files, &monitored));
      VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
      VC_RETURN_IF_ERROR(
          CheckContainerCall(pod, record.state, container, found.state, ContainerCall::kWaitContainer));
      if (found.exit) return *found.exit;
      if (found.state == ContainerState::kStopped) {
        // A monitor that is about to write down how it ended has the last word.
        if (!monitored || record.state == PodState::kRunning) {
          const bool pod_runs = record.state == PodState::kRunning || record.state == PodState::kPaused;
          return Fail(Code::kAborted, pod_runs ? Reason::kNone : Reason::kVmDied,
                      "its end was not seen: " + found.reason);
        }
      } else {
        wire::ProcessRequest request;
        request.set_container(std::string(container));
        const Result<std::string> ended = impl_->monitors().Query(files, "Wait", request, deadline);
        if (ended) {
          VC_ASSIGN_OR_RETURN(const auto answer,
                              ttrpc::ParseMessage<wire::WaitResponse>(*ended, Code::kInternal));
          return ExitStatus{answer.code()};
        }
        // The pod has ended, or is about to, or the container was made anew: what is written down decides.
        const Code code = ended.error().code();
        if (code != Code::kUnavailable && code != Code::kNotFound) return Fail(ended.error());
      }
      if (deadline.passed()) return Fail(Code::kDeadlineExceeded, "it still runs");
      std::this_thread::sleep_for(milliseconds(5));
    }
  };
  return WithContext(Doing("wait for", container, pod), deadline, wait());
}

Status Runtime::UpdateContainer(std::string_view pod, std::string_view container,
                                const ContainerResources& resources, Deadline deadline) {
  const auto update = [&]() -> Status {
    VC_RETURN_IF_ERROR(ValidateResources(resources, "the update"));
    if (!resources.devices.empty()) {
      return Fail(Code::kInvalidArgument,
                  "the rules for devices cannot be changed: make the container anew with others");
    }
    VC_ASSIGN_OR_RETURN(LockedPod locked, impl_->pods().LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_RETURN_IF_ERROR(CheckContainerCall(pod, locked.record.state, container, found.state,
                                          ContainerCall::kUpdateContainer));
    if (locked.monitored) {
      wire::UpdateRequest request;
      request.set_container(std::string(container));
      request.set_resources(DumpJson(ToJson(resources), false));
      return impl_->monitors().Perform(locked, "Update", request, deadline);
    }
    VC_ASSIGN_OR_RETURN(ContainerConfig config, locked.files.LoadContainer(container));
    VC_ASSIGN_OR_RETURN(config.resources, MergeResources(config.resources, resources));
    VC_RETURN_IF_ERROR(locked.files.SaveContainer(config));
    impl_->events().Record(EventType::kContainerUpdated, pod, container);
    return {};
  };
  return WithContext(Doing("update", container, pod), deadline, update());
}

Result<ContainerStats> Runtime::StatsContainer(std::string_view pod, std::string_view container,
                                               Deadline deadline) {
  const auto stats = [&]() -> Result<ContainerStats> {
    VC_ASSIGN_OR_RETURN(const Json json, ParseJsonAnswer(impl_->monitors().QueryContainer(
                                             pod, container, ContainerCall::kStatsContainer, "Stats",
                                             ForContainer(container), deadline)));
    return ContainerStatsFromJson(json);
  };
  return WithContext(Doing("statistics of", container, pod), deadline, stats());
}

Result<std::vector<ProcessInfo>> Runtime::ProcessListContainer(std::string_view pod,
                                                               std::string_view container,
                                                               Deadline deadline) {
  const auto list = [&]() -> Result<std::vector<ProcessInfo>> {
    VC_ASSIGN_OR_RETURN(const Json json, ParseJsonAnswer(impl_->monitors().QueryContainer(
                                             pod, container, ContainerCall::kStatsContainer, "ProcessList",
                                             ForContainer(container), deadline)));
    return ProcessesFromJson(json);
  };
  return WithContext(Doing("list the processes of", container, pod), deadline, list());
}

}  // namespace virtcontainers
