#include "guest/agent/boot/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

TEST(CommandLineTest, Parse_NoParameters_UsesDefaults) {
  const CommandLine line = ParseCommandLine("console=ttyS0 quiet\n");
  EXPECT_EQ(line.transport, CommandLine::Transport::kVirtioSerial);
  EXPECT_EQ(line.power_off, CommandLine::PowerOff::kAcpi);
  EXPECT_EQ(line.log_level, LogLevel::kInfo);
  EXPECT_TRUE(line.mistakes.empty());
}

TEST(CommandLineTest, Parse_EachParameter_IsTaken) {
  const CommandLine line =
      ParseCommandLine("virtcontainers.transport=vsock  virtcontainers.poweroff=reset agent.log=\"debug\"");
  EXPECT_EQ(line.transport, CommandLine::Transport::kVsock);
  EXPECT_EQ(line.power_off, CommandLine::PowerOff::kReset);
  EXPECT_EQ(line.log_level, LogLevel::kDebug);
}

TEST(CommandLineTest, Parse_UnknownValues_AreReportedAndIgnored) {
  const CommandLine line =
      ParseCommandLine("agent.log=loud virtcontainers.transport= agent.log agent.other=1");
  EXPECT_EQ(line.log_level, LogLevel::kInfo);
  EXPECT_THAT(line.mistakes, testing::ElementsAre("agent.log=loud", "virtcontainers.transport="));
}

TEST(CommandLineTest, Parse_QuotedSpaces_DoNotEndWord) {
  EXPECT_EQ(ParseCommandLine("x=\"a agent.log=debug\"").log_level, LogLevel::kInfo);
  EXPECT_EQ(ParseCommandLine("x=\"never closed agent.log=debug").log_level, LogLevel::kInfo);
  EXPECT_EQ(ParseCommandLine("").log_level, LogLevel::kInfo);
}

}  // namespace
}  // namespace virtcontainers::guest
