// A program that lives long and has had many pods: it is as it was, and so is the host.
//
//   soak [--cycles N] [--real]
//
// In each cycle a pod is created, started, entered, stopped and deleted, and a command runs in a second pod
// that lives all the time. What this process, that pod's monitor and the host have of everything is counted
// after some cycles to warm up and at the end. Nothing may have become more, but for:
//   - memory: over the second half, the line through the values may rise by kAllowance in all;
//   - numbers of the whole host, where others are at work: by less than one for each cycle.
// Exit status: 0 nothing grew; 1 something did, or a cycle failed; 2 it could not be tried.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "stress/scratch.h"
#include "stress/usage.h"

namespace virtcontainers::stress {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kCycled[] = "cycled";
constexpr char kKept[] = "kept";

// What an allocator keeps for a process with threads varies; and a monitor remembers the last 1024 processes
// that were executed in its pod.
constexpr int64_t kAllowance = 1 << 20;

Deadline Patient() { return Deadline::After(seconds(240)); }

class Soak {
 public:
  Soak(int cycles, bool real) : cycles_(cycles), real_(real), runtime_(scratch_.OpenRuntime()) {
    scratch_.MakeRootfs(real_);
    events_ = OrGiveUp(runtime_.Events(0), "read events");
  }

  int Run();

 private:
  void Cycle();
  void Exec(const char* pod);
  // The events of one cycle, and no more than those.
  void FollowEvents();
  bool Compare(const std::vector<Count>& before);
  bool CompareMemory(const char* whose, const std::vector<int64_t>& values);

