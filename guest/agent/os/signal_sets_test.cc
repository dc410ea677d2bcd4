#include "guest/agent/os/signal_sets.h"

#include <signal.h>

#include <gtest/gtest.h>
#include <string>

namespace virtcontainers::guest {
namespace {

std::string ProcStatus(const char* blocked, const char* ignored, const char* caught) {
  return std::string("Name:\tsh\nShdPnd:\t0000000000000000\nSigBlk:\t") + blocked + "\nSigIgn:\t" + ignored +
         "\nSigCgt:\t" + caught + "\nCapInh:\t0000000000000000\n";
}

constexpr char kNone[] = "0000000000000000", kTerm[] = "0000000000004000", kOthers[] = "ffffffffffffbfff";

TEST(HasDefaultActionTest, OfSignalThatIsBlockedIgnoredOrCaught_IsFalse) {
  EXPECT_TRUE(HasDefaultAction(ProcStatus(kNone, kNone, kNone), SIGTERM));
  EXPECT_TRUE(HasDefaultAction(ProcStatus(kOthers, kOthers, kOthers), SIGTERM));
  EXPECT_FALSE(HasDefaultAction(ProcStatus(kTerm, kNone, kNone), SIGTERM));
  EXPECT_FALSE(HasDefaultAction(ProcStatus(kNone, kTerm, kNone), SIGTERM));
  EXPECT_FALSE(HasDefaultAction(ProcStatus(kNone, kNone, kTerm), SIGTERM));
}

TEST(HasDefaultActionTest, OfStatusWithoutTheSets_IsFalse) {
  EXPECT_FALSE(HasDefaultAction("", SIGTERM));
  EXPECT_FALSE(HasDefaultAction("SigBlk:\t0\nSigIgn:\t0\n", SIGTERM));
  EXPECT_FALSE(HasDefaultAction("SigBlk:\t0\nSigIgn:\t0\nSigCgt:\t", SIGTERM));
}

}  // namespace
}  // namespace virtcontainers::guest
