#include "ttrpc/wire_error.h"

#include <cstdint>

namespace virtcontainers::ttrpc {
namespace {

constexpr const char* kReasonType = "virtcontainers.Reason";

// The length of the UTF-8 sequence that `text` starts with; 0 if it starts with none.
size_t Utf8Length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is above U+10FFFF.
  if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) >= 0xA0) ||
      (first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) >= 0x90)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string WireText(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (valid.size() + (length == 0 ? 1 : length) > kMaxErrorText) break;
    if (length == 0) {
      valid.push_back('?');
      text.remove_prefix(1);
    } else {
      valid += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return valid;
}

void SetStatus(::ttrpc::Status& status, const Error& error) {
  status.set_code(static_cast<int>(error.code()));
  status.set_message(WireText(error.ToString()));
  if (error.reason() == Reason::kNone) return;
  ::ttrpc::Any* detail = status.add_details();
  detail->set_type_url(kReasonType);
  detail->set_value(std::string(ReasonName(error.reason())));
}

Error ErrorFromStatus(const ::ttrpc::Status& status) {
  const bool known = status.code() >= static_cast<int>(Code::kCancelled) &&
                     status.code() <= static_cast<int>(Code::kUnauthenticated);
  Reason reason = Reason::kNone;
  for (const ::ttrpc::Any& detail : status.details()) {
    if (detail.type_url() == kReasonType) reason = ReasonNamed(detail.value());
  }
  return Error(known ? static_cast<Code>(status.code()) : Code::kUnknown, reason, WireText(status.message()));
}

}  // namespace virtcontainers::ttrpc
