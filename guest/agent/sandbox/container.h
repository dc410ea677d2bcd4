// One container: its request, its cgroup, its processes.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_CONTAINER_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_CONTAINER_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent.pb.h"
#include "guest.pb.h"
#include "guest/agent/container/cgroup.h"
#include "guest/agent/container/seccomp.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/os/reaper.h"
#include "guest/agent/sandbox/process.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// What all containers of the sandbox have in common. Descriptors are not owned; -1 where there is none.
struct SharedNamespaces {
  int uts = -1;
  int ipc = -1;
  int pid = -1;  // a namespace or a pidfd; -1: the container has its own
  std::string hostname;
};

// Alive from the request to make it to its removal. One without a spec stands for the guest itself: further
// processes can be run in it, and nothing else.
class Container : public std::enable_shared_from_this<Container> {
 public:
  enum class State { kCreating, kCreated, kStarting, kRunning, kStopped };

  Container(EventLoop& loop, Reaper& reaper, std::string id,
            std::unique_ptr<wire::ExtendedCreateRequest> request, Cgroup cgroup);
  ~Container();

  const std::string& id() const { return id_; }
  const grpc::Spec& spec() const { return request_->request().oci(); }
  bool is_guest() const { return request_ == nullptr; }
  State state() const { return state_; }
  const Cgroup& cgroup() const { return cgroup_; }
  // Whether it is in a network of its own, not in the guest's.
  bool owns_network() const { return owns_network_; }
  Cgroup& cgroup() { return cgroup_; }
  // What has to be given back when it goes.
  std::vector<std::string>& storages() { return storages_; }

  // Makes the first process, stopped before its program. `done` is called when the container is made or
  // cannot be; it has no process then.
  Status Create(const std::string& rootfs, const SharedNamespaces& shared, std::function<void(Status)> done);
  // Lets the program run. Answered when it does.
  void Start(Call call);
  // Runs another program in it. Answered when it runs.
  void Exec(Call call, const wire::ExtendedExecRequest& request);

  // The process of an id; empty, or the container's own, for the first one.
  Result<std::shared_ptr<Process>> Find(const std::string& exec_id);
  // The first process, which there is not in the guest itself.
  const std::shared_ptr<Process>& init() const { return init_; }

  // The ids of the processes that were run in it since, as far as their exit statuses are or will be known.
  std::vector<std::string> ExecIds() const;
  // Answered when the process has ended.
  void Wait(Call call, const std::string& exec_id);
  // The exit status has reached whom it is for. Of a process that is not known: nothing.
  void AcknowledgeExit(const std::string& exec_id);

  Status Signal(const std::string& exec_id, int number);
  // SIGKILL to everything in it.
  void Kill();
  // Whether no process is in it any more.
  bool IsEmpty() const;

  // "container 'x' is running", for messages.
  std::string Describe() const;

 private:
  static constexpr size_t kMaxExecs = 4096;
  static constexpr size_t kKeptExecs = 128;   // that have ended, with what they said
  static constexpr size_t kKeptExits = 1024;  // the exit statuses alone of others, not acknowledged

  Result<grpc::Process> CompleteProcess(const grpc::ExecProcessRequest& request) const;
  Status CheckExecId(const std::string& exec_id);
  Status LaunchExec(const Call& call, const wire::ExtendedExecRequest& extended);
  void ExecEnded(const std::string& exec_id, const std::shared_ptr<Process>& process);
  void ForgetExit(const std::string& exec_id);
  void ForgetExec(const std::string& exec_id, const std::shared_ptr<Process>& process);

  EventLoop& loop_;
  Reaper& reaper_;
  std::string id_;
  std::unique_ptr<wire::ExtendedCreateRequest> request_;
  Cgroup cgroup_;
  SeccompProgram seccomp_;
  State state_ = State::kCreating;
  bool has_pid_namespace_ = true;  // of its own
  bool owns_network_ = false;
  std::shared_ptr<Process> init_;
  std::unordered_map<std::string, std::shared_ptr<Process>> execs_;
  std::deque<std::pair<std::string, std::shared_ptr<Process>>> ended_execs_;
  std::deque<std::pair<std::string, int>> exits_;  // of processes that are forgotten, the oldest first
  std::vector<std::string> storages_;
  std::function<void(Status)> created_;
  std::optional<Call> start_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_CONTAINER_H_
