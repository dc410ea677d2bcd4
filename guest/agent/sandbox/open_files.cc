#include "guest/agent/sandbox/open_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "guest/agent/os/file.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxMaps = 16 << 20;

// Cuts the first word off.
std::string_view NextWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::string_view NextLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::optional<dev_t> ParseDevice(std::string_view text, int base) {
  unsigned major_number = 0, minor_number = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, major_number, base);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, minor_number, base);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return makedev(major_number, minor_number);
}

}  // namespace

std::set<dev_t> DevicesOfType(std::string_view mountinfo, std::string_view type) {
  std::set<dev_t> devices;
  while (!mountinfo.empty()) {
    std::string_view line = NextLine(mountinfo);
    const size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    std::string_view rest = line.substr(separator + 3);
    if (NextWord(rest) != type) continue;
    NextWord(line);
    NextWord(line);
    if (const auto device = ParseDevice(NextWord(line), 10)) devices.insert(*device);
  }
  return devices;
}

size_t CountMappedFiles(std::string_view maps, const std::set<dev_t>& devices) {
  // "7f00-7f10 r-xp 00001000 00:2c 1234 /lib/libc.so.6"
  std::set<std::pair<dev_t, std::string_view>> files;
  while (!maps.empty()) {
    std::string_view line = NextLine(maps);
    for (int i = 0; i < 3; ++i) NextWord(line);
    const auto device = ParseDevice(NextWord(line), 16);
    if (device && devices.count(*device) != 0) files.insert({*device, NextWord(line)});
  }
  return files.size();
}

OpenFiles CountOpenFiles(pid_t pid, const std::set<dev_t>& devices) {
  OpenFiles found;
  const std::string process = "/proc/" + std::to_string(pid);
  const std::unique_ptr<DIR, int (*)(DIR*)> fds(::opendir((process + "/fd").c_str()), ::closedir);
  if (!fds) return found;
  while (const dirent* entry = ::readdir(fds.get())) {
    if (entry->d_name[0] == '.') continue;
    ++found.descriptors;
    struct statx file {};
    // What the kernel has in its cache: the host may have no descriptor left to answer with.
    const unsigned flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    if (::statx(::dirfd(fds.get()), entry->d_name, static_cast<int>(flags), STATX_INO, &file) != 0) continue;
    if (devices.count(makedev(file.stx_dev_major, file.stx_dev_minor)) != 0) ++found.counted;
  }
  if (const auto maps = ReadFile(process + "/maps", kMaxMaps))
    found.counted += CountMappedFiles(*maps, devices);
  return found;
}

}  // namespace virtcontainers::guest
