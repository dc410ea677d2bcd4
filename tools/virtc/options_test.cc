#include "options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtc {
namespace {

using testing::ElementsAre;

// The specifications of a command that has an option of each kind.
class SplitTest : public testing::Test {
 protected:
  SplitLine Split(const std::vector<std::string>& words, bool takes_command = true) {
    return SplitCommandLine(options_.specs(), words, takes_command);
  }

  virtc::Options options_;
  std::string text_;
  std::vector<std::string> list_;
  bool flag_ = false;
};

class SplitContainerTest : public SplitTest {
 protected:
  SplitContainerTest() {
    options_.Argument("POD", text_, "")
        .Argument("CONTAINER", text_, "")
        .Flag("-i,--interactive", flag_, "")
        .Flag("-t,--tty", flag_, "")
        .Text("-u,--user", "UID", text_, "")
        .List("-e,--env", "NAME", list_, "");
  }
};

TEST_F(SplitContainerTest, CommandBegins_AtTheFirstWordAfterTheArguments) {
  const SplitLine line = Split({"-i", "web", "--user", "5", "db", "-t", "ls", "-i", "--", "x"});
  EXPECT_THAT(line.own, ElementsAre("-i", "web", "--user", "5", "db", "-t"));
  EXPECT_THAT(line.arguments, ElementsAre("web", "db"));
  EXPECT_THAT(*line.command, ElementsAre("ls", "-i", "--", "x"));
}

TEST_F(SplitContainerTest, CommandBegins_AfterTheFirstDashes) {
  EXPECT_THAT(*Split({"web", "db", "--", "-x", "--", "y"}).command, ElementsAre("-x", "--", "y"));
  const SplitLine early = Split({"web", "--", "db"});
  EXPECT_THAT(early.own, ElementsAre("web"));
  EXPECT_THAT(*early.command, ElementsAre("db"));
  EXPECT_THAT(*Split({"--"}).command, ElementsAre());
}

TEST_F(SplitContainerTest, WordsThatAreValues_AreNeitherArgumentsNorCommands) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{"-u", "5"},
                                                  {"-u5"},
                                                  {"--user=5"},
                                                  {"--user", "--"},
                                                  {"-itu", "5"},
                                                  {"-e", "A=1", "-eB=2"},
                                                  {"--env=A=1"},
                                                  {"-it"},
                                                  {"--unknown"},
                                                  {"-x"}}) {
    std::vector<std::string> words = options;
    words.insert(words.end(), {"web", "db", "ls"});
    const SplitLine line = Split(words);
    EXPECT_THAT(line.arguments, ElementsAre("web", "db")) << testing::PrintToString(options);
    ASSERT_TRUE(line.command) << testing::PrintToString(options);
    EXPECT_THAT(*line.command, ElementsAre("ls")) << testing::PrintToString(options);
  }
}

TEST_F(SplitContainerTest, PodAndContainerInOneWord_AreTwoArguments) {
  const SplitLine line = Split({"web/db", "ls", "a/b"});
  EXPECT_THAT(line.own, ElementsAre("web", "db"));
  EXPECT_THAT(line.arguments, ElementsAre("web", "db"));
  EXPECT_THAT(*line.command, ElementsAre("ls", "a/b"));
  EXPECT_THAT(Split({"web", "db", "a/b"}).arguments, ElementsAre("web", "db"));
}

TEST_F(SplitContainerTest, WithoutACommand_AllWordsAreVirtcs) {
  EXPECT_FALSE(Split({"web", "db"}).command);
  EXPECT_FALSE(Split({}).command);
  const SplitLine line = Split({"web", "db", "more"}, false);
  EXPECT_THAT(line.own, ElementsAre("web", "db", "more"));
  EXPECT_FALSE(line.command);
  EXPECT_THAT(*Split({"web", "--", "more"}, false).command, ElementsAre("more"));
}

TEST_F(SplitTest, ListOfArguments_TakesAllWords) {
  options_.Arguments("POD", list_, "").Flag("-f,--force", flag_, "");
  const SplitLine line = Split({"a", "-f", "b/c", "d"}, false);
  EXPECT_THAT(line.arguments, ElementsAre("a", "b/c", "d"));
  ASSERT_NE(line.awaited_argument, nullptr);
  EXPECT_TRUE(line.awaited_argument->has_name("POD"));
}

TEST_F(SplitTest, ArgumentReplacedByAnOption_IsNotExpected) {
  options_.OptionalArgument("POD", text_, "", "--name").Text("--name,--id", "POD", text_, "");
  EXPECT_THAT(*Split({"--name", "web", "ls"}).command, ElementsAre("ls"));
  EXPECT_THAT(*Split({"--id=web", "ls"}).command, ElementsAre("ls"));
  const SplitLine argument = Split({"web", "--name", "web", "ls"});
  EXPECT_THAT(argument.arguments, ElementsAre("web"));
  EXPECT_THAT(*argument.command, ElementsAre("ls"));
}

}  // namespace
}  // namespace virtc
