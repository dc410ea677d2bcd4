// A connection to a pod's monitor. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_MONITOR_CLIENT_H_
#define VIRTCONTAINERS_SRC_MONITOR_MONITOR_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>

#include "ttrpc/client.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Thread-safe. The messages are those of monitor.proto.
class MonitorClient {
 public:
  // Errors: Unavailable if no monitor listens there.
  static Result<std::shared_ptr<MonitorClient>> Connect(const std::string& socket, Deadline deadline);

  // Sends a message and waits for the answer's bytes.
  Result<std::string> Call(std::string_view method, std::string payload, Deadline deadline);

  // The connection is over, or about to be.
  bool closed() const { return client_.closed(); }

 private:
  explicit MonitorClient(std::unique_ptr<Stream> stream) : client_(std::move(stream)) {}

  ttrpc::Client client_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_MONITOR_CLIENT_H_
