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

// Waits for each process once, keeps its exit status for any number of callers, and hands its output to those
// who read, in order: what was taken from the guest for a reader that gave up is kept for the next one.
// Thread-safe. Holds no lock while it calls the agent or a callback.
class ProcessTable {
 public:
  template <typename T>
  using Callback = Agent::Callback<T>;

  // How many ended processes without a first-process's name are remembered, for those who have yet to ask.
  static constexpr size_t kMaxEnded = 1024;

  explicit ProcessTable(std::shared_ptr<Agent> agent) : agent_(std::move(agent)) {}

  // Starts to wait for a process that runs. `on_exit` is called once, before any waiter; with an error if the
  // agent is lost. A process of that name from an earlier start is forgotten.
  void Add(const ProcessRef& process, bool readable, std::function<void(const Result<ExitStatus>&)> on_exit);

  // Forgets a container's processes; their waiters get Unavailable.
  void Remove(const std::string& container);

  // Answers when the process has ended. Errors: NotFound; Unavailable once the agent is lost.
  void Wait(const ProcessRef& process, Callback<ExitStatus> done);

  // Answers with 1 to `size` bytes, or none at the stream's end. Readers of one stream are served in order.
  // Errors: NotFound; FailedPrecondition for a process whose output goes to its log; DeadlineExceeded, from
  // Expire.
  void Read(const ProcessRef& process, OutputStream stream, uint32_t size, Deadline deadline,
            Callback<std::string> done);

  // Answers the readers whose deadline has passed; when the next one's will be.
  Deadline Expire();

  // Whether it is known. Errors: NotFound.
  Status Check(const ProcessRef& process) const;

 private:
  struct Reader {
    uint32_t size;
    Deadline deadline;
    Callback<std::string> done;
  };

  struct Stream {
    std::string pending;  // taken from the guest, and by nobody yet
    bool reading = false;
    bool ended = false;
    std::optional<Error> error;
    std::deque<Reader> readers;
  };

  struct Process {
    ProcessRef ref;
    bool readable = false;
    std::optional<Result<ExitStatus>> exit;
    std::vector<Callback<ExitStatus>> waiters;
    Stream streams[2];
  };

  using Key = std::pair<std::string, std::string>;
  using Calls = std::vector<std::function<void()>>;

  static Key KeyOf(const ProcessRef& process) { return Key(process.container, process.exec); }
  Error Unknown(const ProcessRef& process) const;

  // With mutex_ held: serves readers with what is there. True if the agent is to be asked for more.
  bool Serve(Stream& stream, Calls& calls);
  void Forget(std::map<Key, std::shared_ptr<Process>>::iterator entry, Calls& calls);
  void ForgetOldest(Calls& calls);

  // Without it.
  void Fetch(const std::shared_ptr<Process>& process, OutputStream stream);
  void Ended(const std::shared_ptr<Process>& process, Result<ExitStatus> exit,
             const std::function<void(const Result<ExitStatus>&)>& on_exit);

  const std::shared_ptr<Agent> agent_;
  mutable std::mutex mutex_;
  std::map<Key, std::shared_ptr<Process>> processes_;
  std::deque<std::weak_ptr<Process>> ended_;  // in the order of their ends
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_PROCESS_TABLE_H_
