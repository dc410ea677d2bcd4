#include "agent/noop/noop_agent.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "base/errors.h"
#include "base/time_format.h"

namespace virtcontainers {
namespace {

// Of the processes that were executed and have ended this many are remembered, as a guest does.
constexpr size_t kMaxExecs = 128;

}  // namespace

void NoopAgent::CallAll(const Calls& calls) {
  for (const auto& call : calls) call();
}

Status NoopAgent::Open() const {
  if (!connected_) return Fail(Code::kUnavailable, "the agent is not connected");
  return {};
}

Status NoopAgent::Connect(const AgentAddress&, Deadline) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Fail(Code::kCancelled, "the connection to the agent was given up");
  if (connected_) return Fail(Code::kFailedPrecondition, "the agent is connected already");
  connected_ = true;
  return {};
}

void NoopAgent::Close() {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    connected_ = false;
    closed_ = true;
    const Error gone(Code::kUnavailable, "the agent's connection was closed");
    for (auto& [key, process] : processes_) {
      for (auto& waiter : process.waiters) calls.push_back([waiter, gone] { waiter(Fail(gone)); });
      process.waiters.clear();
      for (auto& readers : process.readers) {
        for (auto& reader : readers) calls.push_back([done = reader.done, gone] { done(Fail(gone)); });
        readers.clear();
      }
    }
    if (oom_) calls.push_back([done = std::exchange(oom_, nullptr), gone] { done(Fail(gone)); });
  }
  CallAll(calls);
}

Status NoopAgent::Check(Deadline) {
  const std::lock_guard lock(mutex_);
  return Open();
}

Result<AgentDetails> NoopAgent::GetDetails(Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(Open());
  return AgentDetails{"noop"};
}

Result<GuestState> NoopAgent::GetState(Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(Open());
  GuestState state;
  state.sandbox = sandbox_id_;
  for (const auto& [id, args] : containers_) {
    GuestState::Container& container = state.containers.emplace_back();
    container.id = id;
    for (const auto& [key, process] : processes_) {
      if (key.first != id) continue;
      if (!key.second.empty()) {
        container.execs.push_back(key.second);
      } else if (process.exit) {
        container.state = ContainerState::kStopped;
      } else if (process.started) {
        container.state = paused_.count(id) != 0 ? ContainerState::kPaused : ContainerState::kRunning;
      }
    }
  }
  for (const auto& [key, process] : processes_) {
    if (key.first == sandbox_id_ && !key.second.empty()) state.execs.push_back(key.second);
  }
  return state;
}

Status NoopAgent::CreateSandbox(const SandboxConfig& config, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(Open());
  if (sandbox_) return Fail(Code::kAlreadyExists, "the sandbox " + Quoted(sandbox_id_) + " is there already");
  sandbox_ = true;
  sandbox_id_ = config.id;
  return {};
}

Status NoopAgent::DestroySandbox(Deadline) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    VC_RETURN_IF_ERROR(Open());
    for (auto& [key, process] : processes_) Kill(process, calls);
    processes_.clear();
    containers_.clear();
    sandbox_ = false;
  }
  CallAll(calls);
  return {};
}

Status NoopAgent::SetGuestTime(Time, Deadline) {
  const std::lock_guard lock(mutex_);
  return Open();
}

Status NoopAgent::ReseedRandom(std::string_view, Deadline) {
  const std::lock_guard lock(mutex_);
  return Open();
}

Status NoopAgent::UpdateInterface(const NetworkInterface&, Deadline) {
  const std::lock_guard lock(mutex_);
  return Open();
}

Status NoopAgent::UpdateRoutes(const std::vector<NetworkInterface>&, Deadline) {
  const std::lock_guard lock(mutex_);
  return Open();
}

Status NoopAgent::CreateContainer(const GuestContainer& container, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(Open());
  const std::string& id = container.config.id;
  if (!sandbox_) return Fail(Code::kFailedPrecondition, "there is no sandbox: create it first");
  if (containers_.count(id) != 0)
    return Fail(Code::kAlreadyExists, "container " + Quoted(id) + " exists already");
  containers_[id] = container.config.process.args;
  Process& process = processes_[Key(id, "")];
  process.terminal = container.config.process.terminal;
  return {};
}

