#include "monitor/monitor_client.h"

#include <sys/stat.h>

#include "base/errors.h"
#include "monitor/service.h"
#include "os/file.h"
#include "os/own_file.h"
#include "ttrpc/fd_stream.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {

Result<std::shared_ptr<MonitorClient>> MonitorClient::Connect(const std::string& socket, Deadline deadline) {
  struct stat info {};
  if (!IsOwnDirectory(ParentOf(socket)) || ::lstat(socket.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return Fail(Code::kUnavailable, "no monitor listens at " + Quoted(socket));
  }
  VC_ASSIGN_OR_RETURN(UniqueFd fd, ttrpc::ConnectUnix(socket, deadline));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> stream, ttrpc::FdStream::Create(std::move(fd)));
  return std::shared_ptr<MonitorClient>(new MonitorClient(std::move(stream)));
}

Result<std::string> MonitorClient::Call(std::string_view method, std::string payload, Deadline deadline) {
  return client_.Call(kMonitorService, method, std::move(payload), deadline);
}

}  // namespace virtcontainers
