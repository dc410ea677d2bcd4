// The kernel's routing socket, as far as the agent needs it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_NETWORK_NETLINK_H_
#define VIRTCONTAINERS_GUEST_AGENT_NETWORK_NETLINK_H_

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// A request being put together: the fixed part, then attributes.
class NetlinkMessage {
 public:
  // `body` is the fixed part of the type: an ifinfomsg, an rtmsg...
  template <typename Body>
  NetlinkMessage(uint16_t type, uint16_t flags, const Body& body) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
    Append(&header, sizeof(header));
    Append(&body, sizeof(body));
  }

  void AddBytes(uint16_t attribute, std::string_view value);
  void AddU32(uint16_t attribute, uint32_t value) {
    AddBytes(attribute, {reinterpret_cast<const char*>(&value), sizeof(value)});
  }
  // With the NUL at its end.
  void AddString(uint16_t attribute, const std::string& value) {
    AddBytes(attribute, {value.c_str(), value.size() + 1});
  }
  // Attributes of another message's begin to end here.
  size_t BeginNested(uint16_t attribute);
  void EndNested(size_t position);

  std::string Finish(uint32_t sequence) const;

 private:
  void Append(const void* data, size_t size);

  std::string bytes_;
};

// One message of an answer.
struct NetlinkAnswer {
  uint16_t type = 0;
  std::string_view body;  // the fixed part and the attributes

  // The fixed part, or null if the message is too short for it.
  template <typename Body>
  const Body* As() const {
    return body.size() < sizeof(Body) ? nullptr : reinterpret_cast<const Body*>(body.data());
  }
  // The attributes behind a fixed part of that size. What is cut short is left out.
  std::unordered_map<uint16_t, std::string_view> Attributes(size_t fixed) const;
};

// The number in an attribute; 0 for one that is missing or cut short.
inline uint32_t NumberOf(std::string_view value) {
  uint32_t number = 0;
  if (value.size() >= sizeof(number)) std::memcpy(&number, value.data(), sizeof(number));
  return number;
}

// Blocks until the kernel has answered, which takes it no waiting. Not thread-safe.
class Netlink {
 public:
  static Result<Netlink> Open();

  // Carries out one change.
  Status Do(const NetlinkMessage& message);
  // Calls `visit` with every message of the answer.
  Status Dump(const NetlinkMessage& message, const std::function<void(const NetlinkAnswer&)>& visit);

 private:
  explicit Netlink(UniqueFd socket) : socket_(std::move(socket)) {}
  Status Exchange(const NetlinkMessage& message, const std::function<void(const NetlinkAnswer&)>& visit);

  UniqueFd socket_;
  uint32_t sequence_ = 0;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_NETWORK_NETLINK_H_
