#include "guest/agent/sandbox/ids.h"

#include <string>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxId = 128;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

Status CheckId(std::string_view id, std::string_view what) {
  const std::string name(what);
  if (id.empty()) return Fail(Code::kInvalidArgument, "the " + name + " is empty");
  if (id.size() > kMaxId) {
    return Fail(Code::kInvalidArgument,
                "the " + name + " is longer than " + std::to_string(kMaxId) + " characters");
  }
  bool valid = IsAlphanumeric(id[0]);
  for (const char c : id) valid &= IsAlphanumeric(c) || c == '_' || c == '.' || c == '-' || c == '+';
  if (valid) return {};
  return Fail(
      Code::kInvalidArgument,
      "the " + name + " " + Quoted(id) +
          " does not begin with a letter or a digit, or holds more than those, '_', '.', '-' and '+'");
}

Status CheckPathInside(std::string_view path, std::string_view parent) {
  const auto fail = [&] {
    return Fail(Code::kInvalidArgument, "path " + Quoted(path) + " is not below " + Quoted(parent));
  };
  if (path.size() <= parent.size() || path.substr(0, parent.size()) != parent || path[parent.size()] != '/')
    return fail();
  if (path.find('\0') != std::string_view::npos || path.size() >= 4096) return fail();
  std::string_view rest = path.substr(parent.size() + 1);
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part == "." || part == "..") return fail();
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  }
  return {};
}

}  // namespace virtcontainers::guest
