#include "stress/usage.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "os/file.h"

namespace virtcontainers::stress {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxMaps = 4 << 20;
constexpr const char* kNamespaces[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};

std::string ProcessDirectory(pid_t pid) { return "/proc/" + std::to_string(pid); }

int64_t Entries(const std::string& path) {
  std::error_code missing;
  int64_t count = 0;
  for (auto entry = fs::directory_iterator(path, missing); !missing && entry != fs::directory_iterator();
       entry.increment(missing)) {
    ++count;
  }
  return count;
}

int64_t EntriesBelow(const std::string& path) {
  std::error_code missing;
  int64_t count = 0;
  for (auto entry = fs::recursive_directory_iterator(path, missing);
       !missing && entry != fs::recursive_directory_iterator(); entry.increment(missing)) {
    ++count;
  }
  return count;
}

std::string Link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length < 0 ? "" : std::string(target, static_cast<size_t>(length));
}

void ForEachProcess(const std::function<void(const std::string& directory)>& visit) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos) visit(entry.path());
  }
}

// Zombies included. (proc(5), stat field 4)
int64_t Children() {
  int64_t count = 0;
  ForEachProcess([&](const std::string& directory) {
    const std::string stat = ReadFile(directory + "/stat", 4096).value_or("");
    const size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) return;
    std::istringstream fields(stat.substr(name_end + 1));
    std::string state;
    pid_t parent = 0;
    fields >> state >> parent;
    if (parent == ::getpid()) ++count;
  });
  return count;
}

// Lines that name the directory, in every mount namespace that a process is in.
int64_t Mounts(const std::string& directory_name) {
  std::set<std::string> seen;
  int64_t count = 0;
  ForEachProcess([&](const std::string& process) {
    const std::string space = Link(process + "/ns/mnt");
    if (space.empty() || !seen.insert(space).second) return;
    std::ifstream mounts(process + "/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
      if (line.find(directory_name) != std::string::npos) ++count;
    }
  });
  return count;
}

int64_t MountsHere() {
  std::ifstream mounts("/proc/self/mountinfo");
  int64_t count = 0;
  for (std::string line; std::getline(mounts, line);) ++count;
  return count;
}

// Those of all the host's processes, each once.
int64_t Namespaces() {
  std::set<std::string> spaces;
  ForEachProcess([&](const std::string& process) {
    for (const char* kind : kNamespaces) spaces.insert(Link(process + "/ns/" + kind));
  });
  return static_cast<int64_t>(spaces.size());
}

// Those that pods' processes are in and this one is not.
int64_t NamespacesOfPods(const std::vector<PodProcess>& processes) {
  std::set<std::string> spaces;
  for (const PodProcess& process : processes) {
    for (const char* kind : kNamespaces) {
      const std::string space = Link(ProcessDirectory(process.identity.pid) + "/ns/" + kind);
      if (!space.empty() && space != Link(std::string("/proc/self/ns/") + kind)) spaces.insert(space);
    }
  }
  return static_cast<int64_t>(spaces.size());
}

// Of all hierarchies. (cgroups(7), /proc/cgroups, third column)
int64_t Cgroups() {
  std::ifstream file("/proc/cgroups");
  int64_t count = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    int64_t hierarchy = 0, number = 0;
    if (fields >> name >> hierarchy >> number) count += number;
  }
  return count;
}

}  // namespace

std::vector<Count> CountAll(const Scratch& scratch, pid_t monitor) {
  const std::vector<PodProcess> processes = scratch.Processes();
  const std::string kept = ProcessDirectory(monitor);
  return {
      {"processes of pods", static_cast<int64_t>(processes.size())},
      {"children of this process", Children()},
      {"descriptors of this process", Entries("/proc/self/fd")},
      {"threads of this process", Entries("/proc/self/task")},
      {"descriptors of the monitor", Entries(kept + "/fd")},
      {"threads of the monitor", Entries(kept + "/task")},
      {"mounts of pods", Mounts(scratch.path())},
      {"namespaces of pods", NamespacesOfPods(processes)},
      {"files below the root", EntriesBelow(scratch.root())},
      {"files below the run directory", EntriesBelow(scratch.run())},
      {"files below the rootfs", EntriesBelow(scratch.rootfs())},
      {"mounts", MountsHere(), true},
      {"namespaces", Namespaces(), true},
      {"network devices", Entries("/sys/class/net"), true},
      {"cgroups", Cgroups(), true},
      {"shared memory", Entries("/dev/shm"), true},
  };
}

int64_t OwnMemory(pid_t pid) {
  std::ifstream file(ProcessDirectory(pid) + "/smaps_rollup");
  int64_t total = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    int64_t kib = 0;
    if (fields >> name >> kib && (name == "Anonymous:" || name == "Pss_Shmem:")) total += kib << 10;
  }
  return total;
}

double Slope(const std::vector<int64_t>& values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0, above = 0, below = 0;
  for (const int64_t value : values) mean += static_cast<double>(value) / count;
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) - (count - 1) / 2;
    above += x * (static_cast<double>(values[i]) - mean);
    below += x * x;
  }
  return below == 0 ? 0 : above / below;
}

}  // namespace virtcontainers::stress