Status NoopAgent::StartContainer(const std::string& container, Deadline) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    VC_RETURN_IF_ERROR(Open());
    const auto found = containers_.find(container);
    if (found == containers_.end())
      return Fail(Code::kNotFound, Reason::kContainerNotFound, "no container " + Quoted(container));
    Process& process = processes_[Key(container, "")];
    if (process.started) {
      return Fail(Code::kFailedPrecondition, "container " + Quoted(container) + " has been started already");
    }
    Run(process, found->second, true, calls);
  }
  CallAll(calls);
  return {};
}

Status NoopAgent::RemoveContainer(const std::string& container, Deadline) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    VC_RETURN_IF_ERROR(Open());
    if (containers_.count(container) == 0)
      return Fail(Code::kNotFound, Reason::kContainerNotFound, "no container " + Quoted(container));
    const Process& first = processes_[Key(container, "")];
    if (first.started && !first.exit) {
      return Fail(Code::kFailedPrecondition, "container " + Quoted(container) + " is running: stop it first");
    }
    containers_.erase(container);
    paused_.erase(container);
    // Somebody may wait for one that was never started.
    for (auto process = processes_.lower_bound(Key(container, ""));
         process != processes_.end() && process->first.first == container;
         process = processes_.erase(process)) {
      Kill(process->second, calls);
    }
  }
  CallAll(calls);
  return {};
}

Status NoopAgent::CheckRunning(const std::string& container) {
  VC_RETURN_IF_ERROR(Open());
  const auto first = processes_.find(Key(container, ""));
  if (containers_.count(container) == 0 || first == processes_.end()) {
    return Fail(Code::kNotFound, Reason::kContainerNotFound, "no container " + Quoted(container));
  }
  if (first->second.started && !first->second.exit) return {};
  return Fail(Code::kFailedPrecondition, "container " + Quoted(container) + " is not running");
}

Status NoopAgent::PauseContainer(const std::string& container, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRunning(container));
  paused_.insert(container);
  return {};
}

Status NoopAgent::ResumeContainer(const std::string& container, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRunning(container));
  if (paused_.erase(container) != 0) return {};
  return Fail(Code::kFailedPrecondition, "container " + Quoted(container) + " is not paused");
}

Status NoopAgent::UpdateContainer(const std::string& container, const ContainerResources&, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(Open());
  if (containers_.count(container) == 0)
    return Fail(Code::kNotFound, Reason::kContainerNotFound, "no container " + Quoted(container));
  return {};
}

Result<ContainerStats> NoopAgent::StatsContainer(const std::string& container, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRunning(container));
  ContainerStats stats;
  stats.id = container;
  stats.time = Now();
  stats.pids.current = 1;
  return stats;
}

Result<std::vector<ProcessInfo>> NoopAgent::ListProcesses(const std::string& container, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRunning(container));
  std::vector<ProcessInfo> list;
  for (const auto& [key, process] : processes_) {
    if (key.first != container || process.exit) continue;
    ProcessInfo& info = list.emplace_back();
    info.pid = static_cast<pid_t>(list.size());
    info.state = 'S';
    info.args = process.args;
    info.name = process.args.empty() ? "" : process.args[0].substr(0, 15);
  }
  return list;
}

Status NoopAgent::CopyFile(const std::string& container, const FileChunk& chunk, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRunning(container));
  uint64_t& there = copies_[chunk.copy];
  const bool in_order = chunk.offset == there && chunk.data.size() <= chunk.size - chunk.offset;
  there += chunk.data.size();
  if (!in_order || there == chunk.size) copies_.erase(chunk.copy);
  if (in_order) return {};
  return Fail(Code::kInvalidArgument, "the parts of " + Quoted(chunk.path) + " come out of order");
}

void NoopAgent::NextOom(Callback<std::string> done) {
  {
    const std::lock_guard lock(mutex_);
    if (connected_ && !oom_) {
      oom_ = std::move(done);
      return;
    }
  }
  done(Fail(Code::kUnavailable, "the agent is not connected, or somebody waits already"));
}

