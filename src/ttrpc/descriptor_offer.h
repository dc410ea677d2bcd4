// Handing a descriptor over to another process of the same user. Host only.

#ifndef VIRTCONTAINERS_SRC_TTRPC_DESCRIPTOR_OFFER_H_
#define VIRTCONTAINERS_SRC_TTRPC_DESCRIPTOR_OFFER_H_

#include <memory>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "ttrpc/unix_socket.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// Gives duplicates of a descriptor to every process of the same user, or of root, that connects to a socket,
// for as long as the object lives. Has a thread of its own.
class DescriptorOffer {
 public:
  // `fd` is borrowed for the life of the object. Errors: those of ListenUnix.
  static Result<std::unique_ptr<DescriptorOffer>> Make(const std::string& path, int fd);

  ~DescriptorOffer();
  DescriptorOffer(const DescriptorOffer&) = delete;
  DescriptorOffer& operator=(const DescriptorOffer&) = delete;

  const std::string& path() const { return listener_.path(); }

 private:
  DescriptorOffer(UnixListener listener, int fd, UniqueFd stop)
      : listener_(std::move(listener)), fd_(fd), stop_(std::move(stop)) {}
  void Serve();

  const UnixListener listener_;
  const int fd_;
  const UniqueFd stop_;  // an eventfd
  std::thread server_;
};

// Takes the descriptor that is offered at `path`. Blocks until `deadline`. Errors: those of ConnectUnix;
// PermissionDenied for an offer of another user.
Result<UniqueFd> TakeDescriptor(const std::string& path, Deadline deadline);

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_DESCRIPTOR_OFFER_H_
