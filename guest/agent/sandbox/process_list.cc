#include "guest/agent/sandbox/process_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <set>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "guest/agent/os/file.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxProcesses = 4096;
constexpr size_t kMaxArguments = 64 << 10;    // of one process
constexpr size_t kMaxAllArguments = 2 << 20;  // a frame holds 4 MiB
constexpr size_t kMaxCount = 1024;            // arguments of one process: each costs more than its bytes
constexpr int kMaxDepth = 16;
constexpr size_t kTurn = 64;

template <typename T>
T Number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

template <typename Visit>
void Split(std::string_view text, std::string_view separators, Visit visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string ProcPath(pid_t pid, const char* file) { return "/proc/" + std::to_string(pid) + "/" + file; }

void AddMembers(const std::string& cgroup, int depth, std::set<pid_t>* pids) {
  if (depth == 0 || pids->size() > kMaxProcesses) return;
  if (const auto members = ReadFile(cgroup + "/cgroup.procs")) {
    Split(*members, "\n", [&](std::string_view pid) { pids->insert(Number<pid_t>(pid)); });
  }
  DIR* dir = ::opendir(cgroup.c_str());
  if (dir == nullptr) return;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    AddMembers(cgroup + "/" + entry->d_name, depth - 1, pids);
  }
  ::closedir(dir);
}

// Cgroups do not list zombies.
void AddZombies(const Cgroup& cgroup, std::set<pid_t>* pids) {
  DIR* dir = ::opendir("/proc");
  if (dir == nullptr) return;
  while (const dirent* entry = ::readdir(dir)) {
    const auto pid = Number<pid_t>(entry->d_name);
    if (pid <= 0 || pids->size() > kMaxProcesses || pids->count(pid) != 0) continue;
    const auto its = ReadFile(ProcPath(pid, "cgroup"));
    if (!its) continue;
    if (cgroup.Below(UnifiedPath(*its))) pids->insert(pid);
  }
  ::closedir(dir);
}

int64_t BootTime() {
  timespec now{};
  timespec since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return (now.tv_sec - since_boot.tv_sec) * 1'000'000'000 + now.tv_nsec - since_boot.tv_nsec;
}

// One list in the making.
class Listing : public std::enable_shared_from_this<Listing> {
 public:
  Listing(EventLoop& loop, Call call, std::vector<pid_t> pids, pid_t init, bool truncated)
      : loop_(loop), call_(std::move(call)), pids_(std::move(pids)), init_(init) {
    response_.set_truncated(truncated);
  }

  void Step() {
    if (!call_.live()) return;
    const size_t end = std::min(next_ + kTurn, pids_.size());
    for (; next_ < end; ++next_) Add(pids_[next_]);
    if (next_ == pids_.size()) return Finish();
    loop_.After(EventLoop::Clock::duration::zero(), [self = shared_from_this()] { self->Step(); });
  }

