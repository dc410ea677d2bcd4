#include "signal_names.h"

#include <signal.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtc {
namespace {

TEST(ParseSignal, ParseSignal_AnySpelling_IsNumber) {
  for (const char* text : {"TERM", "SIGTERM", "sigterm", "Term", "15"})
    EXPECT_EQ(ParseSignal("--signal", text).value_or(0), SIGTERM) << text;
  EXPECT_EQ(ParseSignal("--signal", "KILL").value_or(0), SIGKILL);
  EXPECT_EQ(ParseSignal("--signal", "usr2").value_or(0), SIGUSR2);
  EXPECT_EQ(ParseSignal("--signal", "RTMIN").value_or(0), 34);
  EXPECT_EQ(ParseSignal("--signal", "SIGRTMIN+3").value_or(0), 37);
  EXPECT_EQ(ParseSignal("--signal", "RTMAX-1").value_or(0), 63);
  EXPECT_EQ(ParseSignal("--signal", "64").value_or(0), 64);
  EXPECT_EQ(ParseSignal("--signal", "0").value_or(-1), 0);
}

TEST(ParseSignal, ParseSignal_Unknown_NamesValueAndExamples) {
  for (const char* text : {"", "TREM", "SIG", "-9", "65", "99999999999", "15x", "RTMIN+31", "RTMIN-1",
                           "RTMAX-99", "RTMIN+", "TERM "}) {
    const auto signal = ParseSignal("--signal", text);
    ASSERT_FALSE(signal) << text;
    EXPECT_THAT(signal.error().message(), testing::HasSubstr(std::string("--signal '") + text + "'"));
  }
  EXPECT_THAT(ParseSignal("--signal", "TREM").error().message(), testing::HasSubstr("TERM, KILL"));
}

}  // namespace
}  // namespace virtc
