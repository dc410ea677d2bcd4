#include "guest/agent/container/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "guest/agent/container/cgroup_limits.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

std::string FindMount() {
  // The second is where a host with both versions has it.
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs info;
    if (::statfs(path, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC) return path;
  }
  return {};
}

// 0 for "max".
int64_t Number(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Result<Cgroup> MakeAt(const std::string& mount, std::string name) {
  const std::string path = mount + name;
  if (::mkdir(path.c_str(), 0755) < 0 && errno != EEXIST) return FailErrno("make cgroup " + Quoted(path));
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return FailErrno("open cgroup " + Quoted(path));
  return Cgroup(mount, std::move(name), std::move(directory));
}

// Gives the children of a cgroup all controllers it has itself. One write when that works: every write waits
// for all processors to notice.
void EnableControllers(const std::string& path) {
  const auto available = ReadFile(path + "/cgroup.controllers");
  if (!available) return;
  std::string all;
  std::vector<std::string> each;
  size_t begin = 0;
  while (begin < available->size()) {
    const size_t end = std::min(available->find_first_of(" \n", begin), available->size());
    const std::string name = available->substr(begin, end - begin);
    // Those containers have limits of.
    if (name == "memory" || name == "cpu" || name == "pids" || name == "io" || name == "cpuset" ||
        name == "hugetlb") {
      each.push_back("+" + name);
      all += (all.empty() ? "+" : " +") + name;
    }
    begin = end + 1;
  }
  if (all.empty() || WriteFile(path + "/cgroup.subtree_control", all)) return;
  for (const std::string& name : each) {
    if (auto status = WriteFile(path + "/cgroup.subtree_control", name); !status) {
      Log(LogLevel::kWarn, status.error().ToString());
    }
  }
}

Status RemoveCgroup(const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  if (errno != EBUSY && errno != ENOTEMPTY) return FailErrno("remove cgroup " + Quoted(path));
  // The workload may have made some of its own; the files in a cgroup are none.
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return FailErrno("open cgroup " + Quoted(path));
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    (void)RemoveCgroup(path + "/" + entry->d_name);
  }
  ::closedir(dir);
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  if (errno == EBUSY) return Fail(Code::kFailedPrecondition, "a process is still in cgroup " + Quoted(path));
  return FailErrno("remove cgroup " + Quoted(path));
}

}  // namespace

std::string_view UnifiedPath(std::string_view text) {
  constexpr std::string_view kPrefix = "0::";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.substr(0, kPrefix.size()) == kPrefix) return line.substr(kPrefix.size());
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return {};
}

std::optional<std::string_view> Cgroup::Below(std::string_view path) const {
  if (name_.empty() || path.substr(0, name_.size()) != name_) return std::nullopt;
  path.remove_prefix(name_.size());
  if (!path.empty() && path[0] != '/') return std::nullopt;
  return path;
}

grpc::LinuxResources Cgroup::WithCurrent(const grpc::LinuxResources& resources) const {
  grpc::LinuxResources complete = resources;
  if (resources.cpu().period() != 0 && resources.cpu().quota() == 0) {
    const int64_t quota = Number(Read("cpu.max").value_or("max"));
    complete.mutable_cpu()->set_quota(quota > 0 ? quota : -1);
  }
  if (resources.memory().swap() > 0 && resources.memory().limit() == 0) {
    complete.mutable_memory()->set_limit(Number(Read("memory.max").value_or("max")));
  }
  return complete;
}

Status Cgroup::Limit(const grpc::LinuxResources& resources, bool lenient) const {
  auto settings = CgroupSettings(WithCurrent(resources));
  if (!settings) return Fail(std::move(settings.error()));
  std::vector<CgroupSetting> before;
  for (const CgroupSetting& setting : *settings) {
    Status status = Fail(Code::kNotFound, "no cgroup v2");
    // io.max has a line for each device, and keeps those of the others.
    const auto old =
        setting.file == "io.max" ? Result<std::string>(Fail(Code::kNotFound, "")) : Read(setting.file);
    if (directory_) status = WriteFileAt(directory_.get(), setting.file, setting.value);
    if (status) {
      if (old) before.push_back({setting.file, *old});
      continue;
    }
    if (status.error().code() != Code::kNotFound) {
      for (auto entry = before.rbegin(); entry != before.rend(); ++entry) {
        (void)WriteFileAt(directory_.get(), entry->file, entry->value);
      }
      return status;
    }
    // A kernel without swap has nothing to limit.
    if (setting.file == "memory.swap.max") continue;
    const std::string text = "no limit " + setting.file + "=" + Quoted(setting.value) +
                             ": the kernel has no such cgroup controller for containers";
    if (!lenient) return Fail(Code::kFailedPrecondition, text);
    Log(LogLevel::kWarn, text);
  }
  return {};
}

