#include "guest/agent/sandbox/sandbox.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/errors.h"
#include "base/sysctl_name.h"
#include "guest/agent/container/device_filter.h"
#include "guest/agent/container/hooks.h"
#include "guest/agent/container/report.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/kernel_module.h"
#include "guest/agent/os/log.h"
#include "guest/agent/os/mount.h"
#include "guest/agent/sandbox/ids.h"

namespace virtcontainers::guest {

namespace {

using std::chrono::milliseconds;
using Clock = EventLoop::Clock;

constexpr int kMaxMounts = 1024;
constexpr int kMaxEntries = 4096;
constexpr int kMaxNamespaces = 16;
constexpr milliseconds kPoll{2};
constexpr milliseconds kDestroyLimit{3000};
constexpr milliseconds kFlushLimit{1000};
constexpr milliseconds kFreezeLimit{5000};

// Names in the state directory that are no container's.
bool IsReserved(const std::string& id) { return id == "shared" || id == "sandbox"; }

bool HasHostHooks(const grpc::Hooks& hooks) {
  return hooks.prestart_size() + hooks.poststart_size() + hooks.poststop_size() + hooks.createruntime_size() >
         0;
}

Status CheckNamespaces(const grpc::Linux& linux_spec) {
  if (linux_spec.namespaces_size() > kMaxNamespaces)
    return Fail(Code::kInvalidArgument, "too many namespaces");
  for (const grpc::LinuxNamespace& entry : linux_spec.namespaces()) {
    if (!entry.path().empty()) {
      return Fail(Code::kUnimplemented,
                  "namespace " + Quoted(entry.path()) +
                      ": the guest has no namespaces of others to join: leave the path out");
    }
    if (entry.type() == "user" || entry.type() == "time") {
      return Fail(Code::kUnimplemented, "namespaces of type " + Quoted(entry.type()) +
                                            " are not supported: the virtual machine is the boundary");
    }
    constexpr std::array kTypes{"pid", "mount", "ipc", "uts", "cgroup", "network"};
    if (std::find(kTypes.begin(), kTypes.end(), entry.type()) == kTypes.end()) {
      return Fail(Code::kInvalidArgument, "there are no namespaces of type " + Quoted(entry.type()));
    }
  }
  return {};
}

UnifiedSettings ToUnified(const google::protobuf::Map<std::string, std::string>& unified) {
  return {unified.begin(), unified.end()};
}

Status CheckHostname(const std::string& hostname) {
  if (hostname.size() <= 64) return {};
  return Fail(Code::kInvalidArgument, "hostname " + Quoted(hostname) + " is longer than 64 characters");
}

}  // namespace

Sandbox::Sandbox(EventLoop& loop, Reaper& reaper, SandboxConfig config, std::function<void()> end)
    : loop_(loop),
      reaper_(reaper),
      config_(std::move(config)),
      end_(std::move(end)),
      cgroups_(config_.cgroup, config_.standalone),
      storages_(std::make_unique<StorageSet>(config_.state_dir)),
      share_(loop, SharedDirectory()),
      share_guard_(loop, reaper, [this] { return Containers(); }),
      oom_(loop),
      copies_(loop) {}

Sandbox::~Sandbox() {
  for (const auto& [id, container] : containers_) container->Kill();
}

Status Sandbox::Create(const grpc::CreateSandboxRequest& request) {
  if (created_) {
    return Fail(Code::kAlreadyExists, "sandbox " + Quoted(id_) + " exists: one guest has one sandbox");
  }
  if (!request.sandbox_id().empty()) VC_RETURN_IF_ERROR(CheckId(request.sandbox_id(), "sandbox id"));
  VC_RETURN_IF_ERROR(CheckHostname(request.hostname()));
  if (request.dns_size() > kMaxEntries)
    return Fail(Code::kInvalidArgument, "too many lines of DNS configuration");
  if (!request.guest_hook_path().empty()) {
    return Fail(Code::kUnimplemented, "hooks in the guest are not supported: leave guest_hook_path empty");
  }

  VC_RETURN_IF_ERROR(RemoveTree(config_.state_dir));
  VC_RETURN_IF_ERROR(MakeDirectories(config_.state_dir + "/sandbox"));
  VC_RETURN_IF_ERROR(MakeDirectories(SharedDirectory()));
  for (const grpc::KernelModule& module : request.kernel_modules()) {
    std::string parameters;
    for (const std::string& parameter : module.parameters())
      parameters += (parameters.empty() ? "" : " ") + parameter;
    VC_RETURN_IF_ERROR(LoadModule(module.name(), parameters));
  }
  auto storages = std::make_unique<StorageSet>(config_.state_dir);
  for (const grpc::Storage& storage : request.storages()) VC_RETURN_IF_ERROR(storages->Add(storage));
  auto namespaces = std::make_unique<SandboxNamespaces>();
  VC_RETURN_IF_ERROR(namespaces->Make(request.hostname()));
  if (request.sandbox_pidns()) VC_RETURN_IF_ERROR(namespaces->SharedPid());

  std::string resolv_conf;
  for (const std::string& line : request.dns()) resolv_conf += line + "\n";
  if (!resolv_conf.empty()) {
    VC_RETURN_IF_ERROR(CreateFile(config_.state_dir + "/sandbox/resolv.conf", resolv_conf));
    if (!config_.standalone) VC_RETURN_IF_ERROR(CreateFile("/etc/resolv.conf", resolv_conf));
  }
  // So that what runs in the guest itself sees it, too.
  if (!config_.standalone && !request.hostname().empty()) {
    ::sethostname(request.hostname().data(), request.hostname().size());
  }
  storages_ = std::move(storages);
  namespaces_ = std::move(namespaces);
  id_ = request.sandbox_id();
  hostname_ = request.hostname();
  shared_pid_ = request.sandbox_pidns();
  created_ = true;
  return {};
}

Result<std::shared_ptr<Container>> Sandbox::FindContainer(const std::string& id) {
  const auto container = containers_.find(id);
  if (container != containers_.end()) return container->second;
  if (created_ && !id.empty() && id == id_) {
    return Fail(Code::kFailedPrecondition, Quoted(id) + " is the sandbox, not a container");
  }
  return Fail(Code::kNotFound, Reason::kContainerNotFound, "there is no container " + Quoted(id));
}

Result<std::shared_ptr<Container>> Sandbox::Find(const std::string& id) {
  const auto container = containers_.find(id);
  if (container != containers_.end()) return container->second;
  if (!created_ || id.empty() || id != id_) return FindContainer(id);
  if (!guest_) {
    VC_ASSIGN_OR_RETURN(Cgroup cgroup, cgroups_.Make(".guest"));
    guest_ = std::make_shared<Container>(loop_, reaper_, id, nullptr, std::move(cgroup));
  }
  return guest_;
}

Status Sandbox::CheckRequest(const wire::ExtendedCreateRequest& extended) const {
  const grpc::CreateContainerRequest& request = extended.request();
  if (!created_) return Fail(Code::kFailedPrecondition, "there is no sandbox: call CreateSandbox first");
  if (destroying_) return Fail(Code::kFailedPrecondition, "the sandbox is being destroyed");
  VC_RETURN_IF_ERROR(CheckId(request.container_id(), "container id"));
  if (IsReserved(request.container_id())) {
    return Fail(Code::kInvalidArgument, "container id " + Quoted(request.container_id()) + " is reserved");
  }
  if (containers_.count(request.container_id()) != 0) {
    return Fail(Code::kAlreadyExists,
                "container " + Quoted(request.container_id()) + " exists: remove it first");
  }
  if (containers_.size() >= kMaxContainers) {
    return Fail(Code::kResourceExhausted,
                "the sandbox has " + std::to_string(kMaxContainers) + " containers already");
  }
  if (!request.exec_id().empty()) VC_RETURN_IF_ERROR(CheckId(request.exec_id(), "exec id"));

  const grpc::Spec& spec = request.oci();
  if (spec.root().path().empty() || spec.root().path()[0] != '/') {
    return Fail(Code::kInvalidArgument, "root path " + Quoted(spec.root().path()) + " is not absolute");
  }
  if (spec.mounts_size() > kMaxMounts) return Fail(Code::kInvalidArgument, "too many mounts");
  const grpc::Linux& linux_spec = spec.linux();
  if (linux_spec.maskedpaths_size() > kMaxEntries || linux_spec.readonlypaths_size() > kMaxEntries ||
      linux_spec.devices_size() > kMaxEntries || linux_spec.sysctl().size() > kMaxEntries) {
    return Fail(Code::kInvalidArgument, "too many paths, devices or sysctls");
  }
  VC_RETURN_IF_ERROR(CheckHostname(spec.hostname()));
  for (const auto& [name, value] : linux_spec.sysctl()) {
    if (SysctlPath(name).empty()) return Fail(Code::kInvalidArgument, "there is no sysctl " + Quoted(name));
  }
  if (linux_spec.uidmappings_size() + linux_spec.gidmappings_size() > 0) {
    return Fail(Code::kUnimplemented,
                "user namespaces are not supported: the virtual machine is the boundary");
  }
  if (HasHostHooks(spec.hooks())) {
    return Fail(Code::kUnimplemented,
                "prestart, createRuntime, poststart and poststop hooks do not run in the guest: run them on "
                "the host");
  }
  VC_RETURN_IF_ERROR(CheckHooks(spec.hooks()));
  VC_RETURN_IF_ERROR(CheckNamespaces(linux_spec));
  VC_RETURN_IF_ERROR(CheckExtension(extended.process()));
  if (request.devices_size() > 0 || request.shared_mounts_size() > 0) {
    return Fail(Code::kUnimplemented,
                "devices and shared mounts beside the spec are not supported by this agent");
  }
  if (request.stdin_port() + request.stdout_port() + request.stderr_port() > 0) {
    return Fail(Code::kUnimplemented,
                "standard input and output over ports of their own are not supported: use the calls");
  }
  return {};
}

Status Sandbox::BindRootfs(const grpc::Root& root, const std::string& rootfs) {
  // A storage of the container may be it already.
  if (root.path() == rootfs) return {};
  VC_RETURN_IF_ERROR(MakeDirectories(rootfs));
  UniqueFd source(::open(root.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!source) return FailErrno("open root " + Quoted(root.path()));
  VC_ASSIGN_OR_RETURN(const UniqueFd tree, CloneMount(source.get(), /*recursive=*/true));
  VC_RETURN_IF_ERROR(SetMountPropagation(tree.get(), MS_PRIVATE, /*recursive=*/true));
  UniqueFd target(::open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!target) return FailErrno("open " + Quoted(rootfs));
  return AttachMount(tree.get(), target.get());
}

Status Sandbox::Prepare(const std::shared_ptr<Container>& container,
                        const wire::ExtendedCreateRequest& extended) {
  const grpc::CreateContainerRequest& request = extended.request();
  share_.Take(container->id(), request.oci());
  for (const grpc::Storage& storage : request.storages()) {
    VC_RETURN_IF_ERROR(storages_->Add(storage));
    container->storages().push_back(storage.mount_point());
  }
  VC_RETURN_IF_ERROR(container->cgroup().Limit(request.oci().linux().resources(), cgroups_.lenient()));
  VC_RETURN_IF_ERROR(container->cgroup().WriteUnified(ToUnified(extended.unified())));
  Status devices = SetDeviceFilter(container->cgroup().fd(), request.oci().linux().resources().devices());
  if (!devices && (cgroups_.lenient() || devices.error().code() == Code::kUnimplemented)) {
    // Nothing in the guest is worth more than the guest: without the filter, capabilities and modes of nodes
    // still count.
    Log(LogLevel::kWarn,
        devices.error().ToString() + ": container " + Quoted(container->id()) + " may use all devices");
    devices = {};
  }
  VC_RETURN_IF_ERROR(devices);
  return BindRootfs(request.oci().root(), ContainerDirectory(container->id()) + "/rootfs");
}

void Sandbox::Exec(const Call& call, const wire::ExtendedExecRequest& request) {
  auto container = Find(request.request().container_id());
  if (!container) return call.Fail(std::move(container.error()));
  (*container)->Exec(call, request);
}

Status Sandbox::UpdateContainer(const wire::ExtendedUpdateRequest& request) {
  VC_ASSIGN_OR_RETURN(const auto container, FindContainer(request.request().container_id()));
  const UnifiedSettings unified = ToUnified(request.unified());
  // All of it is looked at before the first limit changes.
  VC_RETURN_IF_ERROR(container->cgroup().CheckUnified(unified));
  VC_RETURN_IF_ERROR(container->cgroup().Limit(request.request().resources(), cgroups_.lenient()));
  return container->cgroup().WriteUnified(unified);
}

void Sandbox::CreateContainer(Call call, std::unique_ptr<wire::ExtendedCreateRequest> request) {
  if (auto status = CheckRequest(*request); !status) return call.Fail(std::move(status.error()));
  const wire::ExtendedCreateRequest& extended = *request;
  const grpc::CreateContainerRequest& kept = request->request();
  auto cgroup = cgroups_.Make(kept.container_id());
  if (!cgroup) return call.Fail(std::move(cgroup.error()));
  const auto container = std::make_shared<Container>(loop_, reaper_, kept.container_id(), std::move(request),
                                                     std::move(*cgroup));
  containers_[container->id()] = container;

  const auto undo = [this, call, container](Error error) {
    // Nothing of a container that could not be made is left when the host hears of it.
    Discard(container, Clock::now() + kDestroyLimit, [call, error](const Status&) { call.Fail(error); });
  };
  SharedNamespaces shared{namespaces_->uts(), namespaces_->ipc(), -1, hostname_};
  if (shared_pid_ || kept.sandbox_pidns()) {
    auto pid = namespaces_->SharedPid();
    if (!pid) return undo(std::move(pid.error()));
    shared.pid = *pid;
  }
  Status status = Prepare(container, extended);
  if (status) {
    status =
        container->Create(ContainerDirectory(container->id()) + "/rootfs", shared, [call, undo](Status made) {
          if (made) return call.Answer();
          undo(std::move(made.error()));
        });
  }
  if (!status) undo(SetupError(status.error()));
}

Status Sandbox::Clean(Container& container) {
  oom_.Remove(container.id());
  copies_.GiveUp(container.id());
  if (container.is_guest()) return container.cgroup().Remove();
  const std::string directory = ContainerDirectory(container.id());
  if (container.spec().root().path() != directory + "/rootfs") DetachMount(directory + "/rootfs");
  share_.Release(container.id());
  for (auto storage = container.storages().rbegin(); storage != container.storages().rend(); ++storage) {
    storages_->Release(*storage);
  }
  container.storages().clear();
  VC_RETURN_IF_ERROR(container.cgroup().Remove());
  return RemoveTree(directory);
}

void Sandbox::Discard(const std::shared_ptr<Container>& container, Clock::time_point deadline,
                      std::function<void(Status)> done) {
  const auto known = containers_.find(container->id());
  // Somebody else removed it meanwhile, and another may have its name.
  if (known == containers_.end() || known->second != container) return done({});
  container->Kill();
  if (!container->IsEmpty()) {
    if (Clock::now() >= deadline) {
      return done(Fail(Code::kDeadlineExceeded,
                       "the processes of container " + Quoted(container->id()) + " do not end"));
    }
    loop_.After(kPoll, [this, container, deadline, done = std::move(done)]() mutable {
      Discard(container, deadline, std::move(done));
    });
    return;
  }
  Status cleaned = Clean(*container);
  if (!cleaned) Log(LogLevel::kWarn, cleaned.error().ToString());
  containers_.erase(known);
  done({});
}

void Sandbox::RemoveContainer(Call call, const std::string& id, uint32_t timeout_seconds) {
  auto container = FindContainer(id);
  if (!container) return call.Fail(std::move(container.error()));
  const auto deadline =
      timeout_seconds == 0 ? Clock::time_point::max() : Clock::now() + std::chrono::seconds(timeout_seconds);
  Discard(*container, deadline, [call](Status status) { call.Finish(std::move(status)); });
}

void Sandbox::Pause(Call call, const std::string& id) {
  auto container = FindContainer(id);
  if (!container) return call.Fail(std::move(container.error()));
  if ((*container)->state() != Container::State::kRunning) {
    return call.Fail(
        Error(Code::kFailedPrecondition, (*container)->Describe() + ": only a running one can be paused"));
  }
  if (auto status = (*container)->cgroup().Freeze(true); !status) return call.Fail(std::move(status.error()));
  AwaitFrozen(std::move(call), std::move(*container), Clock::now() + kFreezeLimit);
}

std::vector<std::shared_ptr<Container>> Sandbox::Containers() const {
  std::vector<std::shared_ptr<Container>> all;
  for (const auto& [id, container] : containers_) all.push_back(container);
  return all;
}

Status Sandbox::LimitShare(uint64_t descriptors) {
  if (!created_) return Fail(Code::kFailedPrecondition, "there is no sandbox: call CreateSandbox first");
  // The caches and limits of somebody's host are left alone.
  if (config_.standalone) return {};
  return share_guard_.Limit(descriptors);
}

wire::GetStateResponse Sandbox::Describe() const {
  using State = Container::State;
  wire::GetStateResponse response;
  if (created_) response.set_sandbox_id(id_);
  for (const auto& [id, container] : containers_) {
    wire::ContainerState& state = *response.add_containers();
    state.set_id(id);
    switch (container->state()) {
      case State::kCreating:
      case State::kCreated:
        state.set_state(wire::ContainerState::READY);
        break;
      case State::kStarting:
      case State::kRunning:
        state.set_state(container->cgroup().IsFrozen() ? wire::ContainerState::PAUSED
                                                       : wire::ContainerState::RUNNING);
        break;
      case State::kStopped:
        state.set_state(wire::ContainerState::STOPPED);
        break;
    }
    for (std::string& exec : container->ExecIds()) state.add_execs(std::move(exec));
  }
  if (guest_) {
    for (std::string& exec : guest_->ExecIds()) response.add_execs(std::move(exec));
  }
  return response;
}

void Sandbox::AwaitFrozen(Call call, std::shared_ptr<Container> container, Clock::time_point deadline) {
  const auto events = container->cgroup().Read("cgroup.events");
  if (!events) return call.Fail(events.error());
  if (events->find("frozen 1") != std::string::npos) return call.Answer();
  if (Clock::now() >= deadline) {
    (void)container->cgroup().Freeze(false);
    return call.Fail(
        Error(Code::kDeadlineExceeded, "container " + Quoted(container->id()) + " does not stop"));
  }
  loop_.After(kPoll, [this, call = std::move(call), container = std::move(container), deadline] {
    AwaitFrozen(call, container, deadline);
  });
}

void Sandbox::Resume(Call call, const std::string& id) {
  auto container = FindContainer(id);
  if (!container) return call.Fail(std::move(container.error()));
  if (!(*container)->cgroup().IsFrozen()) {
    return call.Fail(Error(Code::kFailedPrecondition, "container " + Quoted(id) + " is not paused"));
  }
  call.Finish((*container)->cgroup().Freeze(false));
}

void Sandbox::Destroy(Call call) {
  if (std::exchange(destroying_, true)) {
    return call.Fail(Error(Code::kFailedPrecondition, "the sandbox is being destroyed"));
  }
  for (const auto& [id, container] : containers_) container->Kill();
  if (guest_) guest_->Kill();
  AwaitEmpty(std::move(call), Clock::now() + kDestroyLimit);
}

void Sandbox::AwaitEmpty(Call call, Clock::time_point deadline) {
  bool empty = !guest_ || guest_->IsEmpty();
  for (const auto& [id, container] : containers_) empty &= container->IsEmpty();
  if (!empty && Clock::now() < deadline) {
    loop_.After(kPoll, [this, call = std::move(call), deadline] { AwaitEmpty(call, deadline); });
    return;
  }
  const auto clean = [this](Container& container) {
    if (auto status = Clean(container); !status) Log(LogLevel::kWarn, status.error().ToString());
  };
  for (const auto& [id, container] : containers_) clean(*container);
  if (guest_) clean(*guest_);
  containers_.clear();
  guest_.reset();
  namespaces_.reset();
  storages_ = std::make_unique<StorageSet>(config_.state_dir);
  if (auto status = RemoveTree(config_.state_dir); !status) Log(LogLevel::kWarn, status.error().ToString());
  created_ = false;
  call.Answer();
  // A host that has gone does not keep the guest alive.
  loop_.After(kFlushLimit, [this] { end_(); });
  call.connection().WhenFlushed([this] { loop_.Post([this] { end_(); }); });
}

}  // namespace virtcontainers::guest
