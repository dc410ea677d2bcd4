#include "guest/agent/container/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

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

Result<Cgroup> MakeAt(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) < 0 && errno != EEXIST) return FailErrno("make cgroup " + Quoted(path));
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return FailErrno("open cgroup " + Quoted(path));
  return Cgroup(path, std::move(directory));
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

Status Cgroup::Limit(const grpc::LinuxResources& resources, bool lenient) const {
  auto settings = CgroupSettings(resources);
  if (!settings) return Fail(std::move(settings.error()));
  for (const CgroupSetting& setting : *settings) {
    Status status = Fail(Code::kNotFound, "no cgroup v2");
    if (directory_) status = WriteFileAt(directory_.get(), setting.file, setting.value);
    if (status) continue;
    if (status.error().code() != Code::kNotFound) return status;
    // A kernel without swap has nothing to limit.
    if (setting.file == "memory.swap.max") continue;
    const std::string text = "no limit " + setting.file + "=" + Quoted(setting.value) +
                             ": the kernel has no such cgroup controller for containers";
    if (!lenient) return Fail(Code::kFailedPrecondition, text);
    Log(LogLevel::kWarn, text);
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

CgroupTree::CgroupTree(std::string name, bool lenient) : lenient_(lenient) {
  const std::string mount = FindMount();
  if (mount.empty()) {
    Log(LogLevel::kWarn, "no cgroup v2 is mounted: containers have no limits");
    return;
  }
  EnableControllers(mount);
  auto root = MakeAt(mount + "/" + name);
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
  return MakeAt(root_.path() + "/" + name);
}

}  // namespace virtcontainers::guest
