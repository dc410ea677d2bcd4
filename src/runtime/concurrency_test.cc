// Many callers at once: no order of calls brings a pod into a state that is none.

#include <atomic>
#include <random>
#include <set>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

using Concurrency = RuntimeTest;

// What may be answered to a call whose pod others change meanwhile.
bool IsExpected(Code code) {
  static const std::set<Code> kExpected = {
      Code::kNotFound,  // deleted
      Code::kAlreadyExists, Code::kFailedPrecondition,
      Code::kUnavailable,  // stopped while it was being entered
      Code::kAborted,      // likewise, while it started
  };
  return kExpected.count(code) != 0;
}

// Empty if the status is one that a pod can have.
std::string WhatIsWrongWith(const PodStatus& pod) {
  const bool running = pod.state == PodState::kRunning;
  if (pod.state == PodState::kPaused) return "nobody paused it";
  if (running != (pod.vm_pid != 0)) return "running and having a VM are the same";
  if (running && !pod.started) return "it runs and was never started";
  if (running && !pod.reason.empty()) return "it runs, and says: " + pod.reason;
  if (pod.state == PodState::kStopped && !pod.finished) return "it has stopped, and did not finish";
  // It may be seen before the monitor has said why.
  if (pod.state == PodState::kStopped && !pod.reason.empty() && pod.reason != "the VM has ended") {
    return "nobody killed it, and it says: " + pod.reason;
  }
  std::set<std::string> ids;
  for (const ContainerStatus& container : pod.containers) {
    if (!ids.insert(container.id).second) return "container " + container.id + " is there twice";
    if (container.state == ContainerState::kRunning && !running) {
      return "container " + container.id + " runs in a pod that does not";
    }
    if (container.state == ContainerState::kRunning && container.exit) {
      return "container " + container.id + " runs and has ended";
    }
    if (container.state == ContainerState::kStopped && !container.finished) {
      return "container " + container.id + " has stopped, and did not finish";
    }
  }
  return {};
}

TEST_F(Concurrency, RandomCalls_ManyThreads_ShowNoIllegalState) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Deadline end = Deadline::After(milliseconds(2500));
  std::atomic<int> succeeded{0};
  std::mutex mutex;
  std::set<std::string> wrong;

  const auto caller = [&](unsigned number) {
    std::mt19937 random(seed + number);
    const auto choose = [&](unsigned count) {
      return std::uniform_int_distribution<unsigned>(0, count - 1)(random);
    };
    const auto complain = [&](const std::string& what) {
      const std::lock_guard lock(mutex);
      wrong.insert(what);
    };
    const auto note = [&](const auto& result) {
      if (result) {
        ++succeeded;
      } else if (!IsExpected(result.error().code())) {
        complain(std::string(CodeName(result.error().code())) + " " + result.error().ToString());
      }
    };
    Runtime runtime = Open();
    while (!end.passed()) {
      const std::string pod = choose(2) == 0 ? "one" : "two";
      const std::string container = choose(2) == 0 ? "a" : "b";
      switch (choose(12)) {
        case 0:
          note(runtime.CreatePod(Pod(pod, {Container("a"), Container("b", {"true"})})));
          break;
        case 1:
          note(runtime.DeletePod(pod, Soon()));
          break;
        case 2:
        case 3:
          note(runtime.StartPod(pod, Soon()));
          break;
        case 4:
          note(runtime.StopPod(pod, milliseconds(choose(2) * 1000), Soon()));
          break;
        case 5:
          note(runtime.CreateContainer(pod, Container(container), Soon()));
          break;
        case 6:
          note(runtime.DeleteContainer(pod, container, Soon()));
          break;
        case 7:
          note(runtime.StartContainer(pod, container, Soon()));
          break;
        case 8:
          note(runtime.StopContainer(pod, container, milliseconds(choose(2) * 1000), Soon()));
          break;
        case 9: {
          const auto process = runtime.EnterContainer(pod, container, Command({"exit", "5"}), Soon());
          note(process);
          if (!process) break;
          const auto exit = (*process)->Wait(Soon());
          note(exit);
          if (exit && exit->code != 5 && exit->code != 128 + SIGKILL) {
            complain("exit code " + std::to_string(exit->code));
          }
          break;
        }
        case 10: {
          const auto pods = runtime.ListPod();
          note(pods);
          if (!pods) break;
          for (const PodStatus& status : *pods) {
            const std::string what = WhatIsWrongWith(status);
            if (!what.empty()) complain("list: " + what);
          }
          break;
        }
        case 11: {
          const auto status = runtime.PodStatus(pod);
          note(status);
          const std::string what = status ? WhatIsWrongWith(*status) : "";
          if (!what.empty()) complain("status: " + what);
          break;
        }
      }
    }
  };
  std::vector<std::thread> callers;
  for (unsigned i = 0; i < 8; ++i) callers.emplace_back(caller, i);
  for (std::thread& thread : callers) thread.join();

  EXPECT_THAT(wrong, testing::IsEmpty());
  EXPECT_GT(succeeded, 20);
  const auto pods = runtime_.ListPod();
  ASSERT_OK(pods);
  for (const PodStatus& pod : *pods) EXPECT_EQ(WhatIsWrongWith(pod), "");
}

TEST_F(Concurrency, CreatePod_ManyCallers_OneSucceeds) {
  std::atomic<int> created{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      const Status status = runtime_.CreatePod(Pod("web"));
      if (status) {
        ++created;
      } else {
        EXPECT_EQ(status.error().code(), Code::kAlreadyExists);
      }
    });
  }
  for (std::thread& thread : callers) thread.join();
  EXPECT_EQ(created, 1);
}

TEST_F(Concurrency, StartPod_ManyCallers_OneSucceeds) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  std::atomic<int> started{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      const Status status = runtime_.StartPod("web", Soon());
      if (status) {
        ++started;
      } else {
        EXPECT_EQ(status.error().code(), Code::kFailedPrecondition) << status.error().ToString();
      }
    });
  }
  for (std::thread& thread : callers) thread.join();
  EXPECT_EQ(started, 1);
}

// Who stops a pod has it stopped, however many do: defect J, at once.
TEST_F(Concurrency, StopPod_ManyCallers_AllSucceed) {
  CreateAndStart(Pod("web", {Container("a")}));
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      EXPECT_OK(runtime_.StopPod("web", milliseconds(1000), Soon()));
      EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
    });
  }
  for (std::thread& thread : callers) thread.join();
}

}  // namespace
}  // namespace virtcontainers
