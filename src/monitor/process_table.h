// The processes of a pod that somebody may wait for, read from and write to. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_PROCESS_TABLE_H_
#define VIRTCONTAINERS_SRC_MONITOR_PROCESS_TABLE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "virtcontainers/agent.h"
#include "virtcontainers/deadline.h"

namespace virtcontainers {

// Output has offsets (OutputRange): the guest keeps what no reader has acknowledged, for the monitor that
// comes after one that died. A reader acknowledges what it has been answered by asking again, and says how
// far it has come: where the next monitor goes on. That is for one reader of a stream at a time; of several
// at once, what was on its way to one when the monitor died may be another's, or may come twice.
//
// Waits for each process once, keeps its exit status for any number of callers, and hands its output to those
// who read, in order: what was taken from the guest for a reader that gave up is kept for the next one. Of a
// stream that is read one piece is fetched ahead, 256 KiB at most and of 32 streams at a time.
// Thread-safe. Holds no lock while it calls the agent or a callback.
class ProcessTable {
 public:
  template <typename T>
  using Callback = Agent::Callback<T>;

  // How many ended processes without a first-process's name are remembered, for those who have yet to ask.
  // Those whose end somebody has asked for and been told are forgotten first.
  static constexpr size_t kMaxEnded = 1024;
  // So many exit statuses that have been told are acknowledged to the guest at once.
  static constexpr size_t kAcknowledged = 16;

  // Called once with a process's end, or with an error if the agent is lost, on a thread of the agent's: must
  // not block. Waiters are told when it calls `tell`, on whatever thread.
  using OnExit = std::function<void(const Result<ExitStatus>& exit, std::function<void()> tell)>;

  explicit ProcessTable(std::shared_ptr<Agent> agent) : agent_(std::move(agent)) {}

  // The agent has been closed. Waiters and readers that are left get Unavailable.
  ~ProcessTable();

  // Starts to wait for a process that runs. A process of that name from an earlier start is forgotten.
  void Add(const ProcessRef& ref, bool readable, OnExit on_exit);

  // Forgets a container's processes; their waiters get Unavailable.
  void Remove(const std::string& container);

  // Answers when the process has ended. A caller that has gone by then (its `gone` says so) has not been
  // told. Errors: NotFound; Unavailable once the agent is lost; DeadlineExceeded, from Expire.
  void Wait(const ProcessRef& ref, Deadline deadline, Callback<ExitStatus> done,
            std::function<bool()> gone = {});

  // Answers with 1 to `size` bytes, or none at the stream's end. Readers of one stream are served in order;
  // one that has gone by then (its `gone` says so) is passed over, and what it would have had is the next
  // one's. Errors: NotFound; FailedPrecondition for a process whose output goes to its log; DeadlineExceeded,
  // from Expire.
  // `acknowledged`: how far the reader has come, if it has been answered before, perhaps by another monitor.
  void Read(const ProcessRef& ref, OutputStream which, uint32_t size, Deadline deadline,
            Callback<OutputPiece> done, std::function<bool()> gone = {},
            std::optional<uint64_t> acknowledged = {});

  // Answers the readers and waiters whose deadline has passed; when the next one's will be.
  Deadline Expire();

  // Whether it is known. Errors: NotFound.
  Status Check(const ProcessRef& process) const;

 private:
  struct Reader {
    uint32_t size;
    Deadline deadline;
    Callback<OutputPiece> done;
    std::function<bool()> gone;
  };

  struct Stream {
    std::string pending;  // taken from the guest, and by nobody yet
    // Where that begins; nothing until the guest or a reader has said it.
    std::optional<uint64_t> next;
    uint64_t acknowledged = 0;  // by readers
    bool reading = false;
    bool followed = false;        // somebody reads it
    std::shared_ptr<void> ahead;  // held while something was or is fetched that nobody has asked for
    bool ended = false;
    std::optional<Error> error;
    std::deque<Reader> readers;
  };

  struct Waiter {
    Deadline deadline;
    Callback<ExitStatus> done;
    std::function<bool()> gone;
  };

  struct Process {
    ProcessRef ref;
    bool readable = false;
    std::optional<Result<ExitStatus>> exit;
    std::vector<Waiter> waiters;
    bool told = false;  // to somebody who waited
    Stream streams[2];
  };

  using Key = std::pair<std::string, std::string>;
  using Calls = std::vector<std::function<void()>>;

  static Key KeyOf(const ProcessRef& process) { return Key(process.container, process.exec); }
  static void Acknowledge(Stream& stream, std::optional<uint64_t> acknowledged);
  static void Take(Stream& stream, const Result<OutputPiece>& piece, Calls& calls);
  static OutputRange Range(const Stream& stream, uint32_t size);
  Error Unknown(const ProcessRef& process) const;

  // With mutex_ held: serves readers with what is there. How much the agent is to be asked for; 0 for
  // nothing.
  uint32_t Serve(Stream& stream, Calls& calls);
  void Forget(std::map<Key, std::shared_ptr<Process>>::iterator entry, Calls& calls);
  void ForgetOldest(Calls& calls);
  void NoteTold(Process& process, Calls& calls);

  // Without it.
  void Fetch(const std::shared_ptr<Process>& process, OutputStream which, const OutputRange& range);
  void Ended(const std::shared_ptr<Process>& process, const Result<ExitStatus>& exit);

  const std::shared_ptr<Agent> agent_;
  mutable std::mutex mutex_;
  std::map<Key, std::shared_ptr<Process>> processes_;
  std::deque<std::weak_ptr<Process>> ended_;  // in the order of their ends
  std::vector<ProcessRef> told_;              // to be acknowledged
  const std::shared_ptr<void> ahead_ = std::make_shared<char>();
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_PROCESS_TABLE_H_