 private:
  void Add(pid_t pid) {
    const auto text = ReadFile(ProcPath(pid, "status"));
    const auto stat = ReadFile(ProcPath(pid, "stat"));
    if (!text || !stat) return;  // it has ended meanwhile
    const auto times = ParseProcessTimes(*stat);
    const ProcessStatus status = ParseProcessStatus(*text);
    if (!times || status.pids.empty()) return;
    // The first process is the first of the container's namespace, and comes first.
    if (pid == init_) level_ = status.pids.size();
    const size_t level = level_ == 0 ? status.pids.size() : std::min(level_, status.pids.size());
    wire::GuestProcess* process = response_.add_processes();
    process->set_pid(static_cast<uint32_t>(status.pids[level - 1]));
    known_[pid] = process->pid();
    parents_.push_back(status.parent);
    process->set_uid(status.uid);
    process->set_gid(status.gid);
    process->set_state(status.state);
    process->set_resident(status.resident);
    process->set_name(status.name);
    const auto tick = static_cast<uint64_t>(1'000'000'000 / std::max(::sysconf(_SC_CLK_TCK), 1L));
    process->set_cpu_ns(times->cpu * tick);
    process->set_started_ns(boot_time_ + static_cast<int64_t>(times->start * tick));
    AddArguments(pid, process);
  }

  void AddArguments(pid_t pid, wire::GuestProcess* process) {
    const UniqueFd file(::open(ProcPath(pid, "cmdline").c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return;
    std::string line(std::min(kMaxArguments, kMaxAllArguments - arguments_), '\0');
    size_t size = 0;
    ssize_t count = 1;
    while (count > 0 && size < line.size()) {
      count = ::read(file.get(), line.data() + size, line.size() - size);
      if (count > 0) size += static_cast<size_t>(count);
    }
    char more = 0;
    if (size == line.size() && ::read(file.get(), &more, 1) > 0) response_.set_truncated(true);
    line.resize(size);
    arguments_ += size;
    size_t begin = 0;
    while (begin < line.size()) {
      if (static_cast<size_t>(process->args_size()) == kMaxCount) return response_.set_truncated(true);
      const size_t end = std::min(line.find('\0', begin), line.size());
      process->add_args(line.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  void Finish() {
    for (int i = 0; i < response_.processes_size(); ++i) {
      const auto parent = known_.find(parents_[static_cast<size_t>(i)]);
      response_.mutable_processes(i)->set_parent(parent == known_.end() ? 0 : parent->second);
    }
    auto* processes = response_.mutable_processes();
    const int first = !pids_.empty() && pids_[0] == init_ && known_.count(init_) != 0 ? 1 : 0;
    std::sort(processes->begin() + first, processes->end(),
              [](const auto& a, const auto& b) { return a.pid() < b.pid(); });
    call_.Answer(response_);
  }

  EventLoop& loop_;
  Call call_;
  std::vector<pid_t> pids_;
  pid_t init_;
  size_t next_ = 0;
  size_t level_ = 0;  // of the container's pid namespace
  size_t arguments_ = 0;
  const int64_t boot_time_ = BootTime();
  std::map<pid_t, uint32_t> known_;  // the guest's pid to the container's
  std::vector<pid_t> parents_;
  wire::ListProcessesResponse response_;
};

}  // namespace

std::optional<ProcessTimes> ParseProcessTimes(std::string_view stat) {
  const size_t bracket = stat.rfind(')');
  if (bracket == std::string_view::npos) return {};
  // From the third field on; utime, stime and starttime are the 14th, 15th and 22nd.
  std::vector<std::string_view> fields;
  Split(stat.substr(bracket + 1), " \n", [&](std::string_view field) { fields.push_back(field); });
  if (fields.size() < 20) return {};
  return ProcessTimes{Number<uint64_t>(fields[11]) + Number<uint64_t>(fields[12]),
                      Number<uint64_t>(fields[19])};
}

ProcessStatus ParseProcessStatus(std::string_view status) {
  ProcessStatus parsed;
  const auto second = [](std::string_view value) {
    std::vector<std::string_view> fields;
    Split(value, " \t", [&](std::string_view field) { fields.push_back(field); });
    return fields.size() > 1 ? Number<uint32_t>(fields[1]) : 0;
  };
  Split(status, "\n", [&](std::string_view line) {
    const size_t colon = line.find(":\t");
    if (colon == std::string_view::npos) return;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 2);
    if (key == "Name") parsed.name = value;
    if (key == "State") parsed.state = value.substr(0, 1);
    if (key == "PPid") parsed.parent = Number<pid_t>(value);
    if (key == "Uid") parsed.uid = second(value);
    if (key == "Gid") parsed.gid = second(value);
    if (key == "VmRSS") parsed.resident = Number<uint64_t>(value) * 1024;
    if (key == "NSpid")
      Split(value, "\t ", [&](std::string_view pid) { parsed.pids.push_back(Number<pid_t>(pid)); });
  });
  return parsed;
}

std::set<pid_t> ProcessesOf(const Cgroup& cgroup) {
  std::set<pid_t> members;
  if (cgroup.fd() >= 0) AddMembers(cgroup.path(), kMaxDepth, &members);
  // Those that are not in this pid namespace.
  members.erase(0);
  return members;
}

void ListProcesses(EventLoop& loop, Call call, const Cgroup& cgroup, pid_t init) {
  if (cgroup.fd() < 0) {
    return call.Fail(Error(Code::kUnimplemented, "there is no cgroup v2 to find a container's processes by"));
  }
  std::set<pid_t> members = ProcessesOf(cgroup);
  if (init > 0 && members.size() <= kMaxProcesses) AddZombies(cgroup, &members);
  std::vector<pid_t> pids;
  if (init > 0 && members.erase(init) != 0) pids.push_back(init);
  const bool truncated = pids.size() + members.size() > kMaxProcesses;
  for (const pid_t pid : members) {
    if (pids.size() == kMaxProcesses) break;
    pids.push_back(pid);
  }
  std::make_shared<Listing>(loop, std::move(call), std::move(pids), init, truncated)->Step();
}

}  // namespace virtcontainers::guest
