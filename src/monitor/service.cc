#include "monitor/service.h"

#include <chrono>
#include <map>
#include <memory>
#include <string_view>

#include "base/errors.h"
#include "base/json.h"
#include "monitor.pb.h"
#include "pod/config_json.h"
#include "pod/stats_json.h"
#include "ttrpc/descriptor_offer.h"
#include "ttrpc/message.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

// Operations on one pod take turns anyway; the rest are execs and signals.
constexpr size_t kWorkers = 64;
constexpr size_t kWaiting = 1024;

// std::function wants what it holds to be copyable.
std::shared_ptr<ttrpc::Responder> Share(ttrpc::Responder& responder) {
  return std::make_shared<ttrpc::Responder>(std::move(responder));
}

Result<std::string> Empty(const Status& status) {
  if (!status) return Fail(status.error());
  return std::string();
}

template <typename T>
Result<std::string> AsJson(const Result<T>& answer) {
  if (!answer) return Fail(answer.error());
  wire::JsonResponse response;
  response.set_json(DumpJson(ToJson(*answer), false));
  return ttrpc::SerializeMessage(response);
}

Deadline DeadlineOf(uint64_t ms) { return Deadline::After(milliseconds(std::min<uint64_t>(ms, 1ull << 40))); }

InputPosition PositionOf(const wire::InputPosition& position) {
  return {position.writer(), position.offset(), position.again()};
}

Route RouteOf(const wire::RouteRequest& route) {
  return {.destination = route.destination(),
          .gateway = route.gateway(),
          .source = route.source(),
          .metric = route.metric(),
          .onlink = route.onlink()};
}

// The operations that are told a container, or with an empty id the pod, and nothing else.
using Operation = Result<std::string> (*)(PodMonitor& pod, const std::string& id, Deadline deadline);
const std::map<std::string_view, Operation> kOfContainer = {
    {"DeleteContainer", [](PodMonitor& pod, const std::string& id,
                           Deadline deadline) { return Empty(pod.DeleteContainer(id, deadline)); }},
    {"StartContainer", [](PodMonitor& pod, const std::string& id,
                          Deadline deadline) { return Empty(pod.StartContainer(id, deadline)); }},
    {"Attach", [](PodMonitor& pod, const std::string& id, Deadline) { return Empty(pod.CheckAttach(id)); }},
    {"Pause",
     [](PodMonitor& pod, const std::string& id, Deadline deadline) {
       return Empty(id.empty() ? pod.PausePod(deadline) : pod.PauseContainer(id, deadline));
     }},
    {"Resume",
     [](PodMonitor& pod, const std::string& id, Deadline deadline) {
       return Empty(id.empty() ? pod.ResumePod(deadline) : pod.ResumeContainer(id, deadline));
     }},
    {"Stats",
     [](PodMonitor& pod, const std::string& id, Deadline deadline) {
       return id.empty() ? AsJson(pod.StatsPod(deadline)) : AsJson(pod.StatsContainer(id, deadline));
     }},
    {"ProcessList", [](PodMonitor& pod, const std::string& id,
                       Deadline deadline) { return AsJson(pod.ProcessListContainer(id, deadline)); }},
};

}  // namespace

MonitorService::MonitorService(PodMonitor& pod)
    : pod_(pod), expirer_([this] { ExpireCalls(); }), workers_(kWorkers, kWaiting) {}

MonitorService::~MonitorService() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    deadlines_changed_.notify_all();
  }
  expirer_.join();
}

void MonitorService::NoteDeadline() {
  const std::lock_guard lock(mutex_);
  ++deadlines_;
  deadlines_changed_.notify_all();
}

void MonitorService::ExpireCalls() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const uint64_t seen = deadlines_;
    lock.unlock();
    const Deadline next = pod_.processes().Expire();
    lock.lock();
    const auto woken = [&] { return ending_ || deadlines_ != seen; };
    if (next.infinite()) {
      deadlines_changed_.wait(lock, woken);
    } else {
      deadlines_changed_.wait_until(lock, next.time(), woken);
    }
  }
}

