#include "pod/validate_text.h"

#include "base/utf8.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxAnnotations = 256;
constexpr size_t kMaxAnnotationBytes = 256 << 10;

}  // namespace

std::string Shown(std::string_view value) {
  constexpr size_t kMax = 80;
  std::string shown;
  for (const char c : value.substr(0, kMax)) shown += (c >= 0x20 && c < 0x7f) ? c : '?';
  if (value.size() > kMax) shown += "...";
  return Quoted(shown);
}

Status Fails(const std::string& of, const std::string& what) {
  return Fail(Code::kInvalidArgument, of + ": " + what);
}

Status ValidateText(std::string_view text, const std::string& field) {
  if (text.find('\0') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, field + " has a NUL byte in it: " + Shown(text));
  }
  if (!IsValidUtf8(text)) return Fail(Code::kInvalidArgument, field + " is not UTF-8: " + Shown(text));
  return {};
}

Status ValidateCount(size_t count, size_t most, const std::string& of, const char* what) {
  if (count <= most) return {};
  return Fail(Code::kInvalidArgument,
              of + " has " + std::to_string(count) + " " + what + ": at most " + std::to_string(most));
}

Status ValidateAbsolute(const std::string& path, const std::string& field) {
  VC_RETURN_IF_ERROR(ValidateText(path, field));
  if (!path.empty() && path[0] == '/') return {};
  return Fail(Code::kInvalidArgument, field + " " + Shown(path) + " is not an absolute path");
}

Status ValidateEnvironment(const std::vector<std::string>& env, const std::string& of) {
  for (const std::string& variable : env) {
    VC_RETURN_IF_ERROR(ValidateText(variable, of + ": an environment variable"));
    if (variable.find('=') == std::string::npos || variable[0] == '=') {
      return Fail(Code::kInvalidArgument,
                  of + ": environment variable " + Shown(variable) + " is not NAME=value");
    }
  }
  return {};
}

Status ValidateAnnotations(const std::map<std::string, std::string>& annotations, const std::string& of) {
  VC_RETURN_IF_ERROR(ValidateCount(annotations.size(), kMaxAnnotations, of, "annotations"));
  size_t bytes = 0;
  for (const auto& [key, value] : annotations) {
    if (key.empty()) return Fail(Code::kInvalidArgument, of + " has an annotation without a name");
    if (!IsValidUtf8(key) || !IsValidUtf8(value)) {
      return Fail(Code::kInvalidArgument, of + ": the annotation " + Shown(key) + " is not UTF-8");
    }
    bytes += key.size() + value.size();
  }
  if (bytes > kMaxAnnotationBytes) {
    return Fail(Code::kInvalidArgument, of + " has annotations of " + std::to_string(bytes) +
                                            " bytes: at most " + std::to_string(kMaxAnnotationBytes));
  }
  return {};
}

Status ValidateHostname(const std::string& name, const std::string& field) {
  if (name.size() > 64) {
    return Fail(Code::kInvalidArgument, field + " " + Shown(name) + " is longer than 64 characters");
  }
  for (const char c : name) {
    if (c <= 0x20 || c >= 0x7f || c == '/') {
      return Fail(Code::kInvalidArgument, field + " " + Shown(name) + ": use letters, digits, '-' and '.'");
    }
  }
  return {};
}

tl::unexpected<Error> OutOfRange(const std::string& what, int64_t value, const char* expected) {
  return Fail(Code::kInvalidArgument, what + " " + std::to_string(value) + " is out of range: " + expected);
}

}  // namespace virtcontainers
