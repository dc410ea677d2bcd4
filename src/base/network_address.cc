#include "base/network_address.h"

#include <arpa/inet.h>
#include <array>
#include <charconv>

#include "base/errors.h"

namespace virtcontainers {

Result<IpAddress> ParseIp(const std::string& text) {
  const auto fail = [&] { return Fail(Code::kInvalidArgument, Quoted(text) + " is not an IP address"); };
  const size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  IpAddress address;
  std::array<char, 16> bytes;
  if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) {
    address.family = AF_INET;
    address.bytes.assign(bytes.data(), 4);
  } else if (::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) {
    address.family = AF_INET6;
    address.bytes.assign(bytes.data(), 16);
  } else {
    return fail();
  }
  const auto bits = static_cast<uint8_t>(address.bytes.size() * 8);
  address.prefix = bits;
  if (slash == std::string::npos) return address;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + slash + 1, end, address.prefix);
  if (parsed.ec != std::errc() || parsed.ptr != end || address.prefix > bits) return fail();
  return address;
}

std::string FormatIp(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  std::array<char, INET6_ADDRSTRLEN> text;
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  return ::inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr ? std::string() : text.data();
}

Result<std::string> ParseMac(std::string_view text) {
  const auto fail = [&] { return Fail(Code::kInvalidArgument, Quoted(text) + " is not a hardware address"); };
  std::string bytes;
  if (text.size() != 17) return fail();
  for (size_t at = 0; at < text.size(); at += 3) {
    uint8_t byte = 0;
    const auto parsed = std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + at + 2) return fail();
    if (at + 2 < text.size() && text[at + 2] != ':') return fail();
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::string FormatMac(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace virtcontainers
