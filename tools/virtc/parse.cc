#include "parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <limits>

#include "base/errors.h"

namespace virtc {

using virtcontainers::Bytes;
using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::Result;
using virtcontainers::User;

namespace {

// The whole of `text` as a number.
template <typename T>
bool ParseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Changes, insertions, deletions and swaps of neighbours between two words.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({change, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

Result<Bytes> ParseSize(std::string_view option, std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  uint64_t number = 0;
  const auto refuse = [&](std::string_view why) {
    return Fail(
        Code::kInvalidArgument,
        fmt::format("{} '{}' {}: write a whole number and a unit, such as 256M or 2G", option, text, why));
  };
  if (digits == 0) return refuse("is not a size");
  if (!ParseNumber(text.substr(0, digits), number)) return refuse("is too large");

  const std::string unit = Lower(text.substr(digits));
  if (unit.empty()) return refuse("has no unit");
  int shift = -1;
  for (const auto& [letter, bits] : {std::pair{'k', 10}, {'m', 20}, {'g', 30}, {'t', 40}}) {
    if (unit == std::string(1, letter) || unit == fmt::format("{}b", letter) ||
        unit == fmt::format("{}i", letter) || unit == fmt::format("{}ib", letter)) {
      shift = bits;
    }
  }
  if (unit == "b") shift = 0;
  if (shift < 0) return refuse("is not a size");
  if (number > std::numeric_limits<uint64_t>::max() >> shift) return refuse("is too large");
  return Bytes{number << shift};
}

Result<uint32_t> ParseCount(std::string_view option, std::string_view text) {
  uint32_t number = 0;
  if (!ParseNumber(text, number))
    return Fail(Code::kInvalidArgument, fmt::format("{} '{}' is not a number, such as 2", option, text));
  return number;
}

Result<uint64_t> ParseNumber64(std::string_view option, std::string_view text) {
  uint64_t number = 0;
  if (!ParseNumber(text, number))
    return Fail(Code::kInvalidArgument, fmt::format("{} '{}' is not a number, such as 1000", option, text));
  return number;
}

Result<int64_t> ParseSizeLimit(std::string_view option, std::string_view text) {
  if (text == "unlimited" || text == "-1") return -1;
  VC_ASSIGN_OR_RETURN(const Bytes size, ParseSize(option, text));
  if (size.count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return Fail(Code::kInvalidArgument,
                fmt::format("{} '{}' is too large: write unlimited for no limit", option, text));
  return static_cast<int64_t>(size.count);
}

Result<int64_t> ParseCountLimit(std::string_view option, std::string_view text) {
  if (text == "unlimited" || text == "-1") return -1;
  int64_t number = 0;
  if (!ParseNumber(text, number) || number < 0)
    return Fail(Code::kInvalidArgument,
                fmt::format("{} '{}' is not a number, such as 1000, or unlimited", option, text));
  return number;
}

Result<uint32_t> ParseOctal(std::string_view option, std::string_view text, uint32_t mask) {
  uint32_t bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 8);
  if (error != std::errc() || end != text.data() + text.size() || (bits & ~mask) != 0)
    return Fail(Code::kInvalidArgument,
                fmt::format("{} '{}' is not an octal number up to {:04o}", option, text, mask));
  return bits;
}

Result<std::chrono::milliseconds> ParseSeconds(std::string_view option, std::string_view text) {
  double seconds = 0;
  if (!ParseNumber(text, seconds) || !std::isfinite(seconds) || seconds < 0 || seconds > 1e6)
    return Fail(Code::kInvalidArgument,
                fmt::format("{} '{}' is not a number of seconds, such as 5 or 0.5", option, text));
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

Result<User> ParseUser(std::string_view option, std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const std::string_view group = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const bool whole = !name.empty() && (colon == std::string_view::npos || !group.empty());
  if (!whole || group.find(':') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{} '{}' is not USER or USER:GROUP, such as nobody or 1000:1000", option, text));
  }
  User user;
  if (ParseNumber(name, user.uid) && ParseNumber(group, user.gid)) return user;
  return User{.name = std::string(name), .group = std::string(group)};
}

Result<User> ParseOwner(std::string_view option, std::string_view text) {
  User user;
  const size_t colon = text.find(':');
  if (!ParseNumber(text.substr(0, colon), user.uid) ||
      (colon != std::string_view::npos && !ParseNumber(text.substr(colon + 1), user.gid))) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{} '{}' is not UID or UID:GID in numbers, such as 1000:1000", option, text));
  }
  return user;
}

Result<std::pair<std::string, std::string>> ParsePair(std::string_view option, std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return Fail(Code::kInvalidArgument, fmt::format("{} '{}' is not name=value", option, text));
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

Result<std::string> ParseEnvironment(std::string_view text) {
  if (text.empty() || text.front() == '=')
    return Fail(Code::kInvalidArgument, fmt::format("--env '{}' has no name: write NAME=value", text));
  if (text.find('=') != std::string_view::npos) return std::string(text);
  const std::string name(text);
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--env '{}' is not set here, so there is no value to pass on: write {}=value",
                            name, name));
  }
  return fmt::format("{}={}", name, value);
}

Result<size_t> ParseChoice(std::string_view option, std::string_view text,
                           const std::vector<std::string_view>& choices) {
  const auto found = std::find(choices.begin(), choices.end(), text);
  if (found != choices.end()) return static_cast<size_t>(found - choices.begin());
  return Fail(Code::kInvalidArgument,
              fmt::format("{} '{}' is not one of: {}", option, text, fmt::join(choices, ", ")));
}

std::string_view Nearest(std::string_view typed, const std::vector<std::string_view>& words) {
  // The whole typed text would be compared with every word: nobody means a command by a page of text.
  if (typed.size() > 64) return {};
  std::string_view best;
  size_t best_distance = std::numeric_limits<size_t>::max();
  for (const std::string_view word : words) {
    const size_t distance = word.starts_with(typed) && typed.size() >= 2 ? 0 : Distance(typed, word);
    if (distance < best_distance) {
      best = word;
      best_distance = distance;
    }
  }
  const size_t allowed = typed.size() <= 3 ? 1 : 2;
  return best_distance <= allowed ? best : std::string_view();
}

std::string ShellQuote(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyz"
                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_@%+=:,./-") == std::string::npos;
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) {
      if (c == '\'')
        line += "'\\''";
      else
        line += c;
    }
    line += '\'';
  }
  return line;
}

}  // namespace virtc
