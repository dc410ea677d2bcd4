#include "os/marked_process.h"

#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "os/subprocess.h"

namespace virtcontainers {
namespace {

TEST(MarkedProcess, AreFoundByTheirMarkAlone) {
  const std::string mark = "/run/test-" + std::to_string(::getpid());
  const auto spawn = [](const std::string& variable) {
    return Subprocess::Spawn(
        {.argv = {"sleep", "1000"}, .env = std::vector<std::string>{"A=b", variable, "C=d"}});
  };
  const std::string name = std::string(kPodMark) + "=";
  Result<Subprocess> marked = spawn(name + mark), longer = spawn(name + mark + "-2"),
                     other = spawn("X" + name + mark);
  ASSERT_TRUE(marked && longer && other);
  const auto found = FindMarkedProcesses(mark);
  ASSERT_TRUE(found) << found.error().ToString();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().pid, marked->pid());
  for (Subprocess* process : {&*marked, &*longer, &*other}) {
    EXPECT_TRUE(process->Kill(SIGKILL));
    EXPECT_TRUE(process->Wait(Deadline::Infinite()));
  }
  EXPECT_TRUE(FindMarkedProcesses(mark)->empty()) << "what has ended is not there";
}

}  // namespace
}  // namespace virtcontainers
