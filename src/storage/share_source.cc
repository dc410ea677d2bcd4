#include "storage/share_source.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <climits>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/errors.h"
#include "os/file.h"
#include "storage/mount_error.h"

namespace virtcontainers {
namespace {

// A host of 100,000 mounts has 16 MiB of them.
constexpr size_t kMaxMountinfo = 64 << 20;

struct MountLine {
  uint64_t id = 0, parent = 0;
  std::string point;         // the mount point, without escapes
  std::string_view options;  // from the mount's options to the end of the line
  std::string_view whole;
};

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The kernel writes space, tab, newline and backslash as a backslash and three octal digits.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr == text.data() + i + 4) {
      plain += static_cast<char>(value);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::optional<MountLine> ParseLine(std::string_view line) {
  std::array<std::string_view, 5> fields;
  size_t at = 0;
  for (std::string_view& field : fields) {
    const size_t end = line.find(' ', at);
    if (end == std::string_view::npos) return std::nullopt;
    field = line.substr(at, end - at);
    at = end + 1;
  }
  const std::optional<uint64_t> id = Number(fields[0]), parent = Number(fields[1]);
  if (!id || !parent) return std::nullopt;
  return MountLine{*id, *parent, Unescape(fields[4]), line.substr(at), line};
}

std::vector<MountLine> ParseMountinfo(std::string_view text) {
  std::vector<MountLine> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (auto line = ParseLine(text.substr(0, end))) lines.push_back(std::move(*line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool IsBelow(const std::string& point, std::string_view path) {
  if (path == "/") return point.size() > 1;
  return point.size() > path.size() && point.compare(0, path.size(), path) == 0 && point[path.size()] == '/';
}

}  // namespace

std::string DescribeMounts(std::string_view mountinfo, uint64_t id, std::string_view path, bool recursive) {
  const std::vector<MountLine> lines = ParseMountinfo(mountinfo);
  std::unordered_map<uint64_t, uint64_t> parents;
  std::string description;
  for (const MountLine& line : lines) {
    parents[line.id] = line.parent;
    if (line.id == id) description = line.options;
  }
  if (!recursive) return description;
  const auto descends = [&](uint64_t mount) {
    // A root is its own parent, or has one that is not listed.
    for (size_t steps = 0; steps < parents.size(); ++steps) {
      const auto parent = parents.find(mount);
      if (parent == parents.end() || parent->second == mount) return false;
      mount = parent->second;
      if (mount == id) return true;
    }
    return false;
  };
  for (const MountLine& line : lines) {
    if (IsBelow(line.point, path) && descends(line.id)) description.append("\n").append(line.whole);
  }
  return description;
}

Result<ShareSource> ShareSource::Open(const std::string& path, const ShareSourceOptions& options) {
  const std::string shown = Quoted(path);
  ShareSource source;
  source.path_ = path;
  source.options_ = options;
  source.fd_.reset(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!source.fd_) return FailErrno("open " + shown);
  struct statx found {};
  if (::statx(source.fd_.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &found) != 0) {
    return FailErrno("look at " + shown);
  }
  source.mode_ = found.stx_mode;
  source.device_ = makedev(found.stx_dev_major, found.stx_dev_minor);
  source.inode_ = found.stx_ino;
  if (!source.is_directory() && options.directory) {
    return Fail(Code::kInvalidArgument, shown + " is not a directory");
  }
  if (!source.is_directory() && !S_ISREG(source.mode_)) {
    return Fail(Code::kInvalidArgument,
                shown + " is neither a directory nor a regular file: what is behind it stays on the host");
  }
  std::array<char, PATH_MAX> canonical{};
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(source.fd_.get())).c_str(),
                                    canonical.data(), canonical.size());
  if (length < 0) return FailErrno("find the path of " + shown);
  VC_ASSIGN_OR_RETURN(const std::string mountinfo, ReadFile("/proc/thread-self/mountinfo", kMaxMountinfo));
  source.identity_ = std::to_string(source.device_) + ":" + std::to_string(source.inode_) +
                     (options.readonly ? " ro " : " rw ") +
                     DescribeMounts(mountinfo, found.stx_mnt_id,
                                    std::string_view(canonical.data(), static_cast<size_t>(length)),
                                    options.recursive && source.is_directory());
  return source;
}

Result<UniqueFd> ShareSource::CopyMounts() const {
  const unsigned recursive = options_.recursive ? AT_RECURSIVE : 0;
  UniqueFd tree(::open_tree(fd_.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive));
  if (!tree) return FailMount("copy the mounts at " + Quoted(path_));
  mount_attr attributes{};
  // A copy of a shared mount is the original's peer: to take the copy's submounts away would take the
  // original's.
  attributes.propagation = MS_SLAVE;
  if (options_.readonly) attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) {
    return FailMount("set up the copied mounts of " + Quoted(path_));
  }
  return tree;
}

}  // namespace virtcontainers
