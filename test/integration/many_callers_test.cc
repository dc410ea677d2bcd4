// Many callers at once: threads, processes, and those who ask while a pod boots.

#include <atomic>
#include <future>
#include <thread>

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using Clock = std::chrono::steady_clock;

class ManyCallers : public PodTest {};

TEST_F(ManyCallers, Calls_WhilePodBootsAndRuns_AreAnswered) {
  ASSERT_OK(runtime().CreatePod(Pod("web", {Container("a"), Container("b")})));
  ASSERT_OK(runtime().CreatePod(Pod("other")));

  // Two start it: one does, the other is told that it runs. Never two VMs.
  const auto begin = Clock::now();
  std::atomic<int> starting = 2;
  const auto start = [&] {
    Runtime mine = OpenAgain();
    const virtcontainers::Status started = mine.StartPod("web");
    --starting;
    return started;
  };
  auto one = std::async(std::launch::async, start);
  auto two = std::async(std::launch::async, start);

  // Meanwhile status, list, and all of another pod's calls are answered.
  Clock::duration longest{};
  int answers = 0;
  const auto timed = [&](const auto& call) {
    const auto asked = Clock::now();
    const auto answer = call();
    if (starting == 2) longest = std::max(longest, Clock::now() - asked);
    ++answers;
    return answer;
  };
  while (starting == 2) {
    const auto status = timed([&] { return runtime().PodStatus("web"); });
    ASSERT_OK(status);
    EXPECT_NE(status->state, PodState::kStopped);
    const auto listed = timed([&] { return runtime().ListPod(); });
    ASSERT_OK(listed);
    EXPECT_EQ(listed->size(), 2u);
    EXPECT_OK(timed([&] { return runtime().ContainerStatus("web", "b"); }));
    EXPECT_OK(timed([&] { return runtime().CreateContainer("other", Container("x")); }));
    EXPECT_OK(timed([&] { return runtime().DeleteContainer("other", "x"); }));
    if (answers == 5) {
      EXPECT_EQ(Virtc({"pod", "list"}).code, 0);
    }
  }
  const auto boot = Clock::now() - begin;
  const virtcontainers::Status results[] = {one.get(), two.get()};
  EXPECT_NE(results[0].has_value(), results[1].has_value());
  for (const virtcontainers::Status& result : results) {
    if (result) continue;
    EXPECT_FAILS(result, Code::kFailedPrecondition, "pod 'web' is running: stop it first");
  }
  EXPECT_GE(answers, 10);
  EXPECT_LT(longest * 2, boot) << "nobody waits for the boot";

  // Threads with one runtime, threads with their own, and processes; each hears its own words alone.
  std::vector<std::future<void>> callers;
  for (int caller = 0; caller < 12; ++caller) {
    callers.push_back(std::async(std::launch::async, [this, caller] {
      Runtime own = OpenAgain();
      Runtime& mine = caller % 2 == 0 ? runtime() : own;
      const std::string container = caller % 3 == 0 ? "a" : "b";
      for (int i = 0; i < 6; ++i) {
        const std::string words = "caller " + std::to_string(caller) + " round " + std::to_string(i) + "\n";
        const Finished finished =
            Finish(mine.EnterContainer("web", container,
                                       Shell("cat; echo apart >&2; exit " + std::to_string(caller))),
                   words, Deadline::After(std::chrono::seconds(120)));
        EXPECT_EQ(finished.out, words);
        EXPECT_EQ(finished.err, "apart\n");
        EXPECT_EQ(finished.code, caller);
        EXPECT_OK(mine.PodStatus("web"));
      }
    }));
  }
  for (int caller = 0; caller < 4; ++caller) {
    callers.push_back(std::async(std::launch::async, [this, caller] {
      for (int i = 0; i < 3; ++i) {
        const std::string words = "process " + std::to_string(caller) + " round " + std::to_string(i) + "\n";
        const Finished finished = Virtc({"container", "enter", "-i", "web", "a", "--", "cat"}, words);
        EXPECT_EQ(finished.out, words) << finished.err;
        EXPECT_EQ(finished.code, 0);
      }
    }));
  }
  // And containers come and go beside them.
  for (int caller = 0; caller < 3; ++caller) {
    callers.push_back(std::async(std::launch::async, [this, caller] {
      const std::string id = "c" + std::to_string(caller);
      ContainerConfig config = Container(id, {"sh", "-c", "exit " + std::to_string(10 + caller)});
      EXPECT_OK(runtime().CreateContainer("web", config));
      EXPECT_OK(runtime().StartContainer("web", id));
      EXPECT_EQ(WaitUntilStopped("web", id).exit, ExitStatus{10 + caller});
      EXPECT_OK(runtime().DeleteContainer("web", id));
    }));
  }
  for (auto& caller : callers) caller.get();
  EXPECT_EQ(StatusOf("web").containers.size(), 2u);

  // A hundred processes that live at once.
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < 100; ++i) {
    auto process = runtime().EnterContainer("web", "a", Command({"cat"}));
    ASSERT_OK(process);
    processes.push_back(*std::move(process));
  }
  for (size_t i = 0; i < processes.size(); ++i) {
    const std::string words = std::to_string(i);
    EXPECT_EQ(Finish(std::move(processes[i]), words).out, words);
  }

  // Two stop it: both are right.
  auto first = std::async(std::launch::async, [&] { return runtime().StopPod("web"); });
  auto second = std::async(std::launch::async, [&] { return OpenAgain().StopPod("web"); });
  EXPECT_OK(first.get());
  EXPECT_OK(second.get());
  EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
}

TEST_F(ManyCallers, CreateAndDelete_ManyCallersOfOneRoot_Succeed) {
  const ContainerConfig container = Container("c");
  std::vector<std::future<void>> callers;
  std::atomic<int> made = 0;
  for (int caller = 0; caller < 4; ++caller) {
    callers.push_back(std::async(std::launch::async, [&, caller] {
      Runtime mine = OpenAgain();
      for (int i = 0; i < 25; ++i) {
        const std::string id = "own-" + std::to_string(caller);
        EXPECT_OK(mine.CreatePod(Pod(id, {container})));
        EXPECT_OK(mine.PodStatus(id));
        EXPECT_OK(mine.DeletePod(id));
        // All four want this one; it is one caller's at a time.
        if (mine.CreatePod(Pod("shared", {container}))) {
          ++made;
          EXPECT_OK(mine.DeletePod("shared"));
        }
      }
    }));
  }
  for (int i = 0; i < 50; ++i) EXPECT_OK(runtime().ListPod());
  for (auto& caller : callers) caller.get();
  EXPECT_GE(made, 1);
  EXPECT_EQ(runtime().ListPod()->size(), 0u);
}

}  // namespace
}  // namespace virtcontainers::test
