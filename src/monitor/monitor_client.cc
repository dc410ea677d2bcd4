#include "monitor/monitor_client.h"

#include "base/errors.h"
#include "monitor/service.h"
#include "ttrpc/fd_stream.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {

Result<std::shared_ptr<MonitorClient>> MonitorClient::Connect(const std::string& socket, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(UniqueFd fd, ttrpc::ConnectUnix(socket, deadline));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> stream, ttrpc::FdStream::Create(std::move(fd)));
  return std::shared_ptr<MonitorClient>(new MonitorClient(std::move(stream)));
}

Result<std::string> MonitorClient::Call(std::string_view method, std::string payload, Deadline deadline) {
  return client_.Call(kMonitorService, method, std::move(payload), deadline);
}

}  // namespace virtcontainers
