// Whether text is UTF-8. Pure.

#ifndef VIRTCONTAINERS_SRC_BASE_UTF8_H_
#define VIRTCONTAINERS_SRC_BASE_UTF8_H_

#include <string_view>

namespace virtcontainers {

// Well-formed as RFC 3629 has it: shortest form, no surrogates, nothing above U+10FFFF.
bool IsValidUtf8(std::string_view text);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_UTF8_H_
