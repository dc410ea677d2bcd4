#include "os/marked_process.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <string_view>
#include <thread>

#include "base/test_deadline.h"
#include "os/process_identity.h"
#include "os/subprocess.h"

namespace virtcontainers {
namespace {

MarkFilter Is(const std::string& mark) {
  return [mark](std::string_view found) { return found == mark; };
}

TEST(MarkedProcess, Find_ByMark_FindsMarkedProcessesOnly) {
  const std::string mark = "/run/test-" + std::to_string(::getpid());
  const auto spawn = [](const std::string& variable) {
    return Subprocess::Spawn(
        {.argv = {"sleep", "1000"}, .env = std::vector<std::string>{"A=b", variable, "C=d"}});
  };
  const std::string name = std::string(kPodMark) + "=";
  Result<Subprocess> marked = spawn(name + mark), longer = spawn(name + mark + "-2"),
                     other = spawn("X" + name + mark);
  ASSERT_TRUE(marked && longer && other);
  const auto found = FindMarkedProcesses(Is(mark));
  ASSERT_TRUE(found) << found.error().ToString();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().process.pid, marked->pid());
  for (Subprocess* process : {&*marked, &*longer, &*other}) {
    EXPECT_TRUE(process->Kill(SIGKILL));
    EXPECT_TRUE(process->Wait(Deadline::Infinite()));
  }
  EXPECT_TRUE(FindMarkedProcesses(Is(mark))->empty()) << "what has ended is not there";
}

// The parent goes on as soon as the program has a memory of its own, which is before it has an environment.
TEST(MarkedProcess, Find_JustSpawned_FindsProcess) {
  const std::string mark = "first-moment-" + std::to_string(::getpid());
  for (int i = 0; i < 200; ++i) {
    Result<Subprocess> process =
        Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = MarkedEnvironment(mark)});
    ASSERT_TRUE(process);
    const auto found = FindMarkedProcesses([](std::string_view m) { return m.starts_with("first-moment-"); });
    EXPECT_TRUE(process->Kill(SIGKILL));
    EXPECT_TRUE(process->Wait(Deadline::Infinite()));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1u) << "missed in turn " << i;
    EXPECT_EQ(found->front().mark, mark);
  }
}

TEST(MarkedProcess, IsMarked_OtherMarkOrReusedPid_IsFalse) {
  Result<Subprocess> process =
      Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = MarkedEnvironment("ours")});
  ASSERT_TRUE(process);
  ProcessIdentity identity = IdentifyProcess(process->pid()).value();
  EXPECT_TRUE(IsMarked(identity, Is("ours")).value());
  EXPECT_FALSE(IsMarked(identity, Is("theirs")).value());
  ++identity.start_time;
  EXPECT_FALSE(IsMarked(identity, Is("ours")).value());
  EXPECT_TRUE(process->Kill(SIGKILL));
  EXPECT_TRUE(process->Wait(Deadline::Infinite()));
}

TEST(MarkedProcess, KillMarkedProcesses_ProcessesForking_LeavesNone) {
  const std::string mark = "multiplies-" + std::to_string(::getpid());
  Result<Subprocess> process =
      Subprocess::Spawn({.argv = {"sh", "-c", "while true; do sleep 1000 & sleep 0.001; done"},
                         .env = MarkedEnvironment(mark)});
  ASSERT_TRUE(process);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_TRUE(KillMarkedProcesses(Is(mark), Soon()));
  EXPECT_TRUE(FindMarkedProcesses(Is(mark))->empty());
  EXPECT_TRUE(process->Wait(Deadline::Infinite()));
}

TEST(MarkedProcess, MarkedEnvironment_MarkPresent_ReplacesMark) {
  ASSERT_EQ(::setenv(kPodMark, "another", 1), 0);
  const std::vector<std::string> environment = MarkedEnvironment("this");
  ::unsetenv(kPodMark);
  const std::string name = std::string(kPodMark) + "=";
  EXPECT_EQ(std::count_if(environment.begin(), environment.end(),
                          [&](const std::string& variable) { return variable.starts_with(name); }),
            1);
  EXPECT_EQ(environment.back(), name + "this");
  EXPECT_TRUE(std::any_of(environment.begin(), environment.end(),
                          [](const std::string& variable) { return variable.starts_with("PATH="); }));
}

}  // namespace
}  // namespace virtcontainers
