// A connection to QEMU's monitor. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QMP_CLIENT_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QMP_CLIENT_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/unique_fd.h"
#include "hypervisor/qemu/qmp_codec.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Thread-safe: any number of commands at a time, each answered to the one who asked. Has a thread that reads.
class QmpClient {
 public:
  // Called on the reading thread, in the order in which things happened; must not block nor call the client.
  using EventHandler = std::function<void(const QmpEvent&)>;

  // Takes a connected socket, waits for the greeting and makes the monitor ready for commands.
  // Errors: DeadlineExceeded, also while another client has the monitor; Unavailable when QEMU closes the
  // connection.
  static Result<std::unique_ptr<QmpClient>> Open(UniqueFd socket, EventHandler on_event, Deadline deadline);

  // Breaks the connection.
  ~QmpClient();

  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  // QEMU's version, such as "7.2.22".
  const std::string& version() const { return version_; }

  // Errors: Unavailable once the connection has ended; DeadlineExceeded, and the command may then be carried
  // out yet; NotFound for a command this QEMU does not have; FailedPrecondition with QEMU's own words when it
  // refuses.
  Result<Json> Execute(std::string_view command, const Json& arguments, Deadline deadline) {
    return Execute(command, arguments, {}, deadline);
  }
  Result<Json> Execute(std::string_view command, Deadline deadline) {
    return Execute(command, nullptr, {}, deadline);
  }
  // The same with descriptors, which QEMU gets duplicates of: for "add-fd" and "getfd".
  Result<Json> Execute(std::string_view command, const Json& arguments, const std::vector<int>& descriptors,
                       Deadline deadline);

  // Blocks until the connection has ended, and all events that came before with it. False if the deadline
  // passes.
  bool WaitClosed(Deadline deadline);

 private:
  QmpClient(UniqueFd socket, EventHandler on_event);

  void ReadLoop();
  void Handle(QmpMessage message);
  void Close(Error why);
  // Until `ready` holds, with mutex_ held by `lock`.
  bool WaitFor(std::unique_lock<std::mutex>& lock, Deadline deadline, const std::function<bool()>& ready);
  Status Send(std::string_view line, const std::vector<int>& descriptors, Deadline deadline);

  const UniqueFd socket_;
  const EventHandler on_event_;
  std::string version_;  // written before Open returns

  std::mutex write_mutex_;  // a command is written as a whole
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::optional<QmpReply>> pending_;  // asked; empty until answered
  std::optional<QmpGreeting> greeting_;
  std::optional<Error> closed_;  // why the connection is of no use any more

  std::thread reader_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QMP_CLIENT_H_
