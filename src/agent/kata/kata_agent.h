// The client of an agent that speaks Kata's protocol: ours, or a stock one. Host only.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_KATA_AGENT_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_KATA_AGENT_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "os/stream.h"
#include "virtcontainers/agent.h"

namespace virtcontainers {

namespace ttrpc {
class Client;
}

// Thread-safe. Over virtio-serial a session is marked in the port's bytes (link/session_codec.h), over vsock
// a connection is one.
class KataAgent final : public Agent {
 public:
  // As ConnectAgent (connect.h) has it, which is the default: for agents that are reached in other ways.
  using Connector = std::function<Result<std::unique_ptr<Stream>>(
      const AgentAddress& address, const std::function<bool()>& cancelled, Deadline deadline)>;

  KataAgent();
  explicit KataAgent(Connector connector);
  ~KataAgent() override;

  std::string_view name() const override { return "kata"; }
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
  // Whether all callbacks of a connection have been run.
  struct Ending;

  // The connection, or why there is none.
  Result<std::shared_ptr<ttrpc::Client>> client() const;

  // The answer of the agent's service.
  template <typename Request>
  Result<std::string> Call(const char* method, const Request& request, Deadline deadline);

  // The answer of our own service, which not every agent has: `what` it is needed for.
  template <typename Request>
  Result<std::string> CallOwn(const char* method, const Request& request, const char* what,
                              Deadline deadline);

  // ReadOutputFrom, where the agent keeps nothing: what it says first is what was asked for first.
  void ReadPlain(const ProcessRef& process, OutputStream stream, std::optional<uint64_t> from, uint32_t size,
                 Callback<OutputPiece> done);

  // WriteStdin, where the agent counts nothing.
  void WritePlain(const ProcessRef& process, const InputPosition& position, std::string data,
                  Deadline deadline, Callback<InputTaken> done);

  // Whether the agent counts input: it has our own service, or no more than Kata's.
  enum class Counting { kUnknown, kOwn, kNone };
  Counting counting() const;
  void SetCounting(Counting counting);

  const Connector connector_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::shared_ptr<ttrpc::Client> client_;
  std::shared_ptr<Ending> ending_;
  bool plain_ = false;                      // the agent knows nothing of offsets of output; under mutex_
  Counting counting_ = Counting::kUnknown;  // under mutex_
  // How much has been read of its streams; under mutex_.
  std::map<std::tuple<std::string, std::string, OutputStream>, uint64_t> counted_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_KATA_AGENT_H_
