// Requests to the kernel's routing and traffic control by netlink. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_NETLINK_H_
#define VIRTCONTAINERS_SRC_NETWORK_NETLINK_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "virtcontainers/error.h"

struct nl_msg;
struct nl_sock;

namespace virtcontainers {

// A message to the kernel: a header of the request's own, then attributes. Not thread-safe.
class NetlinkRequest {
 public:
  // `type` and `flags` as in netlink(7); the flags for requests and acknowledgements are added.
  template <typename Header>
  NetlinkRequest(uint16_t type, uint16_t flags, const Header& header) : NetlinkRequest(type, flags) {
    Append(&header, sizeof(header));
  }

  void PutBytes(int attribute, const void* data, size_t size);
  void PutU8(int attribute, uint8_t value) { PutBytes(attribute, &value, sizeof(value)); }
  void PutU32(int attribute, uint32_t value) { PutBytes(attribute, &value, sizeof(value)); }
  void PutU64(int attribute, uint64_t value) { PutBytes(attribute, &value, sizeof(value)); }
  // With the terminating zero.
  void PutText(int attribute, const std::string& text) { PutBytes(attribute, text.c_str(), text.size() + 1); }
  // An attribute whose content is what `content` puts.
  void Nest(int attribute, const std::function<void()>& content);
  // Plain bytes between attributes, for the headers that some attributes begin with.
  void Append(const void* data, size_t size);

 private:
  friend class Netlink;
  NetlinkRequest(uint16_t type, uint16_t flags);

  struct Free {
    void operator()(nl_msg* message) const;
  };
  std::unique_ptr<nl_msg, Free> message_;
  bool complete_ = true;  // all that was put found room
};

// The attributes of an answer, or of one attribute. Refers to the answer's memory: valid during the call that
// was given it.
class NetlinkAttributes {
 public:
  NetlinkAttributes() = default;
  explicit NetlinkAttributes(std::string_view bytes);

  bool has(int attribute) const { return values_.count(attribute) != 0; }
  // Empty if there is none.
  std::string_view Bytes(int attribute) const;
  // Without what follows a zero.
  std::string Text(int attribute) const;
  std::optional<uint8_t> U8(int attribute) const { return Value<uint8_t>(attribute); }
  std::optional<uint32_t> U32(int attribute) const { return Value<uint32_t>(attribute); }
  NetlinkAttributes Nested(int attribute) const { return NetlinkAttributes(Bytes(attribute)); }

 private:
  template <typename T>
  std::optional<T> Value(int attribute) const {
    const std::string_view bytes = Bytes(attribute);
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  std::map<int, std::string_view> values_;
};

// A socket to the kernel of the network namespace that the calling thread was in at Open. Not thread-safe;
// may be used by any thread. The kernel answers at once: no call waits for anything else.
class Netlink {
 public:
  static Result<Netlink> Open();

  // Sends, and returns the kernel's verdict: an errno value, 0 for success, and what it says about it.
  struct Verdict {
    int error = 0;
    std::string text;
  };
  Result<Verdict> Ask(NetlinkRequest& request);

  // Sends; an error is "`what`: No such device (what the kernel says)" with the errno's code.
  Status Do(NetlinkRequest& request, std::string_view what);

  // Sends a request for a list, and calls `each` with the payload of each answer, behind the header of
  // netlink itself. A list that changed while it was read is read again: `begin` is called first each time.
  Status Dump(const std::function<NetlinkRequest()>& request, std::string_view what,
              const std::function<void()>& begin,
              const std::function<void(uint16_t type, std::string_view payload)>& each);

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  using Each = std::function<void(uint16_t, std::string_view)>;

  explicit Netlink(nl_sock* socket) : socket_(socket) {}
  Result<Verdict> Exchange(NetlinkRequest& request, const Each& each, bool& interrupted);

  std::unique_ptr<nl_sock, Free> socket_;
};

// The error of a verdict that is not success.
Error NetlinkError(std::string_view what, const Netlink::Verdict& verdict);

// The structure at the beginning of an answer's payload, and the attributes behind it; nothing if the payload
// is too short.
template <typename Header>
std::optional<std::pair<Header, NetlinkAttributes>> ReadAnswer(std::string_view payload) {
  if (payload.size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, payload.data(), sizeof(header));
  constexpr size_t kAligned = (sizeof(Header) + 3) & ~size_t{3};
  return std::make_pair(header, NetlinkAttributes(payload.substr(std::min(kAligned, payload.size()))));
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_NETLINK_H_
