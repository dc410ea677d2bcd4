#include "agent/kata/kata_agent.h"

#include <signal.h>

#include <chrono>
#include <condition_variable>

#include "agent.pb.h"
#include "agent/kata/connect.h"
#include "agent/kata/guest_extension.h"
#include "agent/kata/guest_state.h"
#include "agent/kata/guest_stats.h"
#include "agent/kata/kata_calls.h"
#include "agent/kata/oci_spec.h"
#include "base/errors.h"
#include "base/time_format.h"
#include "guest.pb.h"
#include "health.pb.h"

namespace virtcontainers {
namespace {

// The share's place in the guest, and its name there. (Kata's contract with its guests)
constexpr char kSharedContainers[] = "/run/kata-containers/shared/containers/";

// A version is shown to people, and written down.
std::string Printable(const std::string& text) {
  std::string printable;
  for (const char c : text.substr(0, 64)) printable += c > 0x20 && c < 0x7f ? c : '?';
  return printable;
}

}  // namespace

struct KataAgent::Ending {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
};

KataAgent::KataAgent() : KataAgent(ConnectAgent) {}
KataAgent::KataAgent(Connector connector) : connector_(std::move(connector)) {}
KataAgent::~KataAgent() { KataAgent::Close(); }

Status KataAgent::Connect(const AgentAddress& address, Deadline deadline) {
  const auto cancelled = [this] {
    const std::lock_guard lock(mutex_);
    return closed_;
  };
  VC_ASSIGN_OR_RETURN(std::unique_ptr<Stream> stream, connector_(address, cancelled, deadline));
  const auto ending = std::make_shared<Ending>();
  ttrpc::Client::Options options;
  options.on_close = [ending](const Error&) {
    const std::lock_guard lock(ending->mutex);
    ending->over = true;
    ending->changed.notify_all();
  };
  const auto client = std::make_shared<ttrpc::Client>(std::move(stream), std::move(options));
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Fail(Code::kCancelled, "the connection to the agent was given up");
    if (client_) return Fail(Code::kFailedPrecondition, "the agent is connected already");
    client_ = client;
    ending_ = ending;
  }
  return Check(deadline);
}

void KataAgent::Close() {
  std::shared_ptr<ttrpc::Client> client;
  std::shared_ptr<Ending> ending;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    client = client_;
    ending = ending_;
  }
  if (!client) return;
  client->Close();
  // Whoever is called back may be destroyed after this.
  std::unique_lock lock(ending->mutex);
  ending->changed.wait(lock, [&] { return ending->over; });
}

Result<std::shared_ptr<ttrpc::Client>> KataAgent::client() const {
  const std::lock_guard lock(mutex_);
  if (!client_) return Fail(Code::kUnavailable, "the agent is not connected");
  return client_;
}

Status KataAgent::Check(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<ttrpc::Client> to, client());
  VC_ASSIGN_OR_RETURN(const grpc::HealthCheckResponse answer,
                      Parse<grpc::HealthCheckResponse>(to->Call(
                          kHealthService, "Check", grpc::CheckRequest().SerializeAsString(), deadline)));
  if (answer.status() != grpc::HealthCheckResponse::SERVING) {
    return Fail(Code::kUnavailable, "the agent reports that it is not serving");
  }
  return {};
}

Result<GuestState> KataAgent::GetState(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const wire::GetStateResponse answer,
                      Parse<wire::GetStateResponse>(
                          CallOwn("GetState", wire::GetStateRequest(), "what there is in it", deadline)));
  return FromGuestState(answer);
}

Result<AgentDetails> KataAgent::GetDetails(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<ttrpc::Client> to, client());
  VC_ASSIGN_OR_RETURN(const grpc::VersionCheckResponse answer,
                      Parse<grpc::VersionCheckResponse>(to->Call(
                          kHealthService, "Version", grpc::CheckRequest().SerializeAsString(), deadline)));
  return AgentDetails{Printable(answer.agent_version())};
}

