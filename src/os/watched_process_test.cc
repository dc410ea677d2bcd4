#include "os/watched_process.h"

#include <chrono>
#include <csignal>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "os/process_identity.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;

Deadline InTime() { return Deadline::After(std::chrono::seconds(20)); }

class WatchedProcessTest : public testing::Test {
 protected:
  std::unique_ptr<WatchedProcess> Watch(const std::string& script) {
    const OomKills kills;
    auto child = Subprocess::Spawn({.argv = {"/bin/sh", "-c", script}});
    EXPECT_TRUE(child);
    auto watched = WatchedProcess::Watch(Options(), std::move(*child), kills);
    EXPECT_TRUE(watched);
    return std::move(*watched);
  }
  WatchedProcess::Options Options() {
    return {
        .name = "worker", .log = log_, .on_exit = [this](std::string reason) { told_.set_value(reason); }};
  }
  bool WasTold() const { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

  TestDirectory files_;
  const std::string log_ = files_.Write("log", "first\nlast words\n");
  std::promise<std::string> told_;
  std::future<std::string> future_ = told_.get_future();
};

TEST_F(WatchedProcessTest, End_Unexpected_IsToldWithLastWords) {
  const auto watched = Watch("exit 3");
  EXPECT_EQ(future_.get(), "worker exited with status 3: first;last words");
  EXPECT_EQ(watched->exit_reason(), "worker exited with status 3: first;last words");
  EXPECT_TRUE(watched->Stop(InTime()));
}

TEST_F(WatchedProcessTest, Stop_Running_EndsItUntold) {
  const auto watched = Watch("exec sleep 1000");
  const ProcessIdentity process = watched->process();
  EXPECT_TRUE(watched->Stop(InTime()));
  EXPECT_FALSE(IsAlive(process));
  EXPECT_THAT(watched->exit_reason().value_or(""), HasSubstr("killed by signal 9"));
  EXPECT_FALSE(WasTold());
}

TEST_F(WatchedProcessTest, Destructor_NotDetached_KillsIt) {
  auto watched = Watch("exec sleep 1000");
  const ProcessIdentity process = watched->process();
  watched.reset();
  EXPECT_FALSE(IsAlive(process));
  EXPECT_FALSE(WasTold());
}

TEST_F(WatchedProcessTest, Adopt_Detached_GoesOnUntilItEnds) {
  auto watched = Watch("exec sleep 1000");
  const ProcessIdentity process = watched->process();
  watched->Detach();
  watched.reset();
  ASSERT_TRUE(IsAlive(process));
  auto adopted = WatchedProcess::Adopt(Options(), process);
  ASSERT_TRUE(adopted) << adopted.error().ToString();
  EXPECT_FALSE((*adopted)->exit_reason());
  EXPECT_TRUE((*adopted)->Stop(InTime()));
  EXPECT_EQ(WatchedProcess::Adopt(Options(), process).error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
