#include "guest/agent/sandbox/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest/agent/container/terminal.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/signal_sets.h"
#include "guest/agent/os/spawn.h"

namespace virtcontainers::guest {

namespace {

Error NoInput() { return Error(Code::kFailedPrecondition, "the process has no standard input"); }

}  // namespace

Process::~Process() {
  CloseReport();
  loop_.Cancel(time_limit_);
  if (running()) reaper_.Forget(child_.pid);
}

Status Process::MakeStdio(ProcessPlan* plan, UniqueFd* child_ends) {
  if (plan->process->terminal()) return {};
  UniqueFd ends[3];
  for (int fd = 0; fd < 3; ++fd) {
    VC_RETURN_IF_ERROR(MakeStdioPipe(/*agent_reads=*/fd != 0, &ends[fd], &child_ends[fd]));
    plan->stdio[fd] = child_ends[fd].get();
  }
  stdin_ = std::make_unique<InputStream>(loop_, std::move(ends[0]), /*terminal=*/false);
  stdout_ = std::make_shared<OutputStream>(loop_, std::move(ends[1]));
  stderr_ = std::make_shared<OutputStream>(loop_, std::move(ends[2]));
  return {};
}

Status Process::Launch(const SpawnOptions& options, ProcessPlan plan, const Main& main, Events events) {
  UniqueFd child_ends[3];
  VC_RETURN_IF_ERROR(MakeStdio(&plan, child_ends));
  VC_ASSIGN_OR_RETURN(auto channel, MakeReportChannel());
  plan.report = channel.second.get();
  VC_RETURN_IF_ERROR(loop_.Add(channel.first.get(), EPOLLIN, [this](uint32_t) { OnReport(); }));
  report_ = std::move(channel.first);
  VC_ASSIGN_OR_RETURN(child_, Spawn(options, [&] {
                        // A descriptor of the agent's end in the child would keep the channel alive.
                        ::close(report_.get());
                        main(plan);
                      }));
  events_ = std::move(events);
  reaper_.Watch(child_.pid, [weak = weak_from_this()](int status) {
    if (const auto self = weak.lock()) self->OnExit(status);
  });
  return {};
}

Status Process::Release() {
  const char go = 1;
  if (::send(report_.get(), &go, 1, MSG_NOSIGNAL) != 1) return FailErrno("start the process");
  return {};
}

void Process::OnReport() {
  const auto self = shared_from_this();
  while (report_) {
    Report report;
    bool ended = false;
    if (!ReceiveReport(report_.get(), &report, &ended)) return;
    if (ended) {
      CloseReport();
      return OnLaunched();
    }
    switch (report.kind) {
      case Report::Kind::kTerminal: {
        if (!report.terminal) break;
        ::fcntl(report.terminal.get(), F_SETFL, O_NONBLOCK);
        const auto duplicate = [&] { return UniqueFd(::fcntl(report.terminal.get(), F_DUPFD_CLOEXEC, 3)); };
        stdin_ = std::make_unique<InputStream>(loop_, duplicate(), /*terminal=*/true);
        stdout_ = std::make_shared<OutputStream>(loop_, duplicate());
        terminal_ = std::move(report.terminal);
        break;
      }
      case Report::Kind::kReady:
        ready_ = true;
        if (events_.ready) events_.ready();
        break;
      case Report::Kind::kError:
        error_ = std::move(report.error);
        break;
    }
  }
}

// The channel has ended: the program runs, or the child has given up or was killed.
void Process::OnLaunched() {
  if (error_) {
    // Reported when the child has been collected: nothing of it is left then.
    if (status_ && events_.failed) std::exchange(events_.failed, nullptr)(*error_);
    return;
  }
  if (events_.running) std::exchange(events_.running, nullptr)();
}

void Process::OnExit(int status) {
  const auto self = shared_from_this();
  // What it said before it ended comes first.
  OnReport();
  status_ = status;
  child_.pidfd.reset();
  loop_.Cancel(std::exchange(time_limit_, 0));
  if (error_ && events_.failed) std::exchange(events_.failed, nullptr)(*error_);
  if (stdin_) stdin_->End();
  if (stdout_) stdout_->ProcessEnded();
  if (stderr_) stderr_->ProcessEnded();
  grpc::WaitProcessResponse response;
  response.set_status(status);
  for (const Call& call : std::exchange(waiters_, {})) {
    collected_ |= call.live();
    call.Answer(response);
  }
  if (events_.ended) std::exchange(events_.ended, nullptr)(status);
}

void Process::CloseReport() {
  if (!report_) return;
  loop_.Remove(report_.get());
  report_.reset();
}

Status Process::Signal(int number) const {
  const auto ended = [&]() -> Status {
    if (number != 0) return {};
    return Fail(Code::kFailedPrecondition, "the process has ended");
  };
  if (!running()) return ended();
  if (::syscall(SYS_pidfd_send_signal, child_.pidfd.get(), number, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return ended();
  return FailErrno("send signal " + std::to_string(number));
}

void Process::KillGroup() const {
  // The number of a process that has not been collected belongs to no other process group.
  if (running()) ::kill(-child_.pid, SIGKILL);
}

void Process::KillAfter(std::chrono::milliseconds time) {
  time_limit_ = loop_.After(time, [this] {
    time_limit_ = 0;
    KillGroup();
    (void)Signal(SIGKILL);
  });
}

bool Process::HasDefaultAction(int number) const {
  const auto status = ReadFile("/proc/" + std::to_string(child_.pid) + "/status");
  return status && virtcontainers::guest::HasDefaultAction(*status, number);
}

void Process::Wait(Call call) {
  if (!status_) {
    std::erase_if(waiters_, [](const Call& waiter) { return !waiter.live(); });
    return waiters_.push_back(std::move(call));
  }
  grpc::WaitProcessResponse response;
  response.set_status(*status_);
  collected_ = true;
  call.Answer(response);
}

void Process::WriteStdin(Call call, std::string data) {
  if (!stdin_) return call.Fail(NoInput());
  stdin_->Write(std::move(call), std::move(data));
}

void Process::CloseStdin() {
  if (stdin_) stdin_->Close();
}

void Process::WriteInput(Call call, wire::WriteInputRequest& request) {
  if (!stdin_) return call.Fail(NoInput());
  stdin_->WriteInput(std::move(call), request);
}

void Process::CloseInput(const Call& call, const wire::CloseInputRequest& request) {
  if (!stdin_) return call.Answer();
  stdin_->CloseInput(call, request);
}

void Process::ReadStdout(Call call, size_t size) {
  if (!stdout_) return call.Answer();
  stdout_->Read(std::move(call), size);
}

void Process::ReadStderr(Call call, size_t size) {
  // With a terminal everything is on standard output.
  if (!stderr_) return call.Answer();
  stderr_->Read(std::move(call), size);
}

void Process::ReadOutput(Call call, const wire::ReadOutputRequest& request) {
  const auto& stream = request.stderr() ? stderr_ : stdout_;
  if (!stream) return call.Answer();
  const std::optional<uint64_t> offset =
      request.has_offset() ? std::optional<uint64_t>(request.offset()) : std::nullopt;
  stream->ReadFrom(std::move(call), offset, request.acknowledged(), request.size());
}

Status Process::Resize(uint32_t rows, uint32_t columns) const {
  if (!terminal_) return Fail(Code::kUnavailable, "the process has no terminal");
  return SetTerminalSize(terminal_.get(), rows, columns);
}

}  // namespace virtcontainers::guest
