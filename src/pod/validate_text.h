// What all checks of configurations say and look at alike.

#ifndef VIRTCONTAINERS_SRC_POD_VALIDATE_TEXT_H_
#define VIRTCONTAINERS_SRC_POD_VALIDATE_TEXT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace virtcontainers {

// A value as it can be shown: cut short, and nothing in it that would garble a terminal.
std::string Shown(std::string_view value);

template <size_t N>
bool IsOneOf(const std::string_view (&known)[N], std::string_view word) {
  return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

// InvalidArgument: "of: what".
Status Fails(const std::string& of, const std::string& what);

// UTF-8 without NUL bytes. `field` names it in messages.
Status ValidateText(std::string_view text, const std::string& field);

Status ValidateCount(size_t count, size_t most, const std::string& of, const char* what);

Status ValidateAbsolute(const std::string& path, const std::string& field);

// A list of NAME=value.
Status ValidateEnvironment(const std::vector<std::string>& env, const std::string& of);

Status ValidateAnnotations(const std::map<std::string, std::string>& annotations, const std::string& of);

// `field` names it in messages: "hostname", or "domainname", which has the same form.
Status ValidateHostname(const std::string& name, const std::string& field = "hostname");

// "what value is out of range: expected"
tl::unexpected<Error> OutOfRange(const std::string& what, int64_t value, const char* expected);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_VALIDATE_TEXT_H_