void MonitorService::Handle(ttrpc::Call call, ttrpc::Responder responder) {
  if (call.service != kMonitorService) {
    return responder.Respond(Fail(Code::kUnimplemented, "no service " + Quoted(call.service)));
  }
  if (HandleProcessCall(call, responder)) return;
  auto shared = Share(responder);
  const Status accepted =
      workers_.Submit([this, call = std::move(call), shared] { shared->Respond(Operate(call)); });
  if (!accepted) shared->Respond(Fail(accepted.error()));
}

bool MonitorService::HandleProcessCall(const ttrpc::Call& call, ttrpc::Responder& responder) {
  if (call.method == "Wait") {
    const auto request = ttrpc::ParseMessage<wire::ProcessRequest>(call.payload);
    if (!request) return responder.Respond(Fail(request.error())), true;
    const auto to = Share(responder);
    pod_.processes().Wait(
        pod_.RefOf(request->container(), request->exec()), call.deadline,
        [to](Result<ExitStatus> exit) {
          if (!exit) return to->Respond(Fail(exit.error()));
          wire::WaitResponse answer;
          answer.set_code(exit->code);
          to->Respond(ttrpc::SerializeMessage(answer));
        },
        [to] { return to->gone(); });
    if (!call.deadline.infinite()) NoteDeadline();
    return true;
  }
  if (call.method == "Read") {
    const auto request = ttrpc::ParseMessage<wire::ReadRequest>(call.payload);
    if (!request) return responder.Respond(Fail(request.error())), true;
    const Deadline deadline =
        request->timeout_ms() == 0 ? Deadline::Infinite() : DeadlineOf(request->timeout_ms());
    const auto to = Share(responder);
    pod_.processes().Read(
        pod_.RefOf(request->process().container(), request->process().exec()),
        request->stderr() ? OutputStream::kStderr : OutputStream::kStdout, request->size(), deadline,
        [to](Result<OutputPiece> piece) {
          if (!piece) return to->Respond(Fail(piece.error()));
          wire::ReadResponse answer;
          answer.set_data(std::move(piece->data));
          answer.set_offset(piece->offset);
          to->Respond(ttrpc::SerializeMessage(answer));
        },
        [to] { return to->gone(); },
        request->has_acknowledged() ? std::optional<uint64_t>(request->acknowledged()) : std::nullopt);
    if (!deadline.infinite()) NoteDeadline();
    return true;
  }
  if (call.method == "Write") {
    auto request = ttrpc::ParseMessage<wire::WriteRequest>(call.payload);
    if (!request) return responder.Respond(Fail(request.error())), true;
    const ProcessRef process = pod_.RefOf(request->process().container(), request->process().exec());
    if (const Status known = pod_.CheckProcess(process); !known)
      return responder.Respond(Fail(known.error())), true;
    // From here on the agent bounds what is held.
    responder.ReleasePayload();
    pod_.agent().WriteStdin(process, PositionOf(request->position()), std::move(*request->mutable_data()),
                            request->has_wait_ms() ? DeadlineOf(request->wait_ms()) : Deadline::Infinite(),
                            [to = Share(responder)](const Result<InputTaken>& answer) {
                              if (!answer) return to->Respond(Fail(answer.error()));
                              wire::WriteResponse response;
                              response.set_taken(answer->taken);
                              response.set_closed(answer->closed);
                              to->Respond(ttrpc::SerializeMessage(response));
                            });
    return true;
  }
  return false;
}

