#include "ttrpc/descriptor_offer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "os/poll.h"
#include "os/thread.h"

namespace virtcontainers::ttrpc {
namespace {

// One descriptor's worth of ancillary data.
union DescriptorMessage {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr header;
};

bool MayTake(int connection) {
  const Result<ucred> peer = UnixPeer(connection);
  return peer && MayCommand(peer->uid, ::geteuid());
}

void SendDescriptor(int connection, int fd) {
  char byte = 0;
  iovec data{&byte, 1};
  DescriptorMessage control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  // A taker that has gone needs nothing.
  while (::sendmsg(connection, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::unique_ptr<DescriptorOffer>> DescriptorOffer::Make(const std::string& path, int fd) {
  VC_ASSIGN_OR_RETURN(UnixListener listener, ListenUnix(path));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return FailErrno("eventfd");
  std::unique_ptr<DescriptorOffer> offer(new DescriptorOffer(std::move(listener), fd, std::move(stop)));
  VC_ASSIGN_OR_RETURN(offer->server_, StartThread([raw = offer.get()] { raw->Serve(); }));
  return offer;
}

DescriptorOffer::~DescriptorOffer() {
  if (!server_.joinable()) return;
  const uint64_t one = 1;
  while (::write(stop_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  server_.join();
}

void DescriptorOffer::Serve() {
  pollfd waiting[] = {{listener_.fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (true) {
    if (::poll(waiting, 2, -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    const UniqueFd connection(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection && MayTake(connection.get())) SendDescriptor(connection.get(), fd_);
  }
}

Result<UniqueFd> TakeDescriptor(const std::string& path, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const UniqueFd connection, ConnectUnix(path, deadline));
  if (!MayTake(connection.get())) {
    return Fail(Code::kPermissionDenied, "the descriptor at " + Quoted(path) + " is another user's offer");
  }
  VC_ASSIGN_OR_RETURN(const bool readable, WaitReadable(connection.get(), deadline));
  if (!readable) return Fail(Code::kDeadlineExceeded, "no descriptor came from " + Quoted(path));
  char byte;
  iovec data{&byte, 1};
  DescriptorMessage control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  ssize_t got;
  while ((got = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  const cmsghdr* const header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return Fail(Code::kUnavailable, "no descriptor came from " + Quoted(path));
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return UniqueFd(fd);
}

}  // namespace virtcontainers::ttrpc
