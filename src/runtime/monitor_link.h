// A pod's monitor, whichever process that is at the moment. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_MONITOR_LINK_H_
#define VIRTCONTAINERS_SRC_RUNTIME_MONITOR_LINK_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "monitor/monitor_client.h"

namespace virtcontainers {

// Whether a call whose monitor dies before it has answered is made once more, to its successor: it may have
// been carried out by then.
enum class Again { kNo, kYes };

// A connection that is made anew when the monitor at its other end has been replaced. Thread-safe.
class MonitorLink {
 public:
  // `restore` makes the pod have a monitor. Errors: Unavailable for a pod that does not run. `check`, if
  // given, says why a pod that stops has stopped: a monitor whose guest dies answers before the monitor knows
  // why.
  MonitorLink(std::string socket, std::function<Status(Deadline)> restore,
              std::function<Status(Deadline)> check = {})
      : socket_(std::move(socket)), restore_(std::move(restore)), check_(std::move(check)) {}

  // Sends a message and waits for the answer's bytes. Errors: the monitor's; those of `restore`; Unavailable
  // for a monitor that died, where the call is not to be made again.
  Result<std::string> Call(std::string_view method, const std::string& payload, Deadline deadline,
                           Again again);

  // The same with Again::kYes, for a message that tells a repeated call from the first: `payload` makes it.
  using Payload = std::function<std::string(bool again)>;
  Result<std::string> Call(std::string_view method, const Payload& payload, Deadline deadline);

  // Connects, if that has not been done.
  Status Connect(Deadline deadline);

 private:
  Result<std::shared_ptr<MonitorClient>> Client(Deadline deadline);
  Result<std::string> Call(std::string_view method, const Payload& payload, Deadline deadline, Again again);

  const std::string socket_;
  const std::function<Status(Deadline)> restore_;
  const std::function<Status(Deadline)> check_;
  std::mutex mutex_;
  std::shared_ptr<MonitorClient> client_;  // under mutex_
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_MONITOR_LINK_H_
