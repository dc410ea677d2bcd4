#include "pod/leftovers.h"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>

#include "base/time_format.h"
#include "os/file_lock.h"
#include "os/own_file.h"

namespace virtcontainers {
namespace {

// No pod is made or removed for that long, wherever its maker is.
constexpr std::chrono::hours kTrashAge{1};

std::vector<std::string> NamesIn(const std::string& directory) {
  return ListOwnDirectory(directory).value_or(std::vector<std::string>());
}

bool IsLogOf(std::string_view name, std::string_view container) {
  const std::string log = std::string(container) + ".log";
  return name == log || name.substr(0, log.size() + 1) == log + ".";
}

// The third of the parts of "<pod>.<process>.<time>.<number>", counted from the end.
pid_t MakerOf(std::string_view name) {
  for (int part = 0; part < 2; ++part) name = name.substr(0, name.rfind('.'));
  name.remove_prefix(std::min(name.rfind('.') + 1, name.size()));
  pid_t pid = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
  return read.ptr == name.data() + name.size() ? pid : 0;
}

bool IsAbandoned(const std::string& path, std::string_view name) {
  // A lock that cannot be looked at may be somebody's.
  if (FileLock::IsHeld(path + "/lock").value_or(true)) return false;
  // Its maker has not come to that, or is past it: between making the lock's file and taking the lock, too.
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return false;
  const pid_t maker = MakerOf(name);
  if (maker <= 0 || (::kill(maker, 0) != 0 && errno == ESRCH)) return true;
  return std::chrono::system_clock::from_time_t(info.st_ctime) + kTrashAge <= Now();
}

}  // namespace

std::vector<std::string> FindLeftovers(const PodPaths& paths, const PodRecord& record) {
  const auto known = [&](const auto& is_of) {
    return std::any_of(record.containers.begin(), record.containers.end(),
                       [&](const ContainerRecord& container) { return is_of(container.id); });
  };
  std::vector<std::string> found;
  for (const std::string& name : NamesIn(paths.dir)) {
    if (name.find(".tmp.") != std::string::npos) found.push_back(paths.dir + "/" + name);
  }
  // The others say what is to be undone.
  for (const std::string& name : NamesIn(paths.networks())) {
    if (!name.ends_with(".json")) found.push_back(paths.networks() + "/" + name);
  }
  for (const std::string& name : NamesIn(paths.containers())) {
    if (known([&](const std::string& id) { return name == id + ".json"; })) continue;
    found.push_back(paths.containers() + "/" + name);
  }
  for (const std::string& name : NamesIn(paths.logs())) {
    if (known([&](const std::string& id) { return IsLogOf(name, id); })) continue;
    found.push_back(paths.logs() + "/" + name);
  }
  return found;
}

std::vector<std::string> FindTrash(const std::string& trash) {
  std::vector<std::string> found;
  for (const std::string& name : NamesIn(trash)) {
    const std::string path = trash + "/" + name;
    if (IsAbandoned(path, name)) found.push_back(path);
  }
  return found;
}

}  // namespace virtcontainers
