#include "guest/agent/network/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

// The kernel makes its messages as large as the buffer it is offered, up to this.
constexpr size_t kBufferSize = 32 << 10;

}  // namespace

void NetlinkMessage::Append(const void* data, size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.append(NLMSG_ALIGN(bytes_.size()) - bytes_.size(), '\0');
}

void NetlinkMessage::AddBytes(uint16_t attribute, std::string_view value) {
  const rtattr header{static_cast<unsigned short>(sizeof(rtattr) + value.size()), attribute};
  Append(&header, sizeof(header));
  Append(value.data(), value.size());
}

size_t NetlinkMessage::BeginNested(uint16_t attribute) {
  const size_t position = bytes_.size();
  AddBytes(attribute | NLA_F_NESTED, {});
  return position;
}

void NetlinkMessage::EndNested(size_t position) {
  const auto size = static_cast<unsigned short>(bytes_.size() - position);
  std::memcpy(bytes_.data() + position, &size, sizeof(size));
}

std::string NetlinkMessage::Finish(uint32_t sequence) const {
  std::string message = bytes_;
  nlmsghdr header;
  std::memcpy(&header, message.data(), sizeof(header));
  header.nlmsg_len = static_cast<uint32_t>(message.size());
  header.nlmsg_seq = sequence;
  std::memcpy(message.data(), &header, sizeof(header));
  return message;
}

std::unordered_map<uint16_t, std::string_view> NetlinkAnswer::Attributes(size_t fixed) const {
  std::unordered_map<uint16_t, std::string_view> attributes;
  size_t offset = NLMSG_ALIGN(fixed);
  while (offset + sizeof(rtattr) <= body.size()) {
    rtattr header;
    std::memcpy(&header, body.data() + offset, sizeof(header));
    if (header.rta_len < sizeof(rtattr) || header.rta_len > body.size() - offset) break;
    attributes[header.rta_type & NLA_TYPE_MASK] =
        body.substr(offset + sizeof(rtattr), header.rta_len - sizeof(rtattr));
    offset += RTA_ALIGN(header.rta_len);
  }
  return attributes;
}

Result<Netlink> Netlink::Open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return FailErrno("open the routing socket");
  return Netlink(std::move(socket));
}

Status Netlink::Exchange(const NetlinkMessage& message,
                         const std::function<void(const NetlinkAnswer&)>& visit) {
  const std::string bytes = message.Finish(++sequence_);
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) return FailErrno("ask the kernel");
  std::vector<char> buffer(kBufferSize);
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("hear from the kernel");
    auto left = static_cast<size_t>(count);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      // Of a request that was given up.
      if (header->nlmsg_seq != sequence_) continue;
      if (header->nlmsg_type == NLMSG_DONE) return {};
      const std::string_view body(static_cast<const char*>(NLMSG_DATA(header)), NLMSG_PAYLOAD(header, 0));
      if (header->nlmsg_type == NLMSG_ERROR) {
        nlmsgerr error{};
        std::memcpy(&error, body.data(), std::min(sizeof(error), body.size()));
        if (error.error == 0) return {};
        return FailErrno("the kernel refuses", -error.error);
      }
      if (visit) visit({header->nlmsg_type, body});
    }
  }
}

Status Netlink::Do(const NetlinkMessage& message) { return Exchange(message, nullptr); }

Status Netlink::Dump(const NetlinkMessage& message, const std::function<void(const NetlinkAnswer&)>& visit) {
  return Exchange(message, visit);
}

}  // namespace virtcontainers::guest