Status KataAgent::CreateSandbox(const SandboxConfig& config, Deadline deadline) {
  grpc::CreateSandboxRequest request;
  request.set_sandbox_id(config.id);
  request.set_hostname(config.hostname);
  if (!config.share_tag.empty()) {
    grpc::Storage* share = request.add_storages();
    share->set_driver("virtio-fs");
    share->set_source(config.share_tag);
    share->set_fstype("virtiofs");
    share->set_mount_point(kSharedContainers);
  }
  grpc::Storage* shm = request.add_storages();
  shm->set_driver("ephemeral");
  shm->set_source("shm");
  shm->set_fstype("tmpfs");
  shm->set_mount_point(kSandboxShm);
  for (const char* option : {"noexec", "nosuid", "nodev", "mode=1777"}) shm->add_options(option);
  shm->add_options("size=" + std::to_string(config.shared_memory.count));
  VC_RETURN_IF_ERROR(Done(Call("CreateSandbox", request, deadline)));
  if (config.share_tag.empty() || config.share_descriptors == 0) return {};
  wire::LimitShareRequest limit;
  limit.set_descriptors(config.share_descriptors);
  Status limited = Done(CallOwn("LimitShare", limit, "a limit of open files", deadline));
  // An agent that speaks no more than Kata's protocol does without.
  if (!limited && limited.error().code() == Code::kUnimplemented) return {};
  return limited;
}

Status KataAgent::DestroySandbox(Deadline deadline) {
  return Done(Call("DestroySandbox", grpc::DestroySandboxRequest(), deadline));
}

Status KataAgent::SetGuestTime(Time time, Deadline deadline) {
  const auto since_epoch = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
  grpc::SetGuestDateTimeRequest request;
  request.set_sec(since_epoch.count() / 1'000'000);
  request.set_usec(since_epoch.count() % 1'000'000);
  return Done(Call("SetGuestDateTime", request, deadline));
}

Status KataAgent::ReseedRandom(std::string_view entropy, Deadline deadline) {
  grpc::ReseedRandomDevRequest request;
  request.set_data(std::string(entropy));
  return Done(Call("ReseedRandomDev", request, deadline));
}

Status KataAgent::CreateContainer(const GuestContainer& container, Deadline deadline) {
  wire::ExtendedCreateRequest extended;
  grpc::CreateContainerRequest& request = *extended.mutable_request();
  request.set_container_id(container.config.id);
  request.set_exec_id(container.config.id);
  *request.mutable_oci() = ToOciSpec(container);
  if (auto user = ToStringUser(container.config.process.user))
    *request.mutable_string_user() = std::move(*user);
  request.set_sandbox_pidns(container.config.namespaces.pid == NamespaceOwner::kPod);
  const std::string beyond = Extend(container.config, &extended);
  if (beyond.empty()) return Done(Call("CreateContainer", request, deadline));
  return Done(CallOwn("CreateContainer", extended, beyond.c_str(), deadline));
}

Status KataAgent::StartContainer(const std::string& container, Deadline deadline) {
  grpc::StartContainerRequest request;
  request.set_container_id(container);
  return Done(Call("StartContainer", request, deadline));
}

Status KataAgent::RemoveContainer(const std::string& container, Deadline deadline) {
  grpc::RemoveContainerRequest request;
  request.set_container_id(container);
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(counted_, [&](const auto& entry) { return std::get<0>(entry.first) == container; });
  }
  return Done(Call("RemoveContainer", request, deadline));
}

Status KataAgent::PauseContainer(const std::string& container, Deadline deadline) {
  grpc::PauseContainerRequest request;
  request.set_container_id(container);
  return Done(Call("PauseContainer", request, deadline));
}

Status KataAgent::ResumeContainer(const std::string& container, Deadline deadline) {
  grpc::ResumeContainerRequest request;
  request.set_container_id(container);
  return Done(Call("ResumeContainer", request, deadline));
}

