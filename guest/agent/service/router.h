// From the names on the wire to the functions that do it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SERVICE_ROUTER_H_
#define VIRTCONTAINERS_GUEST_AGENT_SERVICE_ROUTER_H_

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "guest/agent/link/connection.h"
#include "ttrpc/server_connection.h"

namespace virtcontainers::guest {

class Router {
 public:
  // `handler(Call, std::unique_ptr<Request>)` answers the call, now or later.
  template <typename Request, typename Handler>
  void Add(const char* service, const char* method, Handler handler) {
    methods_[{service, method}] = [handler = std::move(handler)](Call call, const std::string& payload) {
      auto request = std::make_unique<Request>();
      if (!request->ParseFromString(payload)) return call.Fail(Malformed());
      handler(std::move(call), std::move(request));
    };
  }

  // A method of the protocol that this agent does not have, and why.
  void AddUnimplemented(const char* service, const char* method, const char* reason);

  void Route(Call call, const ttrpc::ServerCall& request) const;

 private:
  static Error Malformed();

  using Method = std::function<void(Call call, const std::string& payload)>;
  std::map<std::pair<std::string, std::string>, Method> methods_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SERVICE_ROUTER_H_