  const int cycles_;
  const bool real_;
  const Scratch scratch_;
  Runtime runtime_;
  std::unique_ptr<EventStream> events_;
  pid_t monitor_ = 0;
};

void Soak::Exec(const char* pod) {
  ProcessConfig command;
  command.args = {"echo", "hello"};
  const auto process = OrGiveUp(runtime_.EnterContainer(pod, "c", command, Patient()), "enter");
  std::string said;
  char buffer[100];
  while (const size_t count = OrGiveUp(process->ReadStdout(buffer, Patient()), "read"))
    said.append(buffer, count);
  const ExitStatus exit = OrGiveUp(process->Wait(Patient()), "wait");
  if (said != "hello\n" || exit.code != 0) GiveUp("echo hello said '" + said + "'");
}

void Soak::FollowEvents() {
  std::string told;
  while (told.find("pod-deleted") == std::string::npos) {
    const std::optional<Event> event = OrGiveUp(events_->Next(Patient()), "read events");
    if (!event) GiveUp("a cycle's events do not come; it had: " + told);
    if (event->type == EventType::kLost) GiveUp("events are lost: " + event->reason);
    if (event->pod == kCycled && event->container.empty())
      told += std::string(EventTypeName(event->type)) + " ";
  }
  if (told != "pod-created pod-started pod-stopped pod-deleted ") GiveUp("a cycle's events are: " + told);
}

void Soak::Cycle() {
  const ContainerConfig container = scratch_.Container("c", {"sleep", "1000000"});
  OrGiveUp(runtime_.CreatePod(scratch_.Pod(kCycled, real_, {container})), "a cycle");
  OrGiveUp(runtime_.StartPod(kCycled, Patient()), "a cycle");
  Exec(kCycled);
  OrGiveUp(runtime_.StopPod(kCycled, milliseconds(0), Patient()), "a cycle");
  OrGiveUp(runtime_.DeletePod(kCycled, Patient()), "a cycle");
  Exec(kKept);
  FollowEvents();
}

bool Soak::Compare(const std::vector<Count>& before) {
  const auto grown = [&](const Count& then, const Count& now) {
    return now.number - then.number >= (now.shared ? std::max(cycles_, 20) : 1);
  };
  // Who has been told to end may be there for a moment longer.
  std::vector<Count> after;
  for (const Deadline end = Deadline::After(seconds(10)); !end.passed();) {
    after = CountAll(scratch_, monitor_);
    if (std::equal(before.begin(), before.end(), after.begin(), std::not_fn(grown))) break;
    std::this_thread::sleep_for(milliseconds(50));
  }
  std::printf("%-34s %8s %8s\n", "", "before", "after");
  bool right = true;
  for (size_t i = 0; i < before.size(); ++i) {
    const bool wrong = grown(before[i], after[i]);
    right &= !wrong;
    std::printf("%-34s %8lld %8lld%s%s\n", before[i].what.c_str(), static_cast<long long>(before[i].number),
                static_cast<long long>(after[i].number), before[i].shared ? "  (of the whole host)" : "",
                wrong ? "  WRONG: it grew" : "");
  }
  return right;
}

bool Soak::CompareMemory(const char* whose, const std::vector<int64_t>& values) {
  const std::vector<int64_t> half(values.begin() + static_cast<long>(values.size() / 2), values.end());
  const double slope = Slope(half);
  const bool wrong = slope * static_cast<double>(half.size()) > static_cast<double>(kAllowance);
  std::printf("%-34s %8lld %8lld  (KiB; %+.2f KiB a cycle over the second half)%s\n", whose,
              static_cast<long long>(values.front() >> 10), static_cast<long long>(values.back() >> 10),
              slope / 1024, wrong ? "  WRONG: it grew" : "");
  return !wrong;
}

int Soak::Run() {
  OrGiveUp(runtime_.CreatePod(scratch_.Pod(kKept, real_, {scratch_.Container("c", {"sleep", "1000000"})})),
           "the pod that is kept");
  OrGiveUp(runtime_.StartPod(kKept, Patient()), "the pod that is kept");
  monitor_ = OrGiveUp(runtime_.PodStatus(kKept), "the pod that is kept").monitor_pid;
  const int warm_up = std::max(2, std::min(20, cycles_ / 10));
  for (int i = 0; i < warm_up; ++i) Cycle();

  const std::vector<Count> before = CountAll(scratch_, monitor_);
  std::vector<int64_t> own = {OwnMemory(::getpid())}, monitors = {OwnMemory(monitor_)};
  // Not grown by what this is measured with.
  own.reserve(static_cast<size_t>(cycles_) + 1);
  monitors.reserve(static_cast<size_t>(cycles_) + 1);
  for (int i = 0; i < cycles_; ++i) {
    Cycle();
    own.push_back(OwnMemory(::getpid()));
    monitors.push_back(OwnMemory(monitor_));
  }
  std::printf("%d cycles with pods of %s, after %d to warm up\n", cycles_, real_ ? "QEMU" : "mock", warm_up);
  bool right = Compare(before);
  right &= CompareMemory("own memory of this process", own);
  right &= CompareMemory("own memory of the monitor", monitors);
  if (OrGiveUp(runtime_.PodStatus(kKept), "the pod that is kept").monitor_pid != monitor_) {
    std::printf("WRONG: the monitor of the pod that is kept is another\n");
    right = false;
  }

  OrGiveUp(runtime_.StopPod(kKept, milliseconds(0), Patient()), "the pod that is kept");
  OrGiveUp(runtime_.DeletePod(kKept, Patient()), "the pod that is kept");
  std::vector<std::string> left = scratch_.Leftovers(true);
  for (const Deadline end = Deadline::After(seconds(10)); !left.empty() && !end.passed();) {
    std::this_thread::sleep_for(milliseconds(50));
    left = scratch_.Leftovers(true);
  }
  for (const std::string& line : left) std::printf("WRONG: left behind: %s\n", line.c_str());
  if (left.empty()) scratch_.Remove();
  return right && left.empty() ? 0 : 1;
}

}  // namespace
}  // namespace virtcontainers::stress

int main(int argc, char** argv) {
  int cycles = 200;
  bool real = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--real") == 0) {
      real = true;
    } else if (std::strcmp(argv[i], "--cycles") == 0 && i + 1 < argc && std::atoi(argv[i + 1]) > 0) {
      cycles = std::atoi(argv[++i]);
    } else {
      virtcontainers::stress::GiveUp("soak: '" + std::string(argv[i]) +
                                     "' is not an option: see the head of soak.cc");
    }
  }
  return virtcontainers::stress::Soak(cycles, real).Run();
}
