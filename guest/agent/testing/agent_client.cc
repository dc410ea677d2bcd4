#include "guest/agent/testing/agent_client.h"

#include <iostream>

#include "base/errors.h"
#include "ttrpc/fd_stream.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers::guest {

Result<std::unique_ptr<AgentClient>> AgentClient::Connect(const std::string& path) {
  VC_ASSIGN_OR_RETURN(UniqueFd socket, ttrpc::ConnectUnix(path, TestDeadline()));
  VC_ASSIGN_OR_RETURN(auto stream, ttrpc::FdStream::Create(std::move(socket)));
  return std::make_unique<AgentClient>(std::move(stream));
}

Status AgentClient::Exec(const std::string& container, const std::string& exec_id,
                         const std::vector<std::string>& arguments) {
  grpc::ExecProcessRequest request;
  request.set_container_id(container);
  request.set_exec_id(exec_id);
  for (const std::string& argument : arguments) request.mutable_process()->add_args(argument);
  VC_RETURN_IF_ERROR(Call("ExecProcess", request));
  return {};
}

int AgentClient::Wait(const std::string& container, const std::string& exec_id) {
  grpc::WaitProcessRequest request;
  request.set_container_id(container);
  request.set_exec_id(exec_id);
  const auto response = Call<grpc::WaitProcessResponse>("WaitProcess", request);
  if (response) return response->status();
  std::cerr << "wait: " << response.error().ToString() << "\n";
  return -1;
}

std::string AgentClient::ReadToEnd(const std::string& container, const std::string& exec_id,
                                   const char* method) {
  grpc::ReadStreamRequest request;
  request.set_container_id(container);
  request.set_exec_id(exec_id);
  request.set_len(32 << 10);
  std::string all;
  for (;;) {
    const auto response = Call<grpc::ReadStreamResponse>(method, request);
    if (!response) return all + "[" + response.error().ToString() + "]";
    if (response->data().empty()) return all;
    all += response->data();
  }
}

std::string AgentClient::Output(const std::string& container, const std::vector<std::string>& arguments) {
  const std::string exec_id = "output" + std::to_string(next_exec_++);
  if (auto status = Exec(container, exec_id, arguments); !status)
    return "[" + status.error().ToString() + "]";
  std::string output = ReadToEnd(container, exec_id);
  Wait(container, exec_id);
  return output;
}

}  // namespace virtcontainers::guest