Status Cgroup::CheckUnified(const UnifiedSettings& unified) const {
  VC_RETURN_IF_ERROR(CheckUnifiedSettings(unified));
  for (const auto& [file, value] : unified) {
    if (directory_ && ::faccessat(directory_.get(), file.c_str(), W_OK, 0) == 0) continue;
    return Fail(Code::kFailedPrecondition, "unified resource " + Quoted(file) +
                                               ": the kernel has no such file for a container's cgroup");
  }
  return {};
}

Status Cgroup::WriteUnified(const UnifiedSettings& unified) const {
  VC_RETURN_IF_ERROR(CheckUnified(unified));
  for (const auto& [file, value] : unified) {
    std::string_view rest = value;
    do {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      // An empty line is how a set of processors is emptied, and must be more than nothing.
      if (auto status = WriteFileAt(directory_.get(), file, std::string(line) + "\n"); !status) {
        return Fail(std::move(status.error()).AddContext("unified resource " + Quoted(file)));
      }
    } while (!rest.empty());
  }
  return {};
}

bool Cgroup::Kill() const {
  return directory_ && WriteFileAt(directory_.get(), "cgroup.kill", "1").has_value();
}

Status Cgroup::Freeze(bool frozen) const {
  if (!directory_) return Fail(Code::kUnimplemented, "there is no cgroup v2 to pause a container with");
  return WriteFileAt(directory_.get(), "cgroup.freeze", frozen ? "1" : "0");
}

bool Cgroup::IsFrozen() const {
  const auto state = Read("cgroup.freeze");
  return state && state->compare(0, 1, "1") == 0;
}

bool Cgroup::IsPopulated() const {
  const auto events = Read("cgroup.events");
  return events && events->find("populated 1") != std::string::npos;
}

Result<UniqueFd> Cgroup::OpenOf(pid_t pid) const {
  if (!directory_) return Fail(Code::kUnimplemented, "there is no cgroup v2");
  VC_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/" + std::to_string(pid) + "/cgroup"));
  const auto below = Below(UnifiedPath(text));
  if (!below) {
    return Fail(Code::kFailedPrecondition,
                "process " + std::to_string(pid) + " is not in cgroup " + Quoted(path_));
  }
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const std::string path = "." + std::string(*below);
  UniqueFd found(static_cast<int>(::syscall(SYS_openat2, directory_.get(), path.c_str(), &how, sizeof(how))));
  if (!found) return FailErrno("open cgroup " + Quoted(path_ + std::string(*below)));
  return found;
}

Result<std::string> Cgroup::Read(const std::string& file) const {
  if (!directory_) return Fail(Code::kUnimplemented, "there is no cgroup v2");
  return ReadFileAt(directory_.get(), file);
}

Status Cgroup::Remove() {
  if (!directory_) return {};
  VC_RETURN_IF_ERROR(RemoveCgroup(path_));
  directory_.reset();
  return {};
}

CgroupTree::CgroupTree(const std::string& name, bool lenient)
    : lenient_(lenient), mount_(FindMount()), name_("/" + name) {
  if (mount_.empty()) {
    Log(LogLevel::kWarn, "no cgroup v2 is mounted: containers have no limits");
    return;
  }
  EnableControllers(mount_);
  auto root = MakeAt(mount_, name_);
  if (!root) {
    Log(LogLevel::kWarn, root.error().ToString() + ": containers have no limits");
    return;
  }
  root_ = std::move(*root);
  EnableControllers(root_.path());
}

CgroupTree::~CgroupTree() {
  if (auto status = root_.Remove(); !status) Log(LogLevel::kWarn, status.error().ToString());
}

Result<Cgroup> CgroupTree::Make(const std::string& name) {
  if (root_.fd() < 0) return Cgroup();
  return MakeAt(mount_, name_ + "/" + name);
}

}  // namespace virtcontainers::guest
