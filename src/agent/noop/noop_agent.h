// An agent without a guest: containers whose processes do nothing, until they are signalled. Host only.

#ifndef VIRTCONTAINERS_SRC_AGENT_NOOP_NOOP_AGENT_H_
#define VIRTCONTAINERS_SRC_AGENT_NOOP_NOOP_AGENT_H_

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "virtcontainers/agent.h"

namespace virtcontainers {

// Thread-safe. For VMs without an agent and for tests: it keeps the contract, so that everything above it can
// be tried without a VM. A container's first process runs until a signal ends it; `true`, `false`, `echo`,
// `exit N` and `cat` behave as their names say, and any other command ends at once with 0.
class NoopAgent final : public Agent {
 public:
  NoopAgent() = default;
  ~NoopAgent() override { NoopAgent::Close(); }

  std::string_view name() const override { return "noop"; }
  bool has_guest() const override { return false; }
  Status Connect(const AgentAddress& address, Deadline deadline) override;
  void Close() override;
  Status Check(Deadline deadline) override;
  Result<AgentDetails> GetDetails(Deadline deadline) override;
  Result<GuestState> GetState(Deadline deadline) override;
  Status CreateSandbox(const SandboxConfig& config, Deadline deadline) override;
  Status DestroySandbox(Deadline deadline) override;
  Status SetGuestTime(Time time, Deadline deadline) override;
  Status ReseedRandom(std::string_view entropy, Deadline deadline) override;
  Status UpdateInterface(const NetworkInterface& interface, Deadline deadline) override;
  Status UpdateRoutes(const std::vector<NetworkInterface>& interfaces, Deadline deadline) override;
  Status CreateContainer(const GuestContainer& container, Deadline deadline) override;
  Status StartContainer(const std::string& container, Deadline deadline) override;
  Status RemoveContainer(const std::string& container, Deadline deadline) override;
  Status PauseContainer(const std::string& container, Deadline deadline) override;
  Status ResumeContainer(const std::string& container, Deadline deadline) override;
  Status UpdateContainer(const std::string& container, const ContainerResources& resources,
                         Deadline deadline) override;
  Result<ContainerStats> StatsContainer(const std::string& container, Deadline deadline) override;
  Result<std::vector<ProcessInfo>> ListProcesses(const std::string& container, Deadline deadline) override;
  Status CopyFile(const std::string& container, const FileChunk& chunk, Deadline deadline) override;
  void NextOom(Callback<std::string> done) override;
  Status ExecProcess(const ProcessRef& process, const ProcessConfig& config, Deadline deadline) override;
  Status SignalProcess(const ProcessRef& process, int signal, bool all, Deadline deadline) override;
  Status ResizeTerminal(const ProcessRef& process, uint16_t rows, uint16_t columns,
                        Deadline deadline) override;
  void WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) override;
  void AcknowledgeExits(const std::vector<ProcessRef>& processes) override;
  void ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                  Callback<std::string> done) override;
  void ReadOutputFrom(const ProcessRef& process, OutputStream stream, const OutputRange& range,
                      Callback<OutputPiece> done) override;
  void WriteStdin(const ProcessRef& process, const InputPosition& position, std::string data,
                  Deadline deadline, Callback<InputTaken> done) override;
  Status CloseStdin(const ProcessRef& process, const InputPosition& end, Deadline deadline) override;

 private:
  using Key = std::pair<std::string, std::string>;  // container, exec

  struct Reader {
    uint32_t size;
    std::optional<uint64_t> offset;  // of one that reads with offsets
    Callback<OutputPiece> done;
  };

  struct Process {
    bool started = false;
    bool terminal = false;
    bool cat = false;  // gives back what it is given
    bool stdin_closed = false;
    std::map<std::string, uint64_t> writers;  // how much has been taken of each
    std::optional<ExitStatus> exit;
    std::vector<std::string> args;
    std::string out;
    uint64_t out_base = 0;  // the offset of its first byte
    uint64_t err_base = 0;
    std::vector<Callback<ExitStatus>> waiters;
    std::vector<Reader> readers[2];
  };

  // Calls to be made once the lock is no longer held.
  using Calls = std::vector<std::function<void()>>;
  static void CallAll(const Calls& calls);

  // Legal only with mutex_ held.
  Status Open() const;
  Result<Process*> Find(const ProcessRef& process);
  static Status CheckPosition(const Process& process, const InputPosition& position);
  Result<InputTaken> Take(const ProcessRef& process, const InputPosition& position, const std::string& data,
                          Calls& calls);
  void Run(Process& process, const std::vector<std::string>& args, bool first, Calls& calls);
  void End(Process& process, int code, Calls& calls);
  void Kill(Process& process, Calls& calls);  // also one that was never started
  void EndExecs(const std::string& container, Calls& calls);
  void ForgetOldestExecs();
  Status CheckRunning(const std::string& container);
  void Feed(Process& process, Calls& calls);

  std::mutex mutex_;
  bool connected_ = false;
  bool closed_ = false;
  bool sandbox_ = false;
  std::string sandbox_id_;
  std::map<std::string, std::vector<std::string>> containers_;  // their commands
  std::set<std::string> paused_;
  std::map<std::string, uint64_t> copies_;  // how much is there of each
  Callback<std::string> oom_;               // for what never comes
  std::map<Key, Process> processes_;
  std::deque<Key> execs_;  // those that were executed, the oldest first
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_NOOP_NOOP_AGENT_H_
