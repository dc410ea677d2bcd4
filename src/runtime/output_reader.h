// Reads both outputs of a process ahead and waits for its exit, so that a caller can wait for all at once.
// Host only.
//
// Its one job: it keeps one piece of each output, and the exit, until a caller takes them, and keeps a
// descriptor readable while there is something that no caller has taken.
//
// One mutex protects all members; it is not held while the process is asked. There is a thread for each
// output, and one for the exit from the first call of fd() on. The destructor stops the token of their calls,
// and joins them.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_OUTPUT_READER_H_
#define VIRTCONTAINERS_SRC_RUNTIME_OUTPUT_READER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/process.h"

namespace virtcontainers {

// Thread-safe. Each call returns what is there even if its deadline has passed.
class OutputReader {
 public:
  // The size of a piece: what is read ahead of each output.
  static constexpr size_t kPiece = 64 << 10;

  // How the process is asked. Both block, and return soon after the deadline's token has been stopped.
  struct Source {
    std::function<Result<size_t>(bool from_stderr, std::span<char> buffer, const Deadline& deadline)> read;
    std::function<Result<ExitStatus>(const Deadline& deadline)> wait;
  };

  // Begins to read. Errors: ResourceExhausted without threads.
  static Result<std::unique_ptr<OutputReader>> Start(Source source);

  ~OutputReader();
  OutputReader(const OutputReader&) = delete;
  OutputReader& operator=(const OutputReader&) = delete;

  // As Process::ReadOutput.
  Result<ProcessOutput> Read(const Deadline& deadline);

  // As Process::ReadStdout and Process::ReadStderr.
  Result<size_t> ReadFrom(bool from_stderr, std::span<char> buffer, const Deadline& deadline);

  // As Process::Wait; blocks until `deadline` if fd() has not been called.
  Result<ExitStatus> Wait(const Deadline& deadline);

  // As Process::fd. Begins to wait for the exit. Errors: ResourceExhausted without a thread or descriptor.
  Result<int> fd();

  // Whether fd() has been called, so that Wait answers.
  bool waits_for_exit() const;

 private:
  // What a thread has been told by the process. The thread goes on when a caller has taken it.
  struct Slot {
    bool ended = false;  // of an output: it has ended; of the exit: it is known. The thread has ended
    std::optional<Error> error;
    bool told = false;  // a caller has got the end or the error
  };
  struct Output : Slot {
    std::string data;
    uint64_t arrival = 0;  // numbers the pieces of both outputs in the order of their arrival
  };

  explicit OutputReader(Source source) : source_(std::move(source)) {}

  void ReadAhead(bool from_stderr);
  void AwaitExit();
  Status StartThread(std::function<void()> body);

  // The rest needs mutex_.

  // Takes an error that no caller has got. If there is none, forgets those that a caller has got: the process
  // is asked again.
  std::optional<Error> TakeError(std::initializer_list<Slot*> slots);
  // Takes up to `size` bytes.
  std::string TakeData(Output& output, size_t size);
  // Makes the descriptor readable, or not, and wakes all who wait.
  void Changed();
  bool WaitForChange(std::unique_lock<std::mutex>& lock, const Deadline& deadline);

  const Source source_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Output outputs_[2];
  uint64_t arrivals_ = 0;
  Slot exit_;
  ExitStatus exit_status_;  // if exit_.ended
  bool waits_for_exit_ = false;
  UniqueFd event_;  // an eventfd, from the first call of fd() on
  bool readable_ = false;
  uint64_t changes_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_OUTPUT_READER_H_
