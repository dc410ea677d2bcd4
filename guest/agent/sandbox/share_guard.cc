#include "guest/agent/sandbox/share_guard.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "base/errors.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/log.h"
#include "guest/agent/sandbox/process_list.h"

namespace virtcontainers::guest {

namespace {

// The inodes of FUSE file systems; where the kernel does not tell, those of all.
constexpr const char* kInodes[] = {"/sys/kernel/slab/fuse_inode/objects", "/proc/sys/fs/inode-nr"};
constexpr const char* kFiles = "/proc/sys/fs/file-nr";

// (proc_sys_vm(5))
constexpr const char* kForget = "/proc/sys/vm/drop_caches";
constexpr std::string_view kForgetInodes = "2";   // and dentries, that nobody uses
constexpr std::string_view kForgetQuietly = "4";  // without a line in the kernel's log each time, from now on

// A watch pins an inode and needs no descriptor of its process.
constexpr const char* kWatches[] = {"/proc/sys/fs/inotify/max_user_watches",
                                    "/proc/sys/fs/fanotify/max_user_marks"};
constexpr uint64_t kLeastWatches = 128;

// What a process of any kind may go on opening.
constexpr size_t kSmall = 64;

constexpr const char* kShort = "the host's virtiofsd is short of descriptors";

// virtiofsd serves the guest with one thread. An emulated processor asks it ten times slower, and each look
// at the statistics costs ten times as much.
constexpr uint64_t kFastest = 100, kFastestEmulated = 30;

// Whether this is a processor of QEMU's TCG, which signs itself "TCGTCGTCGTCG". (CPUID leaf 0x40000000)
bool IsEmulated() {
  unsigned highest = 0, b = 0, c = 0, d = 0;
#ifdef __x86_64__
  __cpuid(0x40000000, highest, b, c, d);
#endif
  return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;
}

Result<uint64_t> FirstNumber(int fd) {
  std::array<char, 64> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  if (length < 0) return FailErrno("read the kernel's statistics");
  uint64_t number = 0;
  if (std::from_chars(text.data(), text.data() + length, number).ec != std::errc()) {
    return Fail(Code::kInternal, "the kernel's inode statistics are not numbers");
  }
  return number;
}

void LimitWatches(uint64_t most) {
  for (const char* path : kWatches) {
    const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    if (!file) continue;
    const auto now = FirstNumber(file.get());
    if (now && *now > most) (void)WriteFile(path, std::to_string(std::max(most, kLeastWatches)));
  }
}

// Holds the processes of containers while it lives. Those that are paused stay so.
class Standstill {
 public:
  explicit Standstill(const ShareGuard::Containers& containers) {
    for (const std::shared_ptr<Container>& container : containers) {
      if (!container->cgroup().IsFrozen() && container->cgroup().Freeze(true)) held_.push_back(container);
    }
  }
  ~Standstill() {
    for (const std::shared_ptr<Container>& container : held_) (void)container->cgroup().Freeze(false);
  }
  Standstill(const Standstill&) = delete;
  Standstill& operator=(const Standstill&) = delete;

