#include "network/cni/request.h"

#include <algorithm>
#include <string_view>

#include "base/errors.h"
#include "network/cni/list.h"

namespace virtcontainers::cni {
namespace {

constexpr char kIgnoreUnknown[] = "IgnoreUnknown";
constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ without the terminator

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool IsInterfaceName(std::string_view name) {
  if (name.empty() || name.size() > kMaxInterfaceName || name == "." || name == "..") return false;
  return !HasControlCharacter(name) && name.find_first_of("/: ") == std::string_view::npos;
}

}  // namespace

Status CheckRequest(const Request& request) {
  if (!IsValidName(request.container)) {
    return Fail(Code::kInvalidArgument,
                Quoted(request.container) + " cannot be the id of a container for CNI");
  }
  if (!IsInterfaceName(request.interface)) {
    return Fail(Code::kInvalidArgument, Quoted(request.interface) +
                                            " cannot be the name of an interface: it has 1 to 15 characters, "
                                            "and no '/', ':' or space");
  }
  if (!request.netns.empty() && (request.netns[0] != '/' || HasControlCharacter(request.netns))) {
    return Fail(Code::kInvalidArgument,
                "the network namespace " + Quoted(request.netns) + " is not an absolute path");
  }
  for (const auto& [key, value] : request.args) {
    if (key.empty() || key.find_first_of(";=") != std::string::npos || HasControlCharacter(key)) {
      return Fail(Code::kInvalidArgument, "the CNI argument " + Quoted(key) +
                                              " is empty, or has a ';', a '=' or a control character");
    }
    if (value.find(';') != std::string::npos || HasControlCharacter(value)) {
      return Fail(Code::kInvalidArgument, "the value " + Quoted(value) + " of the CNI argument " +
                                              Quoted(key) + " has a ';' or a control character");
    }
  }
  return {};
}

std::string FormatArgs(const std::map<std::string, std::string>& args) {
  if (args.empty()) return "";
  const auto ignore = args.find(kIgnoreUnknown);
  std::string text = std::string(kIgnoreUnknown) + "=" + (ignore == args.end() ? "1" : ignore->second);
  for (const auto& [key, value] : args) {
    if (key != kIgnoreUnknown) text += ";" + key + "=" + value;
  }
  return text;
}

}  // namespace virtcontainers::cni
