#include "stress/caller.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <iterator>
#include <random>

#include "base/unique_fd.h"
#include "os/file.h"
#include "stress/board.h"
#include "stress/pod_rules.h"
#include "stress/scratch.h"

namespace virtcontainers::stress {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

static_assert(std::size(kOperationNames) == kOperations && kOperations <= kMaxOperations);

// How often each is chosen.
constexpr int kWeights[kOperations] = {
    /* CreatePod */ 8,       /* DeletePod */ 3,
    /* StartPod */ 8,        /* StopPod */ 3,
    /* PausePod */ 2,        /* ResumePod */ 5,
    /* PodStatus */ 8,       /* ListPod */ 4,
    /* StatsPod */ 2,        /* EnterPod */ 3,
    /* RestoreMonitor */ 1,  /* CreateContainer */ 4,
    /* DeleteContainer */ 3, /* StartContainer */ 5,
    /* StopContainer */ 3,   /* PauseContainer */ 2,
    /* ResumeContainer */ 4, /* KillContainer */ 2,
    /* WaitContainer */ 3,   /* EnterContainer */ 6,
    /* ContainerStatus */ 2, /* UpdateContainer */ 2,
    /* ProcessList */ 2,     /* FetchPod */ 1};

// What a process of a container that ends meanwhile ends with.
constexpr int kKilled = 128 + SIGKILL;

class Caller {
 public:
  explicit Caller(const CallerOptions& options)
      : options_(options),
        scratch_(options.scratch),
        board_(*Board::Map(options.scratch + "/board")),
        runtime_(scratch_.OpenRuntime()),
        random_(options.seed) {}

  int Run() {
    const pid_t parent = ::getppid();
    std::discrete_distribution<int> operations(std::begin(kWeights), std::end(kWeights));
    while (!board_.ending && ::getppid() == parent) {
      pod_ = "pod-" + std::to_string(Choose(options_.pods));
      container_ = Choose(2) == 0 ? "a" : "b";
      const auto operation = static_cast<Operation>(operations(random_));
      // What takes seconds to boot lives longer, or nothing would ever be done to a pod that runs.
      const bool ends = operation == kStopPod || operation == kDeletePod;
      if (ends && options_.real && Choose(10) != 0) continue;
      Do(operation);
    }
    return 0;
  }

