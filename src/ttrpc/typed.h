// Calls by message rather than by bytes.

#ifndef VIRTCONTAINERS_SRC_TTRPC_TYPED_H_
#define VIRTCONTAINERS_SRC_TTRPC_TYPED_H_

#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "ttrpc/client.h"
#include "ttrpc/message.h"

namespace virtcontainers::ttrpc {

// Client::Call with messages: `CallMessage<grpc::WaitProcessResponse>(client, "grpc.AgentService",
// "WaitProcess", request, deadline)`. A response that does not parse is INTERNAL.
template <typename Response, typename Request>
Result<Response> CallMessage(Client& client, std::string_view service, std::string_view method,
                             const Request& request, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::string payload,
                      client.Call(service, method, SerializeMessage(request), deadline));
  return ParseMessage<Response>(payload, Code::kInternal);
}

// Client::CallAsync with messages; `callback` takes a Result<Response>.
template <typename Response, typename Request, typename Callback>
void CallMessageAsync(Client& client, std::string_view service, std::string_view method,
                      const Request& request, std::chrono::nanoseconds timeout, Callback callback) {
  client.CallAsync(service, method, SerializeMessage(request), timeout,
                   [callback = std::move(callback)](Result<std::string> payload) mutable {
                     if (!payload) return callback(Result<Response>(Fail(std::move(payload.error()))));
                     callback(ParseMessage<Response>(*payload, Code::kInternal));
                   });
}

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_TYPED_H_