Status KataAgent::UpdateContainer(const std::string& container, const ContainerResources& resources,
                                  Deadline deadline) {
  wire::ExtendedUpdateRequest extended;
  grpc::UpdateContainerRequest& request = *extended.mutable_request();
  request.set_container_id(container);
  *request.mutable_resources() = ToOciResources(resources);
  if (resources.unified.empty()) return Done(Call("UpdateContainer", request, deadline));
  for (const auto& [file, value] : resources.unified) (*extended.mutable_unified())[file] = value;
  return Done(CallOwn("UpdateContainer", extended, "unified resources", deadline));
}

Result<ContainerStats> KataAgent::StatsContainer(const std::string& container, Deadline deadline) {
  grpc::StatsContainerRequest request;
  request.set_container_id(container);
  VC_ASSIGN_OR_RETURN(const auto answer,
                      Parse<grpc::StatsContainerResponse>(Call("StatsContainer", request, deadline)));
  ContainerStats stats = FromKataStats(answer);
  stats.id = container;
  stats.time = Now();
  return stats;
}

Result<std::vector<ProcessInfo>> KataAgent::ListProcesses(const std::string& container, Deadline deadline) {
  wire::ListProcessesRequest request;
  request.set_container_id(container);
  VC_ASSIGN_OR_RETURN(const auto answer, Parse<wire::ListProcessesResponse>(CallOwn(
                                             "ListProcesses", request, "lists of processes", deadline)));
  return FromGuestProcesses(answer);
}

Status KataAgent::CopyFile(const std::string& container, const FileChunk& chunk, Deadline deadline) {
  wire::CopyFileChunk request;
  request.set_container_id(container);
  request.set_copy(chunk.copy);
  request.set_path(chunk.path);
  request.set_size(chunk.size);
  request.set_offset(chunk.offset);
  request.set_data(chunk.data);
  request.set_mode(chunk.mode);
  request.set_uid(chunk.uid);
  request.set_gid(chunk.gid);
  return Done(CallOwn("CopyFile", request, "files copied into containers", deadline));
}

void KataAgent::NextOom(Callback<std::string> done) {
  const auto to = client();
  if (!to) return done(Fail(to.error()));
  (*to)->CallAsync(kAgentService, "GetOOMEvent", grpc::GetOOMEventRequest().SerializeAsString(), {},
                   [done = std::move(done)](Result<std::string> payload) {
                     const auto event = Parse<grpc::OOMEvent>(std::move(payload));
                     if (!event) return done(Fail(event.error()));
                     done(event->container_id());
                   });
}

Status KataAgent::ExecProcess(const ProcessRef& process, const ProcessConfig& config, Deadline deadline) {
  wire::ExtendedExecRequest extended;
  grpc::ExecProcessRequest& request = *extended.mutable_request();
  request = ForProcess<grpc::ExecProcessRequest>(process);
  *request.mutable_process() = ToOciProcess(config);
  if (auto user = ToStringUser(config.user)) *request.mutable_string_user() = std::move(*user);
  const std::string beyond = Extend(config, &extended);
  if (beyond.empty()) return Done(Call("ExecProcess", request, deadline));
  return Done(CallOwn("ExecProcess", extended, beyond.c_str(), deadline));
}

Status KataAgent::SignalProcess(const ProcessRef& process, int signal, bool all, Deadline deadline) {
  // By Kata's rule SIGKILL of the first process is for all of the container, and no other signal can be.
  if (all && signal != SIGKILL) {
    return Fail(Code::kUnimplemented, "only SIGKILL can be sent to all processes of a container");
  }
  grpc::SignalProcessRequest request;
  request.set_container_id(process.container);
  if (!all) request.set_exec_id(process.exec.empty() ? process.container : process.exec);
  request.set_signal(static_cast<uint32_t>(signal));
  return Done(Call("SignalProcess", request, deadline));
}

}  // namespace virtcontainers
