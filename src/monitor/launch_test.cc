#include "monitor/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/errors.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Result<MonitorArguments> Parse(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return ParseArguments(static_cast<int>(arguments.size()), argv.data());
}

TEST(MonitorArguments, Arguments_EveryField_RoundTrip) {
  for (const bool launch : {false, true}) {
    const MonitorArguments given{{"/root dir/pods/web", "/run=/x", ""},
                                 "/guest",
                                 milliseconds(86'400'000),
                                 launch ? MonitorTask::kStart : MonitorTask::kTakeOver,
                                 launch};
    const auto parsed = Parse(ToArguments("/bin/monitor", given));
    ASSERT_TRUE(parsed) << parsed.error().ToString();
    EXPECT_EQ(parsed->paths.dir, given.paths.dir);
    EXPECT_EQ(parsed->paths.run_dir, given.paths.run_dir);
    EXPECT_EQ(parsed->guest, given.guest);
    EXPECT_EQ(parsed->timeout, given.timeout);
    EXPECT_EQ(parsed->task, given.task);
    EXPECT_EQ(parsed->launch, launch);
  }
}

TEST(MonitorArguments, Parse_UnknownOrMissing_Fails) {
  const std::string dir = "--pod-dir=/p", run = "--run-dir=/r", guest = "--guest=/g",
                    timeout = "--timeout-ms=5";
  ASSERT_TRUE(Parse({"m", dir, run, guest, timeout}));
  const std::vector<std::vector<std::string>> bad = {
      {},
      {"m"},
      {"m", "--help"},
      {"m", dir, run, guest},
      {"m", dir, guest, timeout},
      {"m", run, guest, timeout},
      {"m", dir, run, guest, timeout, "more"},
      {"m", dir, run, guest, timeout, ""},
      {"m", dir, run, guest, "--timeout-ms="},
      {"m", dir, run, guest, "--timeout-ms=-5"},
      {"m", dir, run, guest, "--timeout-ms=5s"},
      {"m", dir, run, guest, "--timeout-ms= 5"},
      {"m", dir, run, guest, "--timeout-ms=99999999999999999999"},
      {"m", dir, run, guest, "--timeout-ms=9223372036854775807"},
  };
  for (const auto& arguments : bad) {
    const auto parsed = Parse(arguments);
    ASSERT_FALSE(parsed) << testing::PrintToString(arguments);
    EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(parsed.error().ToString(), HasSubstr("started by the library"));
  }
}

TEST(MonitorOutcome, Outcome_EveryError_RoundTrips) {
  EXPECT_EQ(EncodeOutcome({}), "{\"ok\":true}\n");
  EXPECT_TRUE(DecodeOutcome(EncodeOutcome({})));
  for (int code = 1; code <= 16; ++code) {
    Error error(static_cast<Code>(code), Reason::kGuestDidNotBoot,
                "no 'kernel'\nwith a \"console\"\t\x1b[0m");
    error.AddContext("boot").AddContext("start container 'a'");
    const Status decoded = DecodeOutcome(EncodeOutcome(Fail(error)));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code(), error.code());
    EXPECT_EQ(decoded.error().reason(), error.reason());
    EXPECT_EQ(decoded.error().message(), error.message());
    EXPECT_EQ(decoded.error().context(), error.context());
  }
}

TEST(MonitorOutcome, Encode_AnyText_IsOneLine) {
  const std::string line = EncodeOutcome(Fail(Code::kAborted, std::string("\n\xff\xfe\0\n", 5)));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Status decoded = DecodeOutcome(line);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), Code::kAborted);
  // What follows the line is nothing.
  EXPECT_TRUE(DecodeOutcome("{\"ok\":true}\ngarbage"));
}

TEST(MonitorOutcome, Decode_Malformed_Fails) {
  for (const std::string& line :
       {std::string(), std::string("\n"), std::string("{"), std::string("[]\n"), std::string("{}x\n"),
        std::string("{\"ok\":1}\n"), std::string("\xff\n"), std::string(100'000, '['),
        std::string("{\"ok\":false,\"code\":\"x\"}\n")}) {
    const Status decoded = DecodeOutcome(line);
    ASSERT_FALSE(decoded) << line;
    EXPECT_EQ(decoded.error().code(), Code::kInternal);
    EXPECT_EQ(decoded.error().message(), "the pod's monitor sent a malformed outcome");
  }
  // Nothing that is a success by omission, and no code that is none.
  EXPECT_FALSE(DecodeOutcome("{}\n"));
  for (const int code : {0, -1, 17, 99999}) {
    const Status decoded = DecodeOutcome("{\"ok\":false,\"code\":" + std::to_string(code) + "}\n");
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code(), Code::kUnknown);
  }
}

}  // namespace
}  // namespace virtcontainers
