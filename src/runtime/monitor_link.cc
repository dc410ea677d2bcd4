#include "runtime/monitor_link.h"

#include <chrono>
#include <thread>

#include "base/errors.h"

namespace virtcontainers {
namespace {

// Between two looks at a monitor that is on its way up or down.
constexpr std::chrono::milliseconds kPause{5};

}  // namespace

Result<std::shared_ptr<MonitorClient>> MonitorLink::Client(Deadline deadline) {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (client_ && !client_->closed()) return client_;
      client_.reset();
    }
    Result<std::shared_ptr<MonitorClient>> client = MonitorClient::Connect(socket_, deadline);
    if (client) {
      const std::lock_guard lock(mutex_);
      client_ = *client;
      return client;
    }
    if (client.error().code() != Code::kUnavailable) return client;
    VC_RETURN_IF_ERROR(restore_(deadline));
    if (deadline.passed()) return Fail(Code::kDeadlineExceeded, "the pod's monitor cannot be reached");
    std::this_thread::sleep_for(kPause);
  }
}

Status MonitorLink::Connect(Deadline deadline) {
  VC_RETURN_IF_ERROR(Client(deadline));
  return {};
}

Result<std::string> MonitorLink::Call(std::string_view method, const std::string& payload, Deadline deadline,
                                      Again again) {
  return Call(
      method, [&](bool) { return payload; }, deadline, again);
}

Result<std::string> MonitorLink::Call(std::string_view method, const Payload& payload, Deadline deadline) {
  return Call(method, payload, deadline, Again::kYes);
}

Result<std::string> MonitorLink::Call(std::string_view method, const Payload& payload, Deadline deadline,
                                      Again again) {
  for (bool repeated = false;; repeated = true) {
    VC_ASSIGN_OR_RETURN(const std::shared_ptr<MonitorClient> client, Client(deadline));
    Result<std::string> answer = client->Call(method, payload(repeated), deadline);
    if (answer || answer.error().code() != Code::kUnavailable) return answer;
    if (!client->closed()) {
      // The monitor lives, and the guest does not answer it: the pod may be stopping.
      if (check_ && answer.error().reason() == Reason::kNone) VC_RETURN_IF_ERROR(check_(deadline));
      return answer;
    }
    if (again == Again::kNo) {
      return Fail(Code::kUnavailable, Reason::kMonitorDied,
                  "the pod's monitor died during the call, which may or may not have had its effect: check "
                  "the status, and try again");
    }
  }
}

}  // namespace virtcontainers
