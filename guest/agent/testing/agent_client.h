// A client of the agent for tests: blocking calls, and calls whose answers come later.

#ifndef VIRTCONTAINERS_GUEST_AGENT_TESTING_AGENT_CLIENT_H_
#define VIRTCONTAINERS_GUEST_AGENT_TESTING_AGENT_CLIENT_H_

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "ttrpc/client.h"
#include "ttrpc/typed.h"
#include "types.pb.h"
#include "virtcontainers/deadline.h"

namespace virtcontainers::guest {

class AgentClient {
 public:
  explicit AgentClient(std::unique_ptr<Stream> stream) : client_(std::move(stream)) {}

  // The agent on a unix socket, without sessions.
  static Result<std::unique_ptr<AgentClient>> Connect(const std::string& path);

  template <typename Response = types::Empty, typename Request>
  Result<Response> Call(const char* method, const Request& request) {
    return ttrpc::CallMessage<Response>(client_, "grpc.AgentService", method, request, TestDeadline());
  }

  // A call of virtcontainers.Guest.
  template <typename Response = types::Empty, typename Request>
  Result<Response> CallGuest(const char* method, const Request& request) {
    return ttrpc::CallMessage<Response>(client_, "virtcontainers.Guest", method, request, TestDeadline());
  }

  template <typename Response = types::Empty, typename Request>
  std::future<Result<Response>> Start(const char* method, const Request& request) {
    return StartOf<Response>("grpc.AgentService", method, request);
  }
  template <typename Response = types::Empty, typename Request>
  std::future<Result<Response>> StartGuest(const char* method, const Request& request) {
    return StartOf<Response>("virtcontainers.Guest", method, request);
  }

  // Runs a command in a container (or in the guest, by the sandbox's id).
  Status Exec(const std::string& container, const std::string& exec_id,
              const std::vector<std::string>& arguments);
  // The exit status; -1 and a message if there is none.
  int Wait(const std::string& container, const std::string& exec_id);
  // Everything to the end of the stream ("ReadStdout" or "ReadStderr").
  std::string ReadToEnd(const std::string& container, const std::string& exec_id,
                        const char* method = "ReadStdout");
  // Exec, then all of standard output.
  std::string Output(const std::string& container, const std::vector<std::string>& arguments);

  ttrpc::Client& client() { return client_; }

 private:
  template <typename Response, typename Request>
  std::future<Result<Response>> StartOf(const char* service, const char* method, const Request& request) {
    auto promise = std::make_shared<std::promise<Result<Response>>>();
    auto future = promise->get_future();
    ttrpc::CallMessageAsync<Response>(
        client_, service, method, request, std::chrono::seconds(60),
        [promise](Result<Response> answer) { promise->set_value(std::move(answer)); });
    return future;
  }

  static Deadline TestDeadline() { return Deadline::After(std::chrono::seconds(60)); }

  ttrpc::Client client_;
  int next_exec_ = 0;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_TESTING_AGENT_CLIENT_H_
