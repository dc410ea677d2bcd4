#include "os/oom_kills.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/errors.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxFile = 4 << 20;

std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

// Whether `list`, "rw,memory", has `word`.
bool Lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (TakeUntil(list, ',') == word) return true;
  }
  return false;
}

// The path on the line of a hierarchy: "4:memory:/vc" for `controller` "memory", "0::/vc" for "".
std::optional<std::string> CgroupOf(std::string_view cgroups, std::string_view controller) {
  while (!cgroups.empty()) {
    std::string_view line = TakeUntil(cgroups, '\n');
    TakeUntil(line, ':');
    const std::string_view controllers = TakeUntil(line, ':');
    if (controller.empty() ? controllers.empty() : Lists(controllers, controller)) return std::string(line);
  }
  return std::nullopt;
}

// "35 31 0:32 /root /point rw,relatime shared:1 - cgroup cgroup rw,memory": where `cgroup` is below `point`
// in a mount of that type and with that option.
std::optional<std::string> DirectoryOf(std::string_view mountinfo, std::string_view type,
                                       std::string_view option, const std::string& cgroup) {
  while (!mountinfo.empty()) {
    std::string_view line = TakeUntil(mountinfo, '\n');
    for (int i = 0; i < 3; ++i) TakeUntil(line, ' ');
    std::string root(TakeUntil(line, ' '));
    const std::string_view point = TakeUntil(line, ' ');
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    line.remove_prefix(dash + 3);
    if (TakeUntil(line, ' ') != type) continue;
    TakeUntil(line, ' ');
    if (!option.empty() && !Lists(line, option)) continue;
    if (root == "/") root.clear();
    if (cgroup.compare(0, root.size(), root) != 0) continue;
    const std::string below = cgroup.substr(root.size());
    if (!below.empty() && below[0] != '/') continue;
    return std::string(point) + (below == "/" ? "" : below);
  }
  return std::nullopt;
}

}  // namespace

std::optional<OomKillFile> FindOomKillFile(std::string_view cgroups, std::string_view mountinfo) {
  // The controller is of one version or of the other.
  if (const auto cgroup = CgroupOf(cgroups, "memory")) {
    const auto directory = DirectoryOf(mountinfo, "cgroup", "memory", *cgroup);
    if (!directory) return std::nullopt;
    return OomKillFile{*cgroup, *directory + "/memory.oom_control"};
  }
  const auto cgroup = CgroupOf(cgroups, "");
  if (!cgroup) return std::nullopt;
  const auto directory = DirectoryOf(mountinfo, "cgroup2", "", *cgroup);
  if (!directory) return std::nullopt;
  return OomKillFile{*cgroup, *directory + "/memory.events"};
}

std::optional<uint64_t> ParseOomKills(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = TakeUntil(text, '\n');
    if (TakeUntil(line, ' ') != "oom_kill") continue;
    uint64_t count = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), count);
    if (error == std::errc()) return count;
  }
  return std::nullopt;
}

OomKills::OomKills(pid_t process) {
  const std::string name = process == 0 ? "self" : std::to_string(process);
  const auto cgroups = ReadFile("/proc/" + name + "/cgroup", kMaxFile);
  const auto mountinfo = ReadFile("/proc/self/mountinfo", kMaxFile);
  if (!cgroups || !mountinfo) return;
  auto found = FindOomKillFile(*cgroups, *mountinfo);
  if (!found) return;
  cgroup_ = std::move(found->cgroup);
  file_ = std::move(found->file);
  before_ = ParseOomKills(ReadFile(file_, kMaxFile).value_or(""));
}

std::string OomKills::Since() const {
  if (!before_) return "";
  const auto now = ParseOomKills(ReadFile(file_, kMaxFile).value_or(""));
  if (!now || *now <= *before_) return "";
  return "the kernel killed a process of memory cgroup " + Quoted(cgroup_) +
         " for lack of memory: give the cgroup or the host more memory, or the pod less";
}

}  // namespace virtcontainers
