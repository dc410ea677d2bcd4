// The client of an agent that speaks Kata's protocol: ours, or a stock one. Host only.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_KATA_AGENT_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_KATA_AGENT_H_

#include <memory>
#include <mutex>

#include "virtcontainers/agent.h"

namespace virtcontainers {

namespace ttrpc {
class Client;
}

// Thread-safe. Over virtio-serial a session is marked in the port's bytes (link/session_codec.h), over vsock
// a connection is one.
class KataAgent final : public Agent {
 public:
  KataAgent();
  ~KataAgent() override;

  std::string_view name() const override { return "kata"; }
  Status Connect(const AgentAddress& address, Deadline deadline) override;
  void Close() override;
  Status Check(Deadline deadline) override;
  Result<AgentDetails> GetDetails(Deadline deadline) override;
  Status CreateSandbox(const SandboxConfig& config, Deadline deadline) override;
  Status DestroySandbox(Deadline deadline) override;
  Status SetGuestTime(Time time, Deadline deadline) override;
  Status ReseedRandom(std::string_view entropy, Deadline deadline) override;
  Status CreateContainer(const GuestContainer& container, Deadline deadline) override;
  Status StartContainer(const std::string& container, Deadline deadline) override;
  Status RemoveContainer(const std::string& container, Deadline deadline) override;
  Status ExecProcess(const ProcessRef& process, const ProcessConfig& config, Deadline deadline) override;
  Status SignalProcess(const ProcessRef& process, int signal, bool all, Deadline deadline) override;
  Status ResizeTerminal(const ProcessRef& process, uint16_t rows, uint16_t columns,
                        Deadline deadline) override;
  void WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) override;
  void ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                  Callback<std::string> done) override;
  void WriteStdin(const ProcessRef& process, std::string data, Callback<void> done) override;
  Status CloseStdin(const ProcessRef& process, Deadline deadline) override;

 private:
  // The connection, or why there is none.
  Result<std::shared_ptr<ttrpc::Client>> client() const;

  // Calls the agent's service and forgets the answer, if it is a good one.
  template <typename Request>
  Status Call(const char* method, const Request& request, Deadline deadline);

  mutable std::mutex mutex_;
  bool closed_ = false;
  std::shared_ptr<ttrpc::Client> client_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_KATA_AGENT_H_