 private:
  int Choose(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  milliseconds Grace() { return milliseconds(Choose(2) * 1000); }
  Deadline Patient() const { return Deadline::After(Patience(options_.real)); }
  Weather weather() const { return board_.deaths ? Weather::kDeaths : Weather::kCalm; }

  void Complain(const std::string& what) {
    const UniqueFd file(
        ::open(ComplaintsFile(options_.scratch).c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600));
    (void)WriteAll(file.get(), what + "\n");
  }

  // Says whether it succeeded, and complains of a failure that cannot be.
  template <typename R>
  bool Note(Operation operation, const Call& call, const R& result) {
    Board::Operation& counts = board_.operations[operation];
    ++(result ? counts.succeeded : counts.failed);
    if (result) return true;
    const std::string wrong = WhatIsWrongWith(call, result.error(), weather());
    if (!wrong.empty()) Complain(std::string(kOperationNames[operation]) + " answered " + wrong);
    return false;
  }

  template <typename F>
  auto OnTheBoard(Operation operation, F call) {
    std::string what = std::string(kOperationNames[operation]) + " " + pod_;
    if (operation >= kCreateContainer && operation != kFetchPod) what += " " + container_;
    const OnBoard on_board(board_, options_.slot, operation, what);
    return call();
  }

  template <typename F>
  bool OfPod(Operation operation, std::optional<PodCall> call, std::set<Code> codes, F make) {
    return Note(operation, {pod_, "", call, {}, std::move(codes)}, OnTheBoard(operation, make));
  }
  template <typename F>
  bool OfContainer(Operation operation, std::optional<ContainerCall> call, std::set<Code> codes, F make) {
    return Note(operation, {pod_, container_, {}, call, std::move(codes)}, OnTheBoard(operation, make));
  }

  ContainerConfig Container(const std::string& id) {
    return scratch_.Container(
        id, Choose(4) == 0 ? std::vector<std::string>{"true"} : std::vector<std::string>{"sleep", "1000"});
  }

  void Look(const PodStatus& status, const char* by) {
    const std::string wrong = WhatIsWrongWith(status, weather());
    if (!wrong.empty()) Complain(std::string(by) + " shows of " + status.id + ": " + wrong);
  }

  // A command that ends by itself, or one that is talked with.
  void Enter(Operation operation, bool container);
  std::string Converse(Process& process, const std::string& words);
  void Do(Operation operation);
  void DoToPod(Operation operation);
  void DoToContainer(Operation operation);

  const CallerOptions options_;
  const Scratch scratch_;
  Board& board_;
  Runtime runtime_;
  std::mt19937_64 random_;
  std::string pod_, container_;
};

std::string Caller::Converse(Process& process, const std::string& words) {
  if (!process.WriteStdin(words, Patient()) || !process.CloseStdin(Patient())) return "";
  std::string said;
  char buffer[256];
  while (true) {
    const Result<size_t> count = process.ReadStdout(buffer, Patient());
    if (!count) return "";  // its pod or container is gone
    if (*count == 0) break;
    said.append(buffer, *count);
  }
  const Result<ExitStatus> exit = process.Wait(Patient());
  if (!exit || exit->code == kKilled || said == words) return "";
  return "cat was told '" + words + "' and said '" + said + "'";
}

void Caller::Enter(Operation operation, bool container) {
  const bool talk = Choose(2) == 0;
  ProcessConfig command;
  command.args = {"exit", "5"};
  if (options_.real) command.args = {"sh", "-c", "exit 5"};
  if (talk) command.args = {"cat"};
  Result<std::unique_ptr<Process>> process = tl::unexpected(Error(Code::kUnknown, ""));
  const auto enter = [&] {
    process = container ? runtime_.EnterContainer(pod_, container_, command, Patient())
                        : runtime_.EnterPod(pod_, command, Patient());
    return process.map([](const auto&) {});
  };
  // No turn is taken: the pod or the container may be gone before the process is there.
  const bool entered =
      container ? OfContainer(operation, ContainerCall::kEnterContainer, {Code::kUnavailable}, enter)
                : OfPod(operation, PodCall::kEnterPod, {Code::kUnavailable}, enter);
  if (!entered) return;
  const std::string wrong = OnTheBoard(operation, [&]() -> std::string {
    if (talk) return Converse(**process, "word " + std::to_string(Choose(1000)));
    const Result<ExitStatus> exit = (*process)->Wait(Patient());
    if (!exit) {
      const Call call{pod_, container ? container_ : "", {}, {}, {Code::kUnavailable}};
      return WhatIsWrongWith(call, exit.error(), weather());
    }
    if (exit->code == 5 || exit->code == kKilled) return "";
    return "exit code " + std::to_string(exit->code);
  });
  if (!wrong.empty()) Complain("a process of " + pod_ + ": " + wrong);
}

void Caller::Do(Operation operation) {
  if (operation < kCreateContainer || operation == kFetchPod) {
    DoToPod(operation);
  } else {
    DoToContainer(operation);
  }
}

void Caller::DoToPod(Operation operation) {
  switch (operation) {
    case kCreatePod: {
      const PodConfig config =
          scratch_.Pod(pod_, options_.real, {Container("a"), scratch_.Container("b", {"true"})});
      OfPod(operation, {}, {Code::kAlreadyExists}, [&] { return runtime_.CreatePod(config); });
      break;
    }
    case kDeletePod:
      OfPod(operation, PodCall::kDeletePod, {}, [&] { return runtime_.DeletePod(pod_, Patient()); });
      break;
    case kStartPod:
      OfPod(operation, PodCall::kStartPod, {}, [&] { return runtime_.StartPod(pod_, Patient()); });
      break;
    case kStopPod:
      OfPod(operation, PodCall::kStopPod, {}, [&] { return runtime_.StopPod(pod_, Grace(), Patient()); });
      break;
    case kPausePod:
      OfPod(operation, PodCall::kPausePod, {}, [&] { return runtime_.PausePod(pod_, Patient()); });
      break;
    case kResumePod:
      OfPod(operation, PodCall::kResumePod, {}, [&] { return runtime_.ResumePod(pod_, Patient()); });
      break;
    case kPodStatus:
      OfPod(operation, {}, {}, [&] {
        const Result<PodStatus> status = runtime_.PodStatus(pod_);
        if (status) Look(*status, "status");
        return status;
      });
      break;
    case kListPod:
      OfPod(operation, {}, {}, [&] {
        const auto pods = runtime_.ListPod();
        if (!pods) return pods;
        for (const PodStatus& status : *pods) Look(status, "list");
        return pods;
      });
      break;
    case kStatsPod:
      OfPod(operation, PodCall::kStatsPod, {Code::kUnavailable},
            [&] { return runtime_.StatsPod(pod_, Patient()); });
      break;
    case kRestoreMonitor:
      OfPod(operation, {}, {}, [&] { return runtime_.RestoreMonitor(pod_, Patient()); });
      break;
    case kFetchPod:
      OfPod(operation, {}, {}, [&] { return runtime_.FetchPod(pod_); });
      break;
    default:
      Enter(operation, false);
  }
}

void Caller::DoToContainer(Operation operation) {
  switch (operation) {
    case kCreateContainer: {
      const ContainerConfig config = Container(container_);
      Note(operation, {pod_, container_, PodCall::kCreateContainer, {}, {Code::kAlreadyExists}},
           OnTheBoard(operation, [&] { return runtime_.CreateContainer(pod_, config, Patient()); }));
      break;
    }
    case kDeleteContainer:
      OfContainer(operation, ContainerCall::kDeleteContainer, {},
                  [&] { return runtime_.DeleteContainer(pod_, container_, Patient()); });
      break;
    case kStartContainer:
      OfContainer(operation, ContainerCall::kStartContainer, {},
                  [&] { return runtime_.StartContainer(pod_, container_, Patient()); });
      break;
    case kStopContainer:
      OfContainer(operation, ContainerCall::kStopContainer, {},
                  [&] { return runtime_.StopContainer(pod_, container_, Grace(), Patient()); });
      break;
    case kPauseContainer:
      OfContainer(operation, ContainerCall::kPauseContainer, {},
                  [&] { return runtime_.PauseContainer(pod_, container_, Patient()); });
      break;
    case kResumeContainer:
      OfContainer(operation, ContainerCall::kResumeContainer, {},
                  [&] { return runtime_.ResumeContainer(pod_, container_, Patient()); });
      break;
    case kKillContainer: {
      const int signal = Choose(2) == 0 ? SIGTERM : SIGKILL;
      OfContainer(operation, ContainerCall::kKillContainer, {Code::kUnavailable},
                  [&] { return runtime_.KillContainer(pod_, container_, signal, Patient()); });
      break;
    }
    case kWaitContainer:
      OfContainer(operation, ContainerCall::kWaitContainer, {Code::kDeadlineExceeded, Code::kAborted}, [&] {
        return runtime_.WaitContainer(pod_, container_, Deadline::After(milliseconds(Choose(300))));
      });
      break;
    case kContainerStatus:
      OfContainer(operation, {}, {}, [&] { return runtime_.ContainerStatus(pod_, container_); });
      break;
    case kUpdateContainer: {
      ContainerResources resources;
      resources.pids_limit = 100 + Choose(100);
      OfContainer(operation, ContainerCall::kUpdateContainer, {},
                  [&] { return runtime_.UpdateContainer(pod_, container_, resources, Patient()); });
      break;
    }
    case kProcessList:
      OfContainer(operation, ContainerCall::kStatsContainer, {Code::kUnavailable},
                  [&] { return runtime_.ProcessListContainer(pod_, container_, Patient()); });
      break;
    default:
      Enter(operation, true);
  }
}

}  // namespace

std::chrono::seconds Patience(bool real) { return real ? seconds(240) : seconds(60); }

std::string ComplaintsFile(const std::string& scratch) { return scratch + "/complaints"; }

int RunCaller(const CallerOptions& options) { return Caller(options).Run(); }

}  // namespace virtcontainers::stress
