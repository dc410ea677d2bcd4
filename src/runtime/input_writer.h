// What a handle writes to its process's standard input, whichever monitor carries it. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_INPUT_WRITER_H_
#define VIRTCONTAINERS_SRC_RUNTIME_INPUT_WRITER_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "monitor.pb.h"
#include "runtime/monitor_link.h"

namespace virtcontainers {

// Counts the bytes that it writes and has a name of its own, so that the guest takes each of them once,
// however often it is sent. Thread-safe; writes of several threads take turns.
class InputWriter {
 public:
  // `answer`: how long after a call's deadline the guest is waited for to say how much it has taken.
  InputWriter(std::shared_ptr<MonitorLink> monitor, std::string container, std::string exec,
              std::chrono::nanoseconds answer = std::chrono::seconds(1));

  // As Process has them.
  Status Write(std::string_view data, Deadline deadline, size_t* taken);
  Status Close(Deadline deadline);

 private:
  // One caller at a time writes. Its turn ends when the pointer goes. (std::timed_mutex cannot be waited for
  // with a stop token, and the thread sanitizer does not know its clocks.)
  struct EndTurn {
    void operator()(InputWriter* writer) const;
  };
  using Turn = std::unique_ptr<InputWriter, EndTurn>;
  Result<Turn> TakeTurn(const Deadline& deadline);
  // The rest needs the turn.

  // Sends a piece, or asks how much has been taken if it is empty. How much of the piece has been taken.
  Result<wire::WriteResponse> Ask(std::string_view piece, Deadline deadline);
  // Finds out what became of a piece whose answer was not waited for.
  Status Resolve(Deadline deadline);
  // How many of the first bytes of `data` the process has from a call that timed out.
  size_t Claim(std::string_view data);
  wire::InputPosition Position(bool again) const;

  const std::shared_ptr<MonitorLink> monitor_;
  wire::ProcessRequest process_;
  const std::string name_;
  const std::chrono::nanoseconds answer_;
  std::mutex mutex_;
  std::condition_variable_any turn_ended_;
  bool busy_ = false;   // under mutex_: a caller has the turn
  uint64_t taken_ = 0;  // of the bytes sent, as far as the guest has said
  // Bytes sent from taken_ on, of which the guest has yet to say how many it has taken.
  std::string unanswered_;
  // The bytes before taken_ whose caller has yet to be told that they were taken.
  std::string ahead_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_INPUT_WRITER_H_