 private:
  ShareGuard::Containers held_;
};

}  // namespace

std::string ShareGuard::Describe(const Process& process, const Container& container) {
  return "process " + std::to_string(process.pid) + " of container " + Quoted(container.id()) +
         ", which has " + std::to_string(process.files.counted) + " files open,";
}

Status ShareGuard::Limit(uint64_t descriptors) {
  if (descriptors == 0)
    return Fail(Code::kInvalidArgument, "the share has no descriptors: give at least one");
  for (const char* path : kInodes) {
    inodes_.reset(::open(path, O_RDONLY | O_CLOEXEC));
    if (inodes_) break;
  }
  if (!inodes_) return FailErrno("open " + Quoted(kInodes[1]));
  files_.reset(::open(kFiles, O_RDONLY | O_CLOEXEC));
  if (!files_) return FailErrno("open " + Quoted(kFiles));
  budget_.emplace(descriptors, IsEmulated() ? kFastestEmulated : kFastest);
  (void)WriteFile(kForget, kForgetQuietly);
  LimitWatches(descriptors / 8);
  loop_.Cancel(timer_);
  Look();
  return {};
}

Result<ShareUse> ShareGuard::Read() const {
  VC_ASSIGN_OR_RETURN(const uint64_t inodes, FirstNumber(inodes_.get()));
  VC_ASSIGN_OR_RETURN(const uint64_t files, FirstNumber(files_.get()));
  return ShareUse{inodes, files};
}

ShareGuard::~ShareGuard() {
  loop_.Cancel(timer_);
  if (forgetting_.pid > 0) reaper_.Forget(forgetting_.pid);
}

void ShareGuard::Look() {
  const Result<ShareUse> use = Read();
  if (!use) return Log(LogLevel::kError, use.error().ToString() + ": the share is no longer watched");
  if (forgetting_.pid < 0 && budget_->ShouldForget(*use)) {
    Forget();
  } else if (budget_->ShouldCount(*use)) {
    HandleShortage(*use);
  }
  if (budget_->IsAmple(*use)) RaiseAgain();
  timer_ = loop_.After(budget_->NextLook(*use), [this] { Look(); });
}

// In a process of its own: it takes as long as there are inodes, and the agent has other things to do.
void ShareGuard::Forget() {
  auto child = Spawn({}, [] { ::_exit(WriteFile(kForget, kForgetInodes) ? 0 : 1); });
  if (!child) return Log(LogLevel::kWarn, child.error().ToString());
  forgetting_ = std::move(*child);
  reaper_.Watch(forgetting_.pid, [this](int status) {
    forgetting_ = Child();
    if (status != 0) Log(LogLevel::kWarn, "the kernel does not drop unused inodes");
    if (const auto left = Read()) budget_->Forgot(*left);
  });
}

std::vector<ShareGuard::Process> ShareGuard::CountProcesses(const Containers& containers) const {
  std::vector<Process> processes;
  for (size_t i = 0; i < containers.size(); ++i) {
    const std::set<pid_t> pids = ProcessesOf(containers[i]->cgroup());
    if (pids.empty()) continue;
    // All of them are in one mount namespace, as a rule.
    const auto mountinfo = ReadFile("/proc/" + std::to_string(*pids.begin()) + "/mountinfo");
    if (!mountinfo) continue;
    const std::set<dev_t> devices = DevicesOfType(*mountinfo, "virtiofs");
    for (const pid_t pid : pids) processes.push_back({pid, CountOpenFiles(pid, devices), i});
  }
  std::sort(processes.begin(), processes.end(),
            [](const Process& a, const Process& b) { return a.files.counted > b.files.counted; });
  return processes;
}

void ShareGuard::HandleShortage(const ShareUse& use) {
  const Containers containers = containers_();
  const Standstill standstill(containers);
  const std::vector<Process> processes = CountProcesses(containers);
  std::vector<uint64_t> of_container(containers.size());
  uint64_t all = 0;
  for (const Process& process : processes) {
    of_container[process.container] += process.files.counted;
    all += process.files.counted;
  }
  // A child has its parent's open files, which are counted twice then: there are no more than the kernel
  // says.
  const ShareUse counted{use.inodes, std::min(all, use.files)};
  budget_->Counted(use);
  if (!budget_->IsShort(counted)) return;

  const uint64_t part = budget_->FilesOf(containers.size());
  uint64_t surplus = budget_->IsLost(counted) ? budget_->Surplus(counted) : 0;
  const std::set<pid_t> ending = std::exchange(killed_, {});
  for (const Process& process : processes) {
    if (ending.count(process.pid) == 0) continue;
    killed_.insert(process.pid);
    surplus -= std::min<uint64_t>(surplus, 2 * process.files.counted);
  }
  for (const Process& process : processes) {
    const Container& container = *containers[process.container];
    if (std::min(of_container[process.container], use.files) <= part) continue;
    if (ending.count(process.pid) != 0) continue;
    if (surplus > 0) {
      Log(LogLevel::kError, Describe(process, container) + " is killed: " + kShort);
      ::kill(process.pid, SIGKILL);
      killed_.insert(process.pid);
      surplus -= std::min<uint64_t>(surplus, 2 * process.files.counted);
    } else if (process.files.counted > kSmall) {
      Lower(process, container);
    }
  }
  if (surplus > 0) Log(LogLevel::kError, std::string(kShort) + ", and no container has many files open");
}

void ShareGuard::Lower(const Process& process, const Container& container) {
  Lowered lowered;
  if (::prlimit(process.pid, RLIMIT_NOFILE, nullptr, &lowered.before) < 0) return;
  const rlim_t now = process.files.descriptors;
  if (lowered.before.rlim_cur <= now) return;
  lowered.now = {now, now};
  if (::prlimit(process.pid, RLIMIT_NOFILE, &lowered.now, nullptr) < 0) return;
  lowered_.push_back(lowered);
  Log(LogLevel::kWarn, Describe(process, container) + " can open no more: " + kShort);
}

void ShareGuard::RaiseAgain() {
  if (lowered_.empty()) return;
  for (const std::shared_ptr<Container>& container : containers_()) {
    for (const pid_t pid : ProcessesOf(container->cgroup())) {
      rlimit now{};
      if (::prlimit(pid, RLIMIT_NOFILE, nullptr, &now) < 0) continue;
      // A child has the limits of its parent.
      const auto lowered = std::find_if(lowered_.begin(), lowered_.end(), [&](const Lowered& entry) {
        return entry.now.rlim_cur == now.rlim_cur && entry.now.rlim_max == now.rlim_max;
      });
      if (lowered != lowered_.end()) (void)::prlimit(pid, RLIMIT_NOFILE, &lowered->before, nullptr);
    }
  }
  lowered_.clear();
}

}  // namespace virtcontainers::guest
