#include "network/cni/plugin_call.h"

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stop_token>
#include <string>
#include <thread>

#include "base/test_deadline.h"
#include "network/cni/plugin_processes.h"
#include "os/random_name.h"
#include "os/test_directory.h"

namespace virtcontainers::cni {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CniPluginCall : public ::testing::Test {
 protected:
  Result<std::string> Call(const std::string& script, const Deadline& deadline = Soon()) {
    const std::string path = directory_.Write("plugin", "#!/bin/sh\n" + script);
    ::chmod(path.c_str(), 0755);
    PluginCall call{.network = "net1", .type = "plugin", .program = path, .command = "ADD"};
    call.parameters = {{"CNI_IFNAME", "eth0"}};
    call.mark = mark_;
    call.config = R"({"name": "net1"})";
    return CallPlugin(call, deadline);
  }

  Error Failure(const std::string& script, const Deadline& deadline = Soon()) {
    const Result<std::string> output = Call(script, deadline);
    EXPECT_FALSE(output) << *output;
    return output ? Error(Code::kUnknown, "") : output.error();
  }

  void TearDown() override { EXPECT_TRUE(KillPluginProcesses(mark_, 0, Soon())); }

  TestDirectory directory_;
  const std::string mark_ = "test/" + RandomName();
};

TEST_F(CniPluginCall, Plugin_GetsItsConfigurationAndACleanEnvironment) {
  ::setenv("VC_TEST_SECRET", "x", 1);
  const Result<std::string> output = Call("cat; echo; env");
  ::unsetenv("VC_TEST_SECRET");
  ASSERT_TRUE(output) << output.error().ToString();
  EXPECT_THAT(*output,
              AllOf(HasSubstr(R"({"name": "net1"})"), HasSubstr("CNI_COMMAND=ADD\n"),
                    HasSubstr("CNI_IFNAME=eth0\n"), HasSubstr("/usr/sbin"),
                    HasSubstr("VIRTCONTAINERS_CNI_CALL=" + mark_), Not(HasSubstr("VC_TEST_SECRET"))));
}

TEST_F(CniPluginCall, ErrorObject_BecomesTheError) {
  const Error error = Failure(R"(echo '{"code": 7, "msg": "bad config", "details": "no subnet"}'; exit 1)");
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
  EXPECT_EQ(error.message(),
            "CNI plugin 'plugin' of the network 'net1': ADD failed: bad config: no subnet (code 7)");
  EXPECT_EQ(Failure(R"(echo '{"code": 11, "msg": "later"}'; exit 1)").code(), Code::kUnavailable);
  EXPECT_EQ(Failure(R"(echo '{"code": 3, "msg": "who"}'; exit 1)").code(), Code::kNotFound);
  EXPECT_EQ(Failure(R"(echo '{"code": 117, "msg": "own"}' >&2; exit 1)").code(), Code::kAborted);
}

TEST_F(CniPluginCall, FailureWithoutObject_ShowsWhatItPrinted) {
  EXPECT_THAT(Failure("exit 3").message(), HasSubstr("exited with status 3, and printed nothing"));
  EXPECT_THAT(Failure("echo 'no such\nroute' >&2; exit 3").message(),
              HasSubstr("exited with status 3: no such route"));
  EXPECT_THAT(Failure("printf 'gar\\001bage'; exit 1").message(), HasSubstr("gar bage"));
  EXPECT_THAT(Failure("kill -9 $$").message(), HasSubstr("killed by signal 9"));
}

TEST_F(CniPluginCall, MissingProgram_IsNotFound) {
  const Result<std::string> output =
      CallPlugin({.network = "net1", .type = "x", .program = directory_ / "x", .command = "ADD"}, Soon());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code(), Code::kNotFound);
}

TEST_F(CniPluginCall, TooMuchOutput_KillsThePlugin) {
  for (const char* redirect : {"", " >&2"}) {
    const Error error = Failure(std::string("head -c 10000000 /dev/zero") + redirect + "; sleep 1000");
    EXPECT_EQ(error.code(), Code::kResourceExhausted);
    EXPECT_THAT(error.message(), HasSubstr("1048576 bytes"));
    EXPECT_THAT(*FindPluginProcesses(mark_, 0), IsEmpty());
  }
}

TEST_F(CniPluginCall, HangingPlugin_IsKilledWithItsDescendants) {
  const auto begin = std::chrono::steady_clock::now();
  // One in its session, one in another, one in another and without the variable.
  const Error error =
      Failure("sleep 1000 & setsid sleep 1000 & env -i sleep 1000 & echo waiting >&2; sleep 1000",
              Deadline::After(milliseconds(500)));
  EXPECT_EQ(error.code(), Code::kDeadlineExceeded);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("'plugin'"), HasSubstr("did not end in time: waiting")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_THAT(*FindPluginProcesses(mark_, 0), IsEmpty());
}

TEST_F(CniPluginCall, CancelledCall_KillsThePlugin) {
  std::stop_source source;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(100));
    source.request_stop();
  });
  const Error error = Failure("sleep 1000", Soon().OrStopped(source.get_token()));
  canceller.join();
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_THAT(*FindPluginProcesses(mark_, 0), IsEmpty());
}

TEST_F(CniPluginCall, PassedDeadline_StartsNothing) {
  EXPECT_EQ(Failure("touch " + directory_ / "ran", Deadline::After(milliseconds(-1))).code(),
            Code::kDeadlineExceeded);
  EXPECT_EQ(directory_.Entries(), 1U);
}

TEST_F(CniPluginCall, ChildInTheBackground_DoesNotHoldTheCall) {
  const auto begin = std::chrono::steady_clock::now();
  const Result<std::string> output = Call("sleep 1000 & echo '{}'");
  ASSERT_TRUE(output) << output.error().ToString();
  EXPECT_EQ(*output, "{}\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(FindPluginProcesses(mark_, 0)->size(), 1U);
}

TEST_F(CniPluginCall, ProcessOfAKilledCaller_GetsTimeToEndAndIsKilled) {
  ASSERT_TRUE(Call("sleep 0.3 & echo '{}'"));
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(EndPluginProcesses(mark_, milliseconds(20000), Soon()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  ASSERT_TRUE(Call("sleep 1000 & echo '{}'"));
  ASSERT_TRUE(EndPluginProcesses(mark_, milliseconds(100), Soon()));
  EXPECT_THAT(*FindPluginProcesses(mark_, 0), IsEmpty());
}

}  // namespace
}  // namespace virtcontainers::cni
