// A process of the guest that carries a connection, by calls of the agent. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_AGENT_STREAMS_H_
#define VIRTCONTAINERS_SRC_MONITOR_AGENT_STREAMS_H_

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "os/connection_pump.h"
#include "virtcontainers/agent.h"

namespace virtcontainers {

// Its calls fail once the agent is closed. The guest forgets the process when the object goes.
class AgentStreams : public ConnectionStreams {
 public:
  AgentStreams(std::shared_ptr<Agent> agent, ProcessRef process)
      : agent_(std::move(agent)), process_(std::move(process)) {}
  ~AgentStreams() override;

  Result<size_t> ReadStdout(std::span<char> buffer, Deadline deadline) override;
  Status WriteStdin(std::string_view data) override;
  void CloseStdin() override;
  bool HasEnded(Deadline deadline) override;
  void Kill() override;

 private:
  InputPosition Position() const;

  const std::shared_ptr<Agent> agent_;
  const ProcessRef process_;
  uint64_t written_ = 0;  // of the one thread that writes
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_AGENT_STREAMS_H_
