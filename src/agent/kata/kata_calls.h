// How KataAgent's sources call the agent. Host only; private to this folder.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_KATA_CALLS_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_KATA_CALLS_H_

#include <memory>
#include <string>
#include <utility>

#include "agent/kata/kata_agent.h"
#include "base/errors.h"
#include "ttrpc/client.h"

namespace virtcontainers {

inline constexpr char kAgentService[] = "grpc.AgentService";
inline constexpr char kHealthService[] = "grpc.Health";
inline constexpr char kGuestService[] = "virtcontainers.Guest";

// For calls whose answer says no more than that it is done.
inline Status Done(Result<std::string> answer) {
  VC_RETURN_IF_ERROR(answer);
  return {};
}

template <typename Message>
Result<Message> Parse(Result<std::string> payload) {
  VC_RETURN_IF_ERROR(payload);
  Message message;
  if (!message.ParseFromString(*payload))
    return Fail(Code::kInternal, "the agent's answer cannot be understood");
  return message;
}

template <typename Request>
Request ForProcess(const ProcessRef& process) {
  Request request;
  request.set_container_id(process.container);
  request.set_exec_id(process.exec);
  return request;
}

template <typename Request>
Result<std::string> KataAgent::Call(const char* method, const Request& request, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<ttrpc::Client> to, client());
  return to->Call(kAgentService, method, request.SerializeAsString(), deadline);
}

template <typename Request>
Result<std::string> KataAgent::CallOwn(const char* method, const Request& request, const char* what,
                                       Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<ttrpc::Client> to, client());
  Result<std::string> answer = to->Call(kGuestService, method, request.SerializeAsString(), deadline);
  if (!answer && answer.error().code() == Code::kUnimplemented) {
    answer.error().AddContext(std::string("the guest's agent knows nothing of ") + what);
  }
  return answer;
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_KATA_CALLS_H_
