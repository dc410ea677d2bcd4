// One process the host knows by an id.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_PROCESS_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_PROCESS_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest.pb.h"
#include "guest/agent/container/process_setup.h"
#include "guest/agent/container/report.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/os/reaper.h"
#include "guest/agent/os/spawn.h"
#include "guest/agent/sandbox/input_stream.h"
#include "guest/agent/sandbox/output_stream.h"

namespace virtcontainers::guest {

// Outlives the process it stands for: exit status and output stay until this goes.
class Process : public std::enable_shared_from_this<Process> {
 public:
  // `main` gets the plan with the child's descriptors filled in, in the child.
  using Main = std::function<void(const ProcessPlan& plan)>;

  // What the launch of it comes to. Each is called from the loop.
  struct Events {
    std::function<void()> ready;            // its surroundings are made, it waits for Release
    std::function<void()> running;          // the program runs, or was killed just before
    std::function<void(Error)> failed;      // it never will; the child has ended
    std::function<void(int status)> ended;  // after one of the last two, or `running` never comes
  };

  Process(EventLoop& loop, Reaper& reaper) : loop_(loop), reaper_(reaper) {}
  ~Process();

  // Makes the child.
  Status Launch(const SpawnOptions& options, ProcessPlan plan, const Main& main, Events events);
  // Lets a child that is ready become its program.
  Status Release();

  bool running() const { return child_.pid > 0 && !status_; }
  const std::optional<int>& status() const { return status_; }
  // Whether somebody has been told the status.
  bool collected() const { return collected_; }
  // Whether it has reached whom it is for, beyond the host's end of the link.
  bool acknowledged() const { return acknowledged_; }
  void Acknowledge() { acknowledged_ = true; }
  pid_t pid() const { return child_.pid; }
  int pidfd() const { return child_.pidfd.get(); }

  // One that has ended is fine; for signal 0, which is sent to nobody, it is FAILED_PRECONDITION.
  Status Signal(int number) const;
  // Sends SIGKILL to the process group that the process leads. Legal for a process that is no container's
  // first.
  void KillGroup() const;
  // Kills the process with its group, unless it ends before.
  void KillAfter(std::chrono::milliseconds time);
  // Whether the process neither handles, ignores nor blocks this signal. False for one that has ended.
  bool HasDefaultAction(int number) const;

  void Wait(Call call);
  void WriteStdin(Call call, std::string data);
  void CloseStdin();
  void WriteInput(Call call, wire::WriteInputRequest& request);
  void CloseInput(const Call& call, const wire::CloseInputRequest& request);
  void ReadStdout(Call call, size_t size);
  void ReadStderr(Call call, size_t size);
  void ReadOutput(Call call, const wire::ReadOutputRequest& request);
  // UNAVAILABLE without a terminal.
  Status Resize(uint32_t rows, uint32_t columns) const;

 private:
  Status MakeStdio(ProcessPlan* plan, UniqueFd* child_ends);
  void OnReport();
  void OnLaunched();
  void OnExit(int status);
  void CloseReport();

  EventLoop& loop_;
  Reaper& reaper_;
  Child child_;
  Events events_;
  UniqueFd report_;
  bool ready_ = false;
  std::optional<Error> error_;  // of the launch
  UniqueFd terminal_;
  std::unique_ptr<InputStream> stdin_;
  std::shared_ptr<OutputStream> stdout_;
  std::shared_ptr<OutputStream> stderr_;
  std::optional<int> status_;
  bool collected_ = false;
  bool acknowledged_ = false;
  std::vector<Call> waiters_;
  EventLoop::TimerId time_limit_ = 0;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_PROCESS_H_
