#include "guest/agent/sandbox/container.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "guest/agent/container/exec_process.h"
#include "guest/agent/container/guest_program.h"
#include "guest/agent/container/init_process.h"
#include "guest/agent/container/scheduling.h"
#include "guest/agent/sandbox/ids.h"

namespace virtcontainers::guest {

namespace {

// More than any process needs, and far from where times overflow.
constexpr std::chrono::milliseconds kLongestTimeLimit = std::chrono::hours(24 * 365 * 10);

const char* StateName(Container::State state) {
  switch (state) {
    case Container::State::kCreating:
      return "being created";
    case Container::State::kCreated:
      return "created and not started";
    case Container::State::kStarting:
      return "starting";
    case Container::State::kRunning:
      return "running";
    case Container::State::kStopped:
      return "stopped";
  }
  return "";
}

// What it leaves out stays as it is.
void Extend(const wire::ProcessExtension& process, ProcessPlan& plan) {
  if (process.has_umask()) plan.umask = static_cast<mode_t>(process.umask());
  if (process.has_scheduler()) plan.scheduler = &process.scheduler();
  if (process.has_io_priority()) plan.io_priority = &process.io_priority();
}

bool OwnsNetwork(const grpc::Spec& spec) {
  for (const grpc::LinuxNamespace& entry : spec.linux().namespaces()) {
    if (entry.type() == "network") return true;
  }
  return false;
}

std::optional<uint32_t> DefaultErrno(const wire::ExtendedCreateRequest& request) {
  if (!request.has_seccomp_default_errno()) return {};
  return request.seccomp_default_errno();
}

}  // namespace

Container::Container(EventLoop& loop, Reaper& reaper, std::string id,
                     std::unique_ptr<wire::ExtendedCreateRequest> request, Cgroup cgroup)
    : loop_(loop),
      reaper_(reaper),
      id_(std::move(id)),
      request_(std::move(request)),
      cgroup_(std::move(cgroup)) {
  if (is_guest()) state_ = State::kRunning;
}

Container::~Container() = default;

std::string Container::Describe() const { return "container " + Quoted(id_) + " is " + StateName(state_); }

Status Container::Create(const std::string& rootfs, const SharedNamespaces& shared,
                         std::function<void(Status)> done) {
  const grpc::Spec& spec = this->spec();
  InitPlan plan;
  plan.spec = &spec;
  plan.container_id = id_;
  plan.bundle = rootfs.substr(0, rootfs.rfind('/'));
  plan.rootfs = rootfs;
  // One that is called otherwise than the pod has a namespace of its own to be called so in.
  const bool own_name = !spec.hostname().empty() && spec.hostname() != shared.hostname;
  const bool own_uts = own_name || request_->own_uts() || !request_->domainname().empty();
  owns_network_ = OwnsNetwork(spec);
  if (own_uts) plan.hostname = own_name ? spec.hostname() : shared.hostname;
  plan.domainname = request_->domainname();
  plan.uts_namespace = own_uts ? -1 : shared.uts;
  plan.ipc_namespace = request_->own_ipc() ? -1 : shared.ipc;
  plan.own_network = owns_network_;
  plan.process.process = &spec.process();
  Extend(request_->process(), plan.process);
  VC_ASSIGN_OR_RETURN(plan.process.personality, PersonalityOf(request_->personality()));
  if (request_->request().has_string_user()) plan.process.string_user = &request_->request().string_user();
  VC_RETURN_IF_ERROR(CheckProcess(spec.process()));
  if (spec.process().has_capabilities()) {
    plan.process.capabilities = ParseCapabilities(spec.process().capabilities());
  }
  if (spec.linux().has_seccomp()) {
    VC_ASSIGN_OR_RETURN(seccomp_, CompileSeccomp(spec.linux().seccomp(), DefaultErrno(*request_)));
    plan.process.seccomp = &seccomp_;
  }

  has_pid_namespace_ = shared.pid < 0;
  SpawnOptions options;
  options.flags = CLONE_NEWNS;
  if (has_pid_namespace_) options.flags |= CLONE_NEWPID;
  if (own_uts) options.flags |= CLONE_NEWUTS;
  if (request_->own_ipc()) options.flags |= CLONE_NEWIPC;
  if (owns_network_) options.flags |= CLONE_NEWNET;
  options.cgroup_fd = cgroup_.fd();
  options.pid_namespace = shared.pid;

  init_ = std::make_shared<Process>(loop_, reaper_);
  created_ = std::move(done);
  Process::Events events;
  events.ready = [this] {
    state_ = State::kCreated;
    if (created_) std::exchange(created_, nullptr)({});
  };
  events.running = [this] {
    // Killed before it was ready, or before it was started: `ended` says so.
    if (state_ != State::kStarting) return;
    state_ = State::kRunning;
    if (start_) std::exchange(start_, std::nullopt)->Answer();
  };
  events.failed = [this](Error error) {
    if (created_) std::exchange(created_, nullptr)(tl::make_unexpected(error));
    if (start_) std::exchange(start_, std::nullopt)->Fail(std::move(error));
  };
  events.ended = [this](int status) {
    state_ = State::kStopped;
    if (created_) {
      std::exchange(created_, nullptr)(
          Fail(Code::kAborted,
               "the container's first process ended before it was ready, with " + std::to_string(status)));
    }
    if (start_) {
      std::exchange(start_, std::nullopt)
          ->Fail(Error(Code::kAborted, "container " + Quoted(id_) + " was killed while it started"));
    }
    // In the pod's pid namespace the kernel ends nothing with it.
    if (!has_pid_namespace_) Kill();
  };
  const Status launched = init_->Launch(
      options, plan.process,
      [&plan](const ProcessPlan& process) {
        plan.process = process;
        RunInitProcess(plan);
      },
      std::move(events));
  if (!launched) {
    init_.reset();
    created_ = nullptr;
    return launched;
  }
  return {};
}

void Container::Start(Call call) {
  if (state_ != State::kCreated) {
    const char* way_out = state_ == State::kStopped ? ": remove it and create it anew" : "";
    return call.Fail(Error(Code::kFailedPrecondition, Describe() + way_out));
  }
  if (auto status = init_->Release(); !status) return call.Fail(std::move(status.error()));
  state_ = State::kStarting;
  start_ = std::move(call);
}

// What the request leaves out is the container's own. noNewPrivileges cannot be left out: it is what the
// request says, as with runc and crun.
Result<grpc::Process> Container::CompleteProcess(const grpc::ExecProcessRequest& request) const {
  grpc::Process process = request.process();
  if (!is_guest()) {
    const grpc::Process& base = spec().process();
    if (process.env_size() == 0) *process.mutable_env() = base.env();
    if (process.cwd().empty()) process.set_cwd(base.cwd());
    if (process.rlimits_size() == 0) *process.mutable_rlimits() = base.rlimits();
    if (!process.has_capabilities() && base.has_capabilities())
      *process.mutable_capabilities() = base.capabilities();
    if (!process.has_user() && !request.has_string_user()) *process.mutable_user() = base.user();
    if (process.oomscoreadj() == 0) process.set_oomscoreadj(base.oomscoreadj());
  }
  VC_RETURN_IF_ERROR(CheckProcess(process));
  return process;
}

Status Container::CheckExecId(const std::string& exec_id) {
  VC_RETURN_IF_ERROR(CheckId(exec_id, "exec id"));
  if (!is_guest() && (exec_id == id_ || exec_id == request_->request().exec_id())) {
    return Fail(Code::kAlreadyExists,
                "exec id " + Quoted(exec_id) + " is that of the container's first process");
  }
  const auto known = execs_.find(exec_id);
  if (known == execs_.end()) {
    ForgetExit(exec_id);
    if (execs_.size() < kMaxExecs) return {};
    return Fail(Code::kResourceExhausted,
                "container " + Quoted(id_) + " has " + std::to_string(kMaxExecs) + " processes already");
  }
  if (known->second->running() || !known->second->collected()) {
    return Fail(Code::kAlreadyExists,
                "container " + Quoted(id_) + " has a process " + Quoted(exec_id) + " already");
  }
  ForgetExec(exec_id, known->second);
  return {};
}

Status Container::LaunchExec(const Call& call, const wire::ExtendedExecRequest& extended) {
  const grpc::ExecProcessRequest& request = extended.request();
  // A container that is created has its namespaces, its root and its first process.
  if (state_ == State::kCreating || state_ == State::kStopped) {
    return Fail(Code::kFailedPrecondition, Describe());
  }
  VC_RETURN_IF_ERROR(CheckExecId(request.exec_id()));
  VC_RETURN_IF_ERROR(CheckExtension(extended.process()));
  VC_ASSIGN_OR_RETURN(const grpc::Process process, CompleteProcess(request));
  ExecPlan plan;
  plan.process.process = &process;
  if (!is_guest()) {
    Extend(request_->process(), plan.process);
    VC_ASSIGN_OR_RETURN(plan.process.personality, PersonalityOf(request_->personality()));
  }
  Extend(extended.process(), plan.process);
  const std::string& cpus = extended.process().exec_cpus().empty() && !is_guest()
                                ? request_->process().exec_cpus()
                                : extended.process().exec_cpus();
  if (!cpus.empty()) plan.process.cpus = &cpus;
  if (request.has_string_user()) {
    plan.process.string_user = &request.string_user();
  } else if (!is_guest() && !request.process().has_user() && request_->request().has_string_user()) {
    plan.process.string_user = &request_->request().string_user();
  }
  if (process.has_capabilities()) {
    plan.process.capabilities = ParseCapabilities(process.capabilities());
  }
  if (!seccomp_.instructions.empty()) plan.process.seccomp = &seccomp_;
  UniqueFd program;
  if (extended.process().guest_program()) {
    if (process.args().empty()) return Fail(Code::kInvalidArgument, "there is no program to execute");
    VC_ASSIGN_OR_RETURN(program, OpenGuestProgram(process.args(0)));
    plan.process.program = program.get();
  }

  SpawnOptions options;
  options.cgroup_fd = cgroup_.fd();
  if (!is_guest()) {
    plan.init_pidfd = init_->pidfd();
    options.pid_namespace = init_->pidfd();
    options.other_cgroup = [this] { return cgroup_.OpenOf(init_->pid()); };
  }

  auto exec = std::make_shared<Process>(loop_, reaper_);
  Process::Events events;
  events.running = [call] { call.Answer(); };
  // The map must not keep the process alive from inside its own callbacks, nor the callbacks the container.
  events.failed = [call, weak = weak_from_this(), exec_id = request.exec_id(),
                   raw = exec.get()](Error error) {
    call.Fail(std::move(error));
    const auto self = weak.lock();
    if (!self) return;
    const auto known = self->execs_.find(exec_id);
    if (known != self->execs_.end() && known->second.get() == raw) self->ForgetExec(exec_id, known->second);
  };
  events.ended = [weak = weak_from_this(), exec_id = request.exec_id(), raw = exec.get()](int) {
    const auto self = weak.lock();
    if (!self) return;
    const auto known = self->execs_.find(exec_id);
    if (known != self->execs_.end() && known->second.get() == raw) self->ExecEnded(exec_id, known->second);
  };
  const Status launched = exec->Launch(
      options, plan.process,
      [&plan](const ProcessPlan& process_plan) {
        plan.process = process_plan;
        RunExecProcess(plan);
      },
      std::move(events));
  // The first process may have ended a moment ago: no such process is not "no such program".
  if (!launched) return Fail(SetupError(launched.error()));
  if (const uint64_t limit = extended.process().time_limit_ms(); limit > 0) {
    exec->KillAfter(std::chrono::milliseconds(std::min<uint64_t>(limit, kLongestTimeLimit.count())));
  }
  execs_[request.exec_id()] = std::move(exec);
  return {};
}

void Container::Exec(Call call, const wire::ExtendedExecRequest& request) {
  if (auto status = LaunchExec(call, request); !status) call.Fail(std::move(status.error()));
}

void Container::ExecEnded(const std::string& exec_id, const std::shared_ptr<Process>& process) {
  ended_execs_.emplace_back(exec_id, process);
  while (ended_execs_.size() > kKeptExecs) {
    // Those whose status has arrived go first, then those whose status was told, of each the oldest.
    const auto oldest = [&](bool (Process::*known)() const) {
      return std::find_if(ended_execs_.begin(), ended_execs_.end(),
                          [&](const auto& entry) { return (*entry.second.*known)(); });
    };
    auto victim = oldest(&Process::acknowledged);
    if (victim == ended_execs_.end()) victim = oldest(&Process::collected);
    if (victim == ended_execs_.end()) victim = ended_execs_.begin();
    const auto forgotten = *victim;
    ForgetExec(forgotten.first, forgotten.second);
    if (forgotten.second->acknowledged()) continue;
    exits_.emplace_back(forgotten.first, *forgotten.second->status());
    if (exits_.size() > kKeptExits) exits_.pop_front();
  }
}

void Container::Wait(Call call, const std::string& exec_id) {
  if (auto process = Find(exec_id)) return (*process)->Wait(std::move(call));
  for (const auto& [id, status] : exits_) {
    if (id != exec_id) continue;
    grpc::WaitProcessResponse response;
    response.set_status(status);
    return call.Answer(response);
  }
  call.Fail(Find(exec_id).error());
}

void Container::AcknowledgeExit(const std::string& exec_id) {
  const auto exec = execs_.find(exec_id);
  if (exec != execs_.end() && exec->second->status()) exec->second->Acknowledge();
  ForgetExit(exec_id);
}

void Container::ForgetExit(const std::string& exec_id) {
  std::erase_if(exits_, [&](const auto& exit) { return exit.first == exec_id; });
}

void Container::ForgetExec(const std::string& exec_id, const std::shared_ptr<Process>& process) {
  const std::string id = exec_id;
  const auto kept = process;
  const auto known = execs_.find(id);
  if (known != execs_.end() && known->second == kept) execs_.erase(known);
  std::erase_if(ended_execs_, [&](const auto& entry) { return entry.second == kept; });
}

Result<std::shared_ptr<Process>> Container::Find(const std::string& exec_id) {
  if (!is_guest() && (exec_id.empty() || exec_id == id_ || exec_id == request_->request().exec_id())) {
    if (init_ && state_ != State::kCreating) return init_;
    return Fail(Code::kFailedPrecondition, Describe());
  }
  const auto exec = execs_.find(exec_id);
  if (exec != execs_.end()) return exec->second;
  return Fail(Code::kNotFound, Reason::kProcessNotFound,
              "container " + Quoted(id_) + " has no process " + Quoted(exec_id));
}

std::vector<std::string> Container::ExecIds() const {
  std::vector<std::string> ids;
  for (const auto& [id, process] : execs_) ids.push_back(id);
  for (const auto& [id, status] : exits_) ids.push_back(id);
  return ids;
}

Status Container::Signal(const std::string& exec_id, int number) {
  if (exec_id.empty() && number == SIGKILL) {
    Kill();
    return {};
  }
  VC_ASSIGN_OR_RETURN(const auto process, Find(exec_id));
  // The kernel drops a signal whose default action the first process of a pid namespace has left in place
  // (pid_namespaces(7)). SIGTERM means that the container is to end, so SIGKILL is sent instead. A process
  // that ignores SIGTERM has decided so itself, and SIGTERM is sent as it is.
  if (process == init_ && number == SIGTERM && has_pid_namespace_ && process->running() &&
      process->HasDefaultAction(SIGTERM)) {
    number = SIGKILL;
  }
  if (process != init_ && number == SIGKILL) process->KillGroup();
  return process->Signal(number);
}

void Container::Kill() {
  if (cgroup_.Kill()) return;
  // The rest of its pid namespace ends with the first process.
  if (init_) (void)init_->Signal(SIGKILL);
  for (const auto& [id, process] : execs_) (void)process->Signal(SIGKILL);
}

bool Container::IsEmpty() const {
  if (init_ && init_->running()) return false;
  for (const auto& [id, process] : execs_) {
    if (process->running()) return false;
  }
  return !cgroup_.IsPopulated();
}

}  // namespace virtcontainers::guest
