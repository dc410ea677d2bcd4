// A Stream over a file descriptor. Host only.

#ifndef VIRTCONTAINERS_SRC_TTRPC_FD_STREAM_H_
#define VIRTCONTAINERS_SRC_TTRPC_FD_STREAM_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/unique_fd.h"
#include "os/stream.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// A connected socket, one end of a pipe, or a character device. Threads: as Stream says; callers of Write
// take turns. The descriptor is closed by the destructor, so that no thread ever uses a number that has been
// given away.
class FdStream final : public Stream {
 public:
  // Makes the descriptor non-blocking if it is no socket, which everyone who shares it sees. Errors: those of
  // the system.
  static Result<std::unique_ptr<FdStream>> Create(UniqueFd fd);

  // The other side's end is 0. Errors: UNAVAILABLE for a broken connection; CANCELLED after Shutdown.
  Result<size_t> Read(std::span<char> buffer) override;

  // A peer that has gone is UNAVAILABLE, never a SIGPIPE. After an error some of the bytes may have been
  // written.
  Status Write(std::string_view bytes) override;

  // Also ends the connection of a socket: the peer sees it at once.
  void Shutdown() override;

  int fd() const { return fd_.get(); }

 private:
  FdStream(UniqueFd fd, UniqueFd wake, bool socket);

  Status Wait(short events) const;
  ssize_t WriteSome(std::string_view bytes) const;

  const UniqueFd fd_;
  const UniqueFd wake_;  // an eventfd: readable after Shutdown
  const bool socket_;
  std::atomic<bool> shut_{false};
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_FD_STREAM_H_
