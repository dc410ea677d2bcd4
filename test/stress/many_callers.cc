// Many processes that make random calls on a few pods, at first in peace, then while callers, monitors and
// VMs are killed at random moments. None of them may see what the state machine forbids, be answered with
// what it does not say, or wait for ever; what happens is told by events in an order that can be; and nothing
// is left.
//
//   many_callers [--processes N] [--pods N] [--seconds N] [--seed N] [--real]
//
// Exit status: 0 all was right; 1 something was wrong, each thing on a line; 2 it could not be tried.

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "os/pidfd.h"
#include "os/process_identity.h"
#include "os/subprocess.h"
#include "stress/board.h"
#include "stress/caller.h"
#include "stress/pod_rules.h"
#include "stress/scratch.h"
#include "stress/who_holds_what.h"

namespace virtcontainers::stress {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Options {
  int processes = 32;
  int pods = 8;
  int seconds = 20;
  uint64_t seed = 0;
  bool real = false;
  // Of a caller:
  std::string scratch;
  int slot = -1;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  options.seed = std::random_device()();
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--real") {
      options.real = true;
      continue;
    }
    const char* value = ++i < argc ? argv[i] : "";
    char* end = nullptr;
    const unsigned long long number = std::strtoull(value, &end, 10);
    const bool is_number = *value != '\0' && *end == '\0';
    if (name == "--scratch") {
      options.scratch = value;
    } else if (!is_number) {
      GiveUp("many_callers: '" + name + "' needs a number, and has '" + value + "'");
    } else if (name == "--processes" && number >= 1 && number <= kMaxCallers) {
      options.processes = static_cast<int>(number);
    } else if (name == "--pods" && number >= 1 && number <= 1000) {
      options.pods = static_cast<int>(number);
    } else if (name == "--seconds" && number >= 1 && number <= 1'000'000) {
      options.seconds = static_cast<int>(number);
    } else if (name == "--seed") {
      options.seed = number;
    } else if (name == "--slot" && number < kMaxCallers) {
      options.slot = static_cast<int>(number);
    } else {
      GiveUp("many_callers: '" + name + " " + value + "' is not an option: see the head of many_callers.cc");
    }
  }
  return options;
}

class ManyCallers {
 public:
  explicit ManyCallers(Options options)
      : options_(std::move(options)),
        board_(*Board::Map(scratch_.path() + "/board")),
        runtime_(scratch_.OpenRuntime()),
        random_(options_.seed) {
    scratch_.MakeRootfs(options_.real);
    events_ = OrGiveUp(runtime_.Events(0), "read events");
  }

  int Run();

 private:
  struct Running {
    Subprocess process;
    ProcessIdentity identity;
  };

