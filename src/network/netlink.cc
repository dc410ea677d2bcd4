#include "network/netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "base/errors.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxRequest = 16384;
constexpr int kMaxInterrupted = 20;

// libnl's errors, where they have one of the system behind them that a caller would branch on.
Error LibraryError(std::string_view what, int error) {
  const int code = error < 0 ? -error : error;
  const int number = code == NLE_NOMEM ? ENOMEM : code == NLE_PERM ? EPERM : code == NLE_AGAIN ? EAGAIN : EIO;
  return Error(CodeFromErrno(number), std::string(what) + ": " + ::nl_geterror(error));
}

// netlink(7), NLM_F_ACK_TLVS: what the kernel says follows the error, and the request if that was not cut.
Netlink::Verdict ReadVerdict(const nlmsghdr* header) {
  const auto* error = static_cast<const nlmsgerr*>(::nlmsg_data(header));
  Netlink::Verdict verdict{-error->error, {}};
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return verdict;
  size_t at = sizeof(nlmsgerr);
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) at += error->msg.nlmsg_len - sizeof(nlmsghdr);
  const size_t size = static_cast<size_t>(::nlmsg_datalen(header));
  if (at >= size) return verdict;
  const NetlinkAttributes attributes(
      std::string_view(static_cast<const char*>(::nlmsg_data(header)) + at, size - at));
  verdict.text = attributes.Text(NLMSGERR_ATTR_MSG);
  return verdict;
}

}  // namespace

void NetlinkRequest::Free::operator()(nl_msg* message) const { ::nlmsg_free(message); }
void Netlink::Free::operator()(nl_sock* socket) const { ::nl_socket_free(socket); }

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags) : message_(::nlmsg_alloc_size(kMaxRequest)) {
  complete_ = message_ != nullptr && ::nlmsg_put(message_.get(), NL_AUTO_PORT, NL_AUTO_SEQ, type, 0,
                                                 flags | NLM_F_REQUEST | NLM_F_ACK) != nullptr;
}

void NetlinkRequest::PutBytes(int attribute, const void* data, size_t size) {
  complete_ = complete_ && ::nla_put(message_.get(), attribute, static_cast<int>(size), data) == 0;
}

void NetlinkRequest::Append(const void* data, size_t size) {
  // nlmsg_append takes no pointer to const, and copies.
  complete_ = complete_ && ::nlmsg_append(message_.get(), const_cast<void*>(data), size, NLMSG_ALIGNTO) == 0;
}

void NetlinkRequest::Nest(int attribute, const std::function<void()>& content) {
  if (!complete_) return;
  nlattr* nest = ::nla_nest_start(message_.get(), attribute);
  if (nest == nullptr) {
    complete_ = false;
    return;
  }
  content();
  // Not nla_nest_end, which takes away an attribute with no content.
  if (complete_) ::nla_nest_end_keep_empty(message_.get(), nest);
}

NetlinkAttributes::NetlinkAttributes(std::string_view bytes) {
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  int left = static_cast<int>(bytes.size());
  while (::nla_ok(attribute, left)) {
    values_[::nla_type(attribute)] = {static_cast<const char*>(::nla_data(attribute)),
                                      static_cast<size_t>(::nla_len(attribute))};
    attribute = ::nla_next(attribute, &left);
  }
}

std::string_view NetlinkAttributes::Bytes(int attribute) const {
  const auto found = values_.find(attribute);
  return found == values_.end() ? std::string_view() : found->second;
}

std::string NetlinkAttributes::Text(int attribute) const {
  const std::string_view bytes = Bytes(attribute);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

Error NetlinkError(std::string_view what, const Netlink::Verdict& verdict) {
  std::string text(what);
  const Error error = ErrnoError(text, verdict.error);
  std::string message = error.message();
  if (!verdict.text.empty()) message += " (" + verdict.text + ")";
  if (verdict.error == EPERM) message += ": this needs CAP_NET_ADMIN in the network namespace";
  return Error(error.code(), std::move(message));
}

Result<Netlink> Netlink::Open() {
  Netlink netlink(::nl_socket_alloc());
  if (netlink.socket_ == nullptr) return FailErrno("open a netlink socket", ENOMEM);
  nl_sock* socket = netlink.socket_.get();
  if (const int error = ::nl_connect(socket, NETLINK_ROUTE); error < 0)
    return Fail(LibraryError("open a netlink socket", error));
  const int on = 1;
  const int fd = ::nl_socket_get_fd(socket);
  // Without these the kernel says less; nothing else depends on them.
  ::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  ::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  return netlink;
}

Result<Netlink::Verdict> Netlink::Exchange(NetlinkRequest& request, const Each& each, bool& interrupted) {
  if (!request.complete_) return Fail(Code::kInternal, "a netlink request is too large");
  nl_sock* socket = socket_.get();
  if (const int sent = ::nl_send_auto(socket, request.message_.get()); sent < 0)
    return Fail(LibraryError("send a netlink request", sent));
  const uint32_t sequence = ::nlmsg_hdr(request.message_.get())->nlmsg_seq;
  while (true) {
    sockaddr_nl from{};
    unsigned char* buffer = nullptr;
    const int size = ::nl_recv(socket, &from, &buffer, nullptr);
    if (size == -NLE_INTR) continue;
    if (size <= 0) return Fail(LibraryError("read a netlink answer", size == 0 ? -NLE_FAILURE : size));
    const std::unique_ptr<unsigned char, decltype(&::free)> owned(buffer, &::free);
    int left = size;
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); ::nlmsg_ok(header, left);
         header = ::nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence) continue;
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (header->nlmsg_type == NLMSG_ERROR) return ReadVerdict(header);
      if (header->nlmsg_type == NLMSG_DONE) return Verdict{};
      if (each) {
        each(header->nlmsg_type, std::string_view(static_cast<const char*>(::nlmsg_data(header)),
                                                  static_cast<size_t>(::nlmsg_datalen(header))));
      }
    }
  }
}

Result<Netlink::Verdict> Netlink::Ask(NetlinkRequest& request) {
  bool interrupted = false;
  return Exchange(request, nullptr, interrupted);
}

Status Netlink::Do(NetlinkRequest& request, std::string_view what) {
  VC_ASSIGN_OR_RETURN(const Verdict verdict, Ask(request));
  if (verdict.error != 0) return Fail(NetlinkError(what, verdict));
  return {};
}

Status Netlink::Dump(const std::function<NetlinkRequest()>& request, std::string_view what,
                     const std::function<void()>& begin, const Each& each) {
  for (int attempt = 0; attempt < kMaxInterrupted; ++attempt) {
    begin();
    bool interrupted = false;
    NetlinkRequest message = request();
    VC_ASSIGN_OR_RETURN(const Verdict verdict, Exchange(message, each, interrupted));
    if (verdict.error != 0) return Fail(NetlinkError(what, verdict));
    if (!interrupted) return {};
  }
  return Fail(Code::kUnavailable, std::string(what) + ": it changes faster than it can be read");
}

}  // namespace virtcontainers
