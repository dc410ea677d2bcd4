// The calls beside making, starting and stopping.

#include <chrono>
#include <thread>

#include "pod/config_json.h"
#include "pod/merge_resources.h"
#include "pod/state_machine.h"
#include "pod/stats_json.h"
#include "pod/validate.h"
#include "runtime/event_reader.h"
#include "runtime/runtime_impl.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

wire::ContainerRequest ForContainer(std::string_view container) {
  wire::ContainerRequest request;
  request.set_container(std::string(container));
  return request;
}

Result<Json> ParseAnswer(const Result<std::string>& payload) {
  VC_RETURN_IF_ERROR(payload);
  VC_ASSIGN_OR_RETURN(const auto answer, ttrpc::ParseMessage<wire::JsonResponse>(*payload, Code::kInternal));
  return ParseJson(answer.json(), {.bytes = 16 << 20});
}

}  // namespace

Status Runtime::RunPod(const PodConfig& config, Deadline deadline) {
  VC_RETURN_IF_ERROR(CreatePod(config));
  Status started = StartPod(config.id, deadline);
  if (started) return {};
  if (const Status deleted = DeletePod(config.id); !deleted) {
    started.error().AddContext("and then " + deleted.error().ToString() + "; the first error");
  }
  return started;
}

Status Runtime::PausePod(std::string_view pod, Deadline deadline) {
  return WithContext(Doing("pause", pod), deadline,
                     impl_->AskPod(pod, PodCall::kPausePod, "Pause", deadline));
}

Status Runtime::ResumePod(std::string_view pod, Deadline deadline) {
  return WithContext(Doing("resume", pod), deadline,
                     impl_->AskPod(pod, PodCall::kResumePod, "Resume", deadline));
}

Result<bool> Runtime::RestoreMonitor(std::string_view pod, Deadline deadline) {
  const auto restore = [&]() -> Result<bool> {
    VC_ASSIGN_OR_RETURN(const Impl::LockedPod locked, impl_->LockMonitoredPod(pod, deadline));
    return locked.restored || locked.marked_stopped;
  };
  return WithContext(Doing("restore the monitor of", pod), deadline, restore());
}

Result<PodConfig> Runtime::FetchPod(std::string_view pod) {
  const auto fetch = [&]() -> Result<PodConfig> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(PodConfig config, files.LoadConfig());
    VC_ASSIGN_OR_RETURN(const PodRecord record, LoadCorrectedRecord(files));
    for (const ContainerRecord& container : record.containers) {
      Result<ContainerConfig> loaded = files.LoadContainer(container.id);
      // One that was deleted between the two reads is not there any more.
      if (!loaded && loaded.error().code() == Code::kNotFound) continue;
      VC_RETURN_IF_ERROR(loaded);
      config.containers.push_back(std::move(*loaded));
    }
    return config;
  };
  return WithContext(Doing("fetch", pod), fetch());
}

Result<PodStats> Runtime::StatsPod(std::string_view pod, Deadline deadline) {
  const auto stats = [&]() -> Result<PodStats> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(const PodRecord record, LoadCorrectedRecord(files));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, record.state, PodCall::kStatsPod));
    VC_ASSIGN_OR_RETURN(const Json json,
                        ParseAnswer(impl_->Query(files, pod, "Stats", ForContainer(""), deadline)));
    return PodStatsFromJson(json);
  };
  return WithContext(Doing("statistics of", pod), deadline, stats());
}

Result<std::unique_ptr<EventStream>> Runtime::Events(std::optional<uint64_t> after) {
  return EventReader::Open(impl_->store().root(), after);
}

Status Runtime::PauseContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  return WithContext(Doing("pause", container, pod), deadline,
                     impl_->AskContainer(pod, container, ContainerCall::kPauseContainer, "Pause",
                                         ForContainer(container), deadline));
}

Status Runtime::ResumeContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  return WithContext(Doing("resume", container, pod), deadline,
                     impl_->AskContainer(pod, container, ContainerCall::kResumeContainer, "Resume",
                                         ForContainer(container), deadline));
}

Status Runtime::KillContainer(std::string_view pod, std::string_view container, int signal,
                              Deadline deadline) {
  const auto kill = [&]() -> Status {
    VC_RETURN_IF_ERROR(ValidateSignal(signal));
    // The pod is not locked: the holder of the lock may be waiting for the container that is to be killed.
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_ASSIGN_OR_RETURN(const Step step, CheckContainerCall(pod, record.state, container, found.state,
                                                            ContainerCall::kKillContainer));
    if (step == Step::kNothing) return SignalToStopped(container, signal);
    wire::SignalRequest request;
    request.mutable_process()->set_container(std::string(container));
    request.set_signal(static_cast<uint32_t>(signal));
    VC_RETURN_IF_ERROR(
        impl_->Monitor(files, pod)->Call("Kill", ttrpc::SerializeMessage(request), deadline, Again::kNo));
    return {};
  };
  return WithContext(Doing("kill", container, pod), deadline, kill());
}

Result<ExitStatus> Runtime::WaitContainer(std::string_view pod, std::string_view container,
                                          Deadline deadline) {
  const auto wait = [&]() -> Result<ExitStatus> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
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
        const Result<std::string> ended = impl_->Query(files, pod, "Wait", request, deadline);
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
    VC_ASSIGN_OR_RETURN(Impl::LockedPod locked, impl_->LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_RETURN_IF_ERROR(CheckContainerCall(pod, locked.record.state, container, found.state,
                                          ContainerCall::kUpdateContainer));
    if (locked.monitored) {
      wire::UpdateRequest request;
      request.set_container(std::string(container));
      request.set_resources(DumpJson(ToJson(resources), false));
      return impl_->Ask(locked, "Update", request, deadline);
    }
    VC_ASSIGN_OR_RETURN(ContainerConfig config, locked.files.LoadContainer(container));
    VC_ASSIGN_OR_RETURN(config.resources, MergeResources(config.resources, resources));
    VC_RETURN_IF_ERROR(locked.files.SaveContainer(config));
    impl_->Tell(EventType::kContainerUpdated, pod, container);
    return {};
  };
  return WithContext(Doing("update", container, pod), deadline, update());
}

Result<ContainerStats> Runtime::StatsContainer(std::string_view pod, std::string_view container,
                                               Deadline deadline) {
  const auto stats = [&]() -> Result<ContainerStats> {
    VC_ASSIGN_OR_RETURN(const Json json,
                        ParseAnswer(impl_->QueryContainer(pod, container, ContainerCall::kStatsContainer,
                                                          "Stats", ForContainer(container), deadline)));
    return ContainerStatsFromJson(json);
  };
  return WithContext(Doing("statistics of", container, pod), deadline, stats());
}

Result<std::vector<ProcessInfo>> Runtime::ProcessListContainer(std::string_view pod,
                                                               std::string_view container,
                                                               Deadline deadline) {
  const auto list = [&]() -> Result<std::vector<ProcessInfo>> {
    VC_ASSIGN_OR_RETURN(const Json json,
                        ParseAnswer(impl_->QueryContainer(pod, container, ContainerCall::kStatsContainer,
                                                          "ProcessList", ForContainer(container), deadline)));
    return ProcessesFromJson(json);
  };
  return WithContext(Doing("list the processes of", container, pod), deadline, list());
}

}  // namespace virtcontainers