  void Fail(const std::string& what) { ++failures_[what]; }
  int Choose(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  Weather weather() const { return board_.deaths ? Weather::kDeaths : Weather::kCalm; }

  void StartCaller(int slot);
  void StartCallers();
  // Until all have ended.
  void EndCallers();
  // Lets them call for a while, and looks at them meanwhile. False if one waits for ever.
  bool Watch(Deadline end);
  // Who waits for a process of what stands still waits for somebody who lets it go on.
  void ResumeAll();
  bool NobodyIsStuck();
  void KillSomebody();
  void KillCaller();
  void KillOneOf(const std::vector<PodProcess>& processes);
  bool FollowEvent(Deadline end);
  // Until there are none for a while: monitors write theirs after they have answered.
  void FollowLastEvents();
  void Account();
  void CleanUp();
  void TakeComplaints();
  void Report() const;

  const Options options_;
  const Scratch scratch_;
  Board& board_;
  Runtime runtime_;
  std::mt19937_64 random_;
  std::unique_ptr<EventStream> events_;
  EventRules rules_;
  std::map<int, Running> callers_;
  std::map<std::string, int> failures_;
  int kills_ = 0, started_ = 0;
  // What the rules say of events of which some may be missing.
  std::vector<std::string> doubts_;
};

void ManyCallers::StartCaller(int slot) {
  const std::vector<std::string> argv = {"/proc/self/exe",
                                         "--scratch",
                                         scratch_.path(),
                                         "--slot",
                                         std::to_string(slot),
                                         "--pods",
                                         std::to_string(options_.pods),
                                         "--seed",
                                         std::to_string(options_.seed + ++started_)};
  Subprocess::Options how{.argv = argv, .fds = {{1, 1}, {2, 2}}};
  if (options_.real) how.argv.emplace_back("--real");
  Subprocess process = OrGiveUp(Subprocess::Spawn(how), "start a caller");
  ProcessIdentity identity = OrGiveUp(IdentifyProcess(process.pid()), "start a caller");
  callers_.insert_or_assign(slot, Running{std::move(process), std::move(identity)});
}

void ManyCallers::StartCallers() {
  board_.ending = false;
  for (int slot = 0; slot < options_.processes; ++slot) StartCaller(slot);
}

void ManyCallers::EndCallers() {
  board_.ending = true;
  const Deadline end = Deadline::After(2 * Patience(options_.real));
  for (auto& [slot, caller] : callers_) {
    while (!caller.process.Wait(Deadline::After(milliseconds(100)))) {
      while (FollowEvent(Deadline::After(seconds(0)))) {
      }
      ResumeAll();
      if (!end.passed() && NobodyIsStuck()) continue;
      (void)caller.process.Kill(SIGKILL);
    }
    const Result<ProcessExit> exit = caller.process.Wait(Deadline::After(seconds(10)));
    const bool killed = exit && exit->signaled && board_.deaths;
    if (!killed && (!exit || !exit->success())) {
      Fail("a caller " + (exit ? exit->Describe() : exit.error().ToString()) + " in " +
           board_.slots[slot].call);
    }
    board_.slots[slot].since = 0;
  }
  callers_.clear();
}

void ManyCallers::ResumeAll() {
  for (const PodStatus& pod : runtime_.ListPod().value_or(std::vector<PodStatus>())) {
    if (pod.state == PodState::kPaused) (void)runtime_.ResumePod(pod.id, Deadline::After(seconds(5)));
    for (const ContainerStatus& container : pod.containers) {
      if (container.state != ContainerState::kPaused) continue;
      (void)runtime_.ResumeContainer(pod.id, container.id, Deadline::After(seconds(5)));
    }
  }
}

bool ManyCallers::NobodyIsStuck() {
  // Twice as long as any of its calls may take.
  const int64_t longest = std::chrono::nanoseconds(2 * Patience(options_.real)).count();
  for (const auto& [slot, caller] : callers_) {
    const int64_t since = board_.slots[slot].since;
    if (since == 0 || SteadyNow() - since < longest) continue;
    std::vector<pid_t> pids;
    for (const auto& [other, running] : callers_) pids.push_back(running.process.pid());
    std::fprintf(stderr, "process %d waits for ever: %s\n%s\n", caller.process.pid(), board_.slots[slot].call,
                 WhoHoldsWhat(scratch_, pids).c_str());
    Fail(std::string("a call does not end: ") + board_.slots[slot].call);
    return false;
  }
  return true;
}

bool ManyCallers::Watch(Deadline end) {
  while (!end.passed()) {
    // Of those that take seconds to boot, so that some do.
    const milliseconds pause =
        options_.real ? milliseconds(1000 + Choose(4000)) : milliseconds(20 + Choose(100));
    const Deadline next = Min(end, Deadline::After(pause));
    while (!next.passed()) FollowEvent(next);
    if (!NobodyIsStuck()) return false;
    if (board_.deaths) KillSomebody();
    for (auto& [slot, caller] : callers_) {
      const Result<ProcessExit> exit = caller.process.Wait(Deadline::After(seconds(0)));
      if (!exit) continue;
      if (!exit->signaled) Fail("a caller " + exit->Describe());
      board_.slots[slot].since = 0;
      StartCaller(slot);
    }
  }
  return true;
}

void ManyCallers::KillSomebody() {
  const int what = Choose(10);
  if (what < 6) return KillCaller();
  std::vector<PodProcess> monitors, others;
  for (PodProcess& process : scratch_.Processes()) {
    const bool monitor = process.command.find("virtcontainers-monitor") != std::string::npos;
    (monitor ? monitors : others).push_back(std::move(process));
  }
  KillOneOf(what < 9 ? monitors : others);
}

void ManyCallers::KillCaller() {
  Running& caller = callers_.at(Choose(options_.processes));
  (void)caller.process.Kill(SIGKILL);
  ++kills_;
}

void ManyCallers::KillOneOf(const std::vector<PodProcess>& processes) {
  if (processes.empty()) return;
  const ProcessIdentity& chosen = processes[Choose(static_cast<int>(processes.size()))].identity;
  const UniqueFd pidfd(OpenPidfd(chosen.pid));
  // In this order: the process that the descriptor stands for is the one that was chosen.
  if (!pidfd || !IsAlive(chosen)) return;
  if (SendPidfdSignal(pidfd.get(), SIGKILL) == 0) ++kills_;
}

bool ManyCallers::FollowEvent(Deadline end) {
  const std::optional<Event> event = OrGiveUp(events_->Next(end), "read events");
  if (!event) return false;
  const std::string wrong = rules_.Apply(*event, weather());
  if (!wrong.empty()) board_.deaths ? doubts_.push_back(wrong) : Fail(wrong);
  return true;
}

void ManyCallers::FollowLastEvents() {
  while (FollowEvent(Deadline::After(seconds(1)))) {
  }
}

// While nobody is killed, what has been done is what has been told.
void ManyCallers::Account() {
  const std::pair<Operation, EventType> told[] = {{kCreatePod, EventType::kPodCreated},
                                                  {kDeletePod, EventType::kPodDeleted},
                                                  {kStartPod, EventType::kPodStarted},
                                                  {kCreateContainer, EventType::kContainerCreated},
                                                  {kDeleteContainer, EventType::kContainerDeleted},
                                                  {kUpdateContainer, EventType::kContainerUpdated}};
  for (const auto& [operation, event] : told) {
    const uint64_t done = board_.operations[operation].succeeded;
    if (done == rules_.count(event)) continue;
    Fail(std::string(kOperationNames[operation]) + " succeeded " + std::to_string(done) + " times, and " +
         std::to_string(rules_.count(event)) + " events tell of it");
  }
}

void ManyCallers::CleanUp() {
  const auto patient = [&] { return Deadline::After(Patience(options_.real)); };
  for (const PodStatus& pod : OrGiveUp(runtime_.ListPod(), "list the pods")) {
    const std::string wrong = WhatIsWrongWith(pod, weather());
    if (!wrong.empty()) Fail("at the end, of " + pod.id + ": " + wrong);
    if (pod.state != PodState::kReady) {
      if (const Status stopped = runtime_.StopPod(pod.id, milliseconds(0), patient()); !stopped) {
        Fail("at the end: " + stopped.error().ToString());
      }
    }
    if (const Status deleted = runtime_.DeletePod(pod.id, patient()); !deleted) {
      Fail("at the end: " + deleted.error().ToString());
    }
  }
  // Who has been told to end may be there for a moment longer.
  std::vector<std::string> left;
  for (const Deadline end = Deadline::After(seconds(10)); !end.passed();) {
    left = scratch_.Leftovers(!board_.deaths);
    if (left.empty()) return;
    std::this_thread::sleep_for(milliseconds(50));
  }
  for (const std::string& line : left) Fail("left behind: " + line);
}

void ManyCallers::TakeComplaints() {
  std::ifstream file(ComplaintsFile(scratch_.path()));
  for (std::string line; std::getline(file, line);) Fail(line);
  std::error_code ignored;
  std::remove(ComplaintsFile(scratch_.path()).c_str());
}

void ManyCallers::Report() const {
  std::printf("%-16s %10s %10s %12s\n", "call", "succeeded", "failed", "longest (s)");
  for (int i = 0; i < kOperations; ++i) {
    const Board::Operation& operation = board_.operations[i];
    std::printf("%-16s %10llu %10llu %12.3f\n", kOperationNames[i],
                static_cast<unsigned long long>(operation.succeeded),
                static_cast<unsigned long long>(operation.failed),
                static_cast<double>(operation.longest) / 1e9);
  }
  std::printf("%d were killed; events that are missing since:\n", kills_);
  for (const std::string& doubt : doubts_) std::printf("  %s\n", doubt.c_str());
}

int ManyCallers::Run() {
  std::printf("seed %llu: %d processes, %d pods, %d seconds\n",
              static_cast<unsigned long long>(options_.seed), options_.processes, options_.pods,
              options_.seconds);
  std::fflush(stdout);
  const milliseconds half(options_.seconds * 500);

  StartCallers();
  bool alive = Watch(Deadline::After(half));
  EndCallers();
  FollowLastEvents();
  Account();
  TakeComplaints();
  CleanUp();
  FollowLastEvents();

  if (alive) {
    board_.deaths = true;
    StartCallers();
    alive = Watch(Deadline::After(half));
    EndCallers();
    TakeComplaints();
    CleanUp();
    FollowLastEvents();
  }
  // Who dies takes one event along at most that he had yet to write.
  if (doubts_.size() > static_cast<size_t>(kills_)) Fail("more events are missing than somebody was killed");
  Report();
  for (const auto& [what, times] : failures_) std::printf("WRONG, %d times: %s\n", times, what.c_str());
  if (failures_.empty()) scratch_.Remove();
  if (!failures_.empty()) std::printf("the files stay in %s\n", scratch_.path().c_str());
  return failures_.empty() ? 0 : 1;
}

}  // namespace
}  // namespace virtcontainers::stress

int main(int argc, char** argv) {
  using namespace virtcontainers::stress;
  const Options options = ParseOptions(argc, argv);
  if (options.slot < 0) return ManyCallers(options).Run();
  return RunCaller({.scratch = options.scratch,
                    .slot = options.slot,
                    .pods = options.pods,
                    .real = options.real,
                    .seed = options.seed});
}
