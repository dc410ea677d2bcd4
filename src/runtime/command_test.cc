// Commands that are run to their end. What needs a shell is tested in a VM (test/integration).

#include "virtcontainers/command.h"

#include <future>
#include <stop_token>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

class CommandTest : public RuntimeTest {
 protected:
  CommandTest() { CreateAndStart(Pod("p", {Container("c")})); }
};

TEST_F(CommandTest, RunCommand_WithInput_ReturnsOutputAndExitStatus) {
  for (const char* container : {"c", ""}) {
    const auto result = runtime_.RunCommand("p", container, Command({"cat"}), {.input = "hello"}, Soon());
    ASSERT_OK(result);
    EXPECT_EQ(result->end, CommandEnd::kExited);
    EXPECT_EQ(result->exit.code, 0);
    EXPECT_EQ(result->stdout_data, "hello");
    EXPECT_EQ(result->stderr_data, "");
    EXPECT_EQ(result->stdout_dropped, 0u);
    EXPECT_EQ(result->input_taken, 5u);
  }
}

TEST_F(CommandTest, RunCommand_OutputBeyondTheLimit_IsCountedAndDropped) {
  const std::string input(1'000'000, 'x');
  const auto result =
      runtime_.RunCommand("p", "c", Command({"cat"}), {.input = input, .max_stdout = 10}, Soon());
  ASSERT_OK(result);
  EXPECT_EQ(result->end, CommandEnd::kExited);
  EXPECT_EQ(result->stdout_data, "xxxxxxxxxx");
  EXPECT_EQ(result->stdout_dropped, input.size() - 10);
  EXPECT_EQ(result->input_taken, input.size());
}

TEST_F(CommandTest, RunCommand_KillOnExcess_EndsTheCommand) {
  CommandOptions options{.max_stdout = 3, .kill_on_excess = true};
  options.input = "hello";
  const auto whole = runtime_.RunCommand("p", "c", Command({"cat"}), options, Soon());
  ASSERT_OK(whole);
  EXPECT_EQ(whole->stdout_data, "hel");
  EXPECT_EQ(whole->stdout_dropped, 2u);
}

TEST_F(CommandTest, RunCommand_DeadlinePasses_KillsTheCommand) {
  const auto result =
      runtime_.RunCommand("p", "c", Command({"sleep", "1000"}), {}, Deadline::After(milliseconds(300)));
  ASSERT_OK(result);
  EXPECT_EQ(result->end, CommandEnd::kTimedOut);
  EXPECT_EQ(result->exit.code, 137);
}

TEST_F(CommandTest, RunCommand_Cancelled_KillsTheCommand) {
  std::stop_source source;
  auto running = std::async(std::launch::async, [&] {
    return runtime_.RunCommand("p", "c", Command({"sleep", "1000"}), {},
                               Deadline::Infinite().OrStopped(source.get_token()));
  });
  EXPECT_EQ(running.wait_for(milliseconds(200)), std::future_status::timeout);
  source.request_stop();
  const auto result = running.get();
  ASSERT_OK(result);
  EXPECT_EQ(result->end, CommandEnd::kCancelled);
  EXPECT_EQ(result->exit.code, 137);
}

TEST_F(CommandTest, RunCommand_DeadlineHasPassed_RunsNothing) {
  EXPECT_CODE(runtime_.RunCommand("p", "c", Command({"sleep"}), {}, Passed()), Code::kDeadlineExceeded);
  const auto processes = runtime_.ProcessListContainer("p", "c", Soon());
  ASSERT_OK(processes);
  EXPECT_EQ(processes->size(), 1u);
}

}  // namespace
}  // namespace virtcontainers
