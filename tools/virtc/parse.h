// What people type, made into values. Pure: no file, no environment but what is passed in.
//
// Every error names the value and shows one that would be right.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_PARSE_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_PARSE_H_

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtc {

// "256M", "2G", "512MiB": whole numbers, binary units, any case. A number alone is refused: bytes or MiB?
virtcontainers::Result<virtcontainers::Bytes> ParseSize(std::string_view option, std::string_view text);

virtcontainers::Result<uint32_t> ParseCount(std::string_view option, std::string_view text);

virtcontainers::Result<uint64_t> ParseNumber64(std::string_view option, std::string_view text);

// A size or count that may also be "unlimited" or "-1", which are -1.
virtcontainers::Result<int64_t> ParseSizeLimit(std::string_view option, std::string_view text);
virtcontainers::Result<int64_t> ParseCountLimit(std::string_view option, std::string_view text);

// "0644": permission bits, none but those in `mask`.
virtcontainers::Result<uint32_t> ParseOctal(std::string_view option, std::string_view text, uint32_t mask);

// "2.5", in seconds.
virtcontainers::Result<std::chrono::milliseconds> ParseSeconds(std::string_view option,
                                                               std::string_view text);

// "USER" or "USER:GROUP", each a name or a number. Two numbers are uid and gid; everything else is looked up
// in the container, as `docker run --user` does.
virtcontainers::Result<virtcontainers::User> ParseUser(std::string_view option, std::string_view text);

// "UID" or "UID:GID" in numbers; the group is 0 when it is not given.
virtcontainers::Result<virtcontainers::User> ParseOwner(std::string_view option, std::string_view text);

// "name=value".
virtcontainers::Result<std::pair<std::string, std::string>> ParsePair(std::string_view option,
                                                                      std::string_view text);

// "NAME=value", or "NAME" for the value it has in virtc's own environment.
virtcontainers::Result<std::string> ParseEnvironment(std::string_view text);

// One of `choices`, by its place in them.
virtcontainers::Result<size_t> ParseChoice(std::string_view option, std::string_view text,
                                           const std::vector<std::string_view>& choices);

// The word of `words` that was probably meant by `typed`; empty if none is near.
std::string_view Nearest(std::string_view typed, const std::vector<std::string_view>& words);

// `words` as a shell would take them back.
std::string ShellQuote(const std::vector<std::string>& words);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_PARSE_H_