Result<std::string> MonitorService::Operate(const ttrpc::Call& call) {
  const auto process_of = [&](const wire::ProcessRequest& request) -> Result<ProcessRef> {
    ProcessRef process = pod_.RefOf(request.container(), request.exec());
    VC_RETURN_IF_ERROR(pod_.CheckProcess(process));
    return process;
  };
  if (call.method == "StopPod" || call.method == "StopContainer") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::StopRequest>(call.payload));
    const milliseconds grace(std::min<uint64_t>(request.grace_ms(), 1ull << 40));
    if (call.method == "StopPod") return Empty(pod_.StopPod(grace, call.deadline));
    return Empty(pod_.StopContainer(request.container(), grace, call.deadline));
  }
  if (call.method == "CreateContainer") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::ConfigRequest>(call.payload));
    VC_ASSIGN_OR_RETURN(const Json json, ParseJson(request.config()));
    VC_ASSIGN_OR_RETURN(const ContainerConfig config, ContainerConfigFromJson(json));
    return Empty(pod_.CreateContainer(config, call.deadline));
  }
  if (call.method == "AddNetwork") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::NetworkRequest>(call.payload));
    VC_ASSIGN_OR_RETURN(const Json json, ParseJson(request.config()));
    VC_ASSIGN_OR_RETURN(const NetworkConfig config, NetworkConfigFromJson(json));
    UniqueFd descriptor;
    if (!request.offer().empty()) {
      VC_ASSIGN_OR_RETURN(descriptor, ttrpc::TakeDescriptor(request.offer(), call.deadline));
    }
    return Empty(pod_.AddNetwork(config, std::move(descriptor), call.deadline));
  }
  if (call.method == "RemoveNetwork") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::NetworkRequest>(call.payload));
    return Empty(pod_.RemoveNetwork(request.name(), call.deadline));
  }
  if (call.method == "AddRoute" || call.method == "RemoveRoute") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::RouteRequest>(call.payload));
    const Route route = RouteOf(request);
    if (call.method == "AddRoute") return Empty(pod_.AddRoute(request.network(), route, call.deadline));
    return Empty(pod_.RemoveRoute(request.network(), route, call.deadline));
  }
  if (call.method == "Exec") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::ExecRequest>(call.payload));
    VC_ASSIGN_OR_RETURN(const Json json, ParseJson(request.config()));
    VC_ASSIGN_OR_RETURN(const ProcessConfig config, ProcessConfigFromJson(json));
    return Empty(pod_.Exec(request.container(), request.exec(), config, call.deadline));
  }
  if (const auto operation = kOfContainer.find(call.method); operation != kOfContainer.end()) {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::ContainerRequest>(call.payload));
    return operation->second(pod_, request.container(), call.deadline);
  }
  if (call.method == "Kill") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::SignalRequest>(call.payload));
    return Empty(
        pod_.KillContainer(request.process().container(), static_cast<int>(request.signal()), call.deadline));
  }
  if (call.method == "Update") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::UpdateRequest>(call.payload));
    VC_ASSIGN_OR_RETURN(const Json json, ParseJson(request.resources()));
    VC_ASSIGN_OR_RETURN(const ContainerResources resources, ContainerResourcesFromJson(json));
    return Empty(pod_.UpdateContainer(request.container(), resources, call.deadline));
  }
  if (call.method == "CopyFile") {
    VC_ASSIGN_OR_RETURN(auto request, ttrpc::ParseMessage<wire::CopyRequest>(call.payload));
    FileChunk chunk;
    chunk.copy = request.copy();
    chunk.path = request.path();
    chunk.size = request.size();
    chunk.offset = request.offset();
    chunk.data = std::move(*request.mutable_data());
    chunk.mode = request.mode();
    chunk.uid = request.uid();
    chunk.gid = request.gid();
    return Empty(pod_.CopyFile(request.container(), chunk, call.deadline));
  }
  if (call.method == "Find") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::ProcessRequest>(call.payload));
    VC_RETURN_IF_ERROR(process_of(request));
    return std::string();
  }
  if (call.method == "CloseStdin") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::CloseStdinRequest>(call.payload));
    VC_ASSIGN_OR_RETURN(const ProcessRef process, process_of(request.process()));
    return Empty(pod_.agent().CloseStdin(process, PositionOf(request.position()), call.deadline));
  }
  if (call.method == "Signal") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::SignalRequest>(call.payload));
    VC_ASSIGN_OR_RETURN(const ProcessRef process, process_of(request.process()));
    return Empty(
        pod_.agent().SignalProcess(process, static_cast<int>(request.signal()), false, call.deadline));
  }
  if (call.method == "Resize") {
    VC_ASSIGN_OR_RETURN(const auto request, ttrpc::ParseMessage<wire::ResizeRequest>(call.payload));
    VC_ASSIGN_OR_RETURN(const ProcessRef process, process_of(request.process()));
    return Empty(pod_.agent().ResizeTerminal(process, static_cast<uint16_t>(request.rows()),
                                             static_cast<uint16_t>(request.columns()), call.deadline));
  }
  return Fail(Code::kUnimplemented, "no method " + Quoted(call.method));
}

}  // namespace virtcontainers
