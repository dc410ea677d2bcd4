// A process in a pod, reached through the pod's monitor. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_REMOTE_PROCESS_H_
#define VIRTCONTAINERS_SRC_RUNTIME_REMOTE_PROCESS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/errors.h"
#include "runtime/input_writer.h"
#include "runtime/monitor_link.h"
#include "runtime/output_reader.h"
#include "virtcontainers/process.h"

namespace virtcontainers {

class RemoteProcess final : public Process {
 public:
  // An empty `container` is the pod's own root; an empty `exec` a container's first process.
  RemoteProcess(std::shared_ptr<MonitorLink> monitor, std::string container, std::string exec)
      : monitor_(std::move(monitor)),
        container_(std::move(container)),
        exec_(std::move(exec)),
        input_(monitor_, container_, exec_) {}

  const std::string& id() const override { return exec_; }
  Result<size_t> ReadStdout(std::span<char> buffer, Deadline deadline) override;
  Result<size_t> ReadStderr(std::span<char> buffer, Deadline deadline) override;
  Result<ProcessOutput> ReadOutput(Deadline deadline) override;
  Result<int> fd() override;
  Status WriteStdin(std::string_view data, Deadline deadline, size_t* taken) override {
    return OrCancelled(deadline, input_.Write(data, deadline, taken));
  }
  Status CloseStdin(Deadline deadline) override { return OrCancelled(deadline, input_.Close(deadline)); }
  Result<ExitStatus> Wait(Deadline deadline) override;
  Status Signal(int signal, Deadline deadline) override;
  Status Resize(uint16_t rows, uint16_t columns, Deadline deadline) override;

 private:
  // What reads ahead, from the first call of ReadOutput or fd on.
  Result<OutputReader*> StartReader();
  OutputReader* Reader() const;
  Result<ExitStatus> WaitForExit(const Deadline& deadline);
  Result<size_t> Read(bool from_stderr, std::span<char> buffer, const Deadline& deadline);
  Result<size_t> ReadOnce(bool from_stderr, std::span<char> buffer, const Deadline& deadline);

  const std::shared_ptr<MonitorLink> monitor_;
  const std::string container_;
  const std::string exec_;
  // How far this has read; a monitor that takes over goes on there. None before the first piece.
  struct Position {
    std::mutex mutex;
    std::optional<uint64_t> next;  // under mutex
  };
  Position positions_[2];
  InputWriter input_;
  mutable std::mutex reader_mutex_;
  // Under reader_mutex_, until it has been made. Destroyed first: its threads use the other members.
  std::unique_ptr<OutputReader> reader_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_REMOTE_PROCESS_H_