Status NoopAgent::ExecProcess(const ProcessRef& process, const ProcessConfig& config, Deadline) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    VC_RETURN_IF_ERROR(Open());
    if (!sandbox_) return Fail(Code::kFailedPrecondition, "there is no sandbox: create it first");
    if (process.container != sandbox_id_ || containers_.count(process.container) != 0) {
      const auto first = processes_.find(Key(process.container, ""));
      if (first == processes_.end())
        return Fail(Code::kNotFound, Reason::kContainerNotFound, "no container " + Quoted(process.container));
      if (first->second.exit) {
        return Fail(Code::kFailedPrecondition, "container " + Quoted(process.container) + " has ended");
      }
    }
    const auto [entry, fresh] = processes_.try_emplace(Key(process.container, process.exec));
    if (!fresh) return Fail(Code::kAlreadyExists, "process " + Quoted(process.exec) + " exists already");
    entry->second.terminal = config.terminal;
    Run(entry->second, config.args, false, calls);
    execs_.push_back(entry->first);
    ForgetOldestExecs();
  }
  CallAll(calls);
  return {};
}

void NoopAgent::ForgetOldestExecs() {
  while (execs_.size() > kMaxExecs) {
    Key oldest = std::move(execs_.front());
    execs_.pop_front();
    const auto found = processes_.find(oldest);
    if (found == processes_.end()) continue;  // removed with its container
    if (!found->second.exit) {
      execs_.push_back(std::move(oldest));
      return;
    }
    processes_.erase(found);
  }
}

Result<NoopAgent::Process*> NoopAgent::Find(const ProcessRef& process) {
  VC_RETURN_IF_ERROR(Open());
  const auto found = processes_.find(Key(process.container, process.exec));
  if (found == processes_.end()) {
    return Fail(Code::kNotFound, Reason::kProcessNotFound,
                "no process " + Quoted(process.exec) + " in " + Quoted(process.container));
  }
  return &found->second;
}

Status NoopAgent::SignalProcess(const ProcessRef& process, int signal, bool all, Deadline) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    VC_ASSIGN_OR_RETURN(Process * found, Find(process));
    if (signal == 0 && found->exit) return Fail(Code::kFailedPrecondition, "the process has ended");
    if (signal != 0 && signal != SIGCHLD && signal != SIGWINCH) {
      // Also one that has yet to be started.
      found->started = true;
      End(*found, 128 + signal, calls);
    }
    // What is first in its pid namespace takes the rest along.
    if (all || (process.exec.empty() && found->exit)) EndExecs(process.container, calls);
  }
  CallAll(calls);
  return {};
}

Status NoopAgent::ResizeTerminal(const ProcessRef& process, uint16_t, uint16_t, Deadline) {
  const std::lock_guard lock(mutex_);
  VC_ASSIGN_OR_RETURN(const Process* found, Find(process));
  if (!found->terminal) return Fail(Code::kFailedPrecondition, "the process has no terminal");
  return {};
}

// It forgets none.
void NoopAgent::AcknowledgeExits(const std::vector<ProcessRef>&) {}

void NoopAgent::Run(Process& process, const std::vector<std::string>& args, bool first, Calls& calls) {
  process.started = true;
  process.args = args;
  const std::string command = args.empty() ? "" : args[0].substr(args[0].rfind('/') + 1);
  if (command == "cat") {
    process.cat = true;
  } else if (command == "echo") {
    for (size_t i = 1; i < args.size(); ++i) process.out += (i > 1 ? " " : "") + args[i];
    process.out += "\n";
    End(process, 0, calls);
  } else if (command == "false") {
    End(process, 1, calls);
  } else if (command == "exit" && args.size() > 1) {
    End(process, std::atoi(args[1].c_str()) & 0xff, calls);
  } else if (command == "true" || (!first && command != "sleep")) {
    End(process, 0, calls);
  }
}

void NoopAgent::End(Process& process, int code, Calls& calls) {
  if (process.exit || !process.started) return;
  process.exit = ExitStatus{code};
  for (auto& waiter : process.waiters) calls.push_back([waiter, exit = *process.exit] { waiter(exit); });
  process.waiters.clear();
  Feed(process, calls);
}

void NoopAgent::Kill(Process& process, Calls& calls) {
  process.started = true;
  End(process, 128 + SIGKILL, calls);
}

void NoopAgent::EndExecs(const std::string& container, Calls& calls) {
  for (auto& [key, process] : processes_) {
    if (key.first == container && !key.second.empty()) End(process, 128 + SIGKILL, calls);
  }
}

}  // namespace virtcontainers
