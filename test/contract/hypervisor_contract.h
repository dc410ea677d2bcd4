// What every Hypervisor must do (include/virtcontainers/hypervisor.h), as tests that run over each of them.
//
//   INSTANTIATE_TEST_SUITE_P(Mock, HypervisorContract, testing::Values(HypervisorUnderTest{…}),
//   HypervisorName);
//
// in a test program of the implementation's own.

#ifndef VIRTCONTAINERS_TEST_CONTRACT_HYPERVISOR_CONTRACT_H_
#define VIRTCONTAINERS_TEST_CONTRACT_HYPERVISOR_CONTRACT_H_

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "base/test_deadline.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

struct HypervisorUnderTest {
  std::string name;
  std::function<std::unique_ptr<Hypervisor>()> make;
  // Completes a configuration with what this one needs: kernel, machine.
  std::function<void(VmConfig&)> configure;
  // Why it cannot be tried here; empty if it can.
  std::string skip_reason;
  // Blocks until the guest of a VM that was just started handles requests for its devices. Not given: it does
  // so from the start.
  std::function<void(const VmConfig&)> await_guest;
};

inline void PrintTo(const HypervisorUnderTest& hypervisor, std::ostream* out) { *out << hypervisor.name; }

inline std::string HypervisorName(const testing::TestParamInfo<HypervisorUnderTest>& info) {
  return info.param.name;
}

class HypervisorContract : public testing::TestWithParam<HypervisorUnderTest> {
 protected:
  void SetUp() override {
    if (!GetParam().skip_reason.empty()) GTEST_SKIP() << GetParam().skip_reason;
    std::string name = (std::filesystem::temp_directory_path() / "vc-hypervisor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    hypervisor_ = GetParam().make();
  }

  void TearDown() override {
    hypervisor_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  static Deadline Now() { return Deadline::After(std::chrono::nanoseconds(0)); }

  VmConfig Config() const {
    VmConfig config;
    config.name = "contract";
    config.run_dir = directory_;
    config.console = directory_ + "/console.log";
    GetParam().configure(config);
    return config;
  }

  VmInfo StartVm() {
    Result<VmInfo> info = hypervisor_->Start(Config(), Soon());
    EXPECT_TRUE(info) << info.error().ToString();
    return info.value_or(VmInfo{});
  }

  static bool IsGone(pid_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

  std::string directory_;
  std::unique_ptr<Hypervisor> hypervisor_;
};

TEST_P(HypervisorContract, Calls_BeforeStart_Fail) {
  EXPECT_EQ(hypervisor_->state(), VmState::kNone);
  EXPECT_FALSE(hypervisor_->name().empty());
  EXPECT_EQ(hypervisor_->Pause(Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(hypervisor_->Resume(Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(hypervisor_->WaitExit(Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
  EXPECT_EQ(hypervisor_->state(), VmState::kNone);
}

TEST_P(HypervisorContract, Start_Succeeds_ReturnsProcessAndAccelerator) {
  const VmInfo info = StartVm();
  EXPECT_EQ(hypervisor_->state(), VmState::kRunning);
  EXPECT_GT(info.process.pid, 0);
  EXPECT_GT(info.process.start_time, 0u);
  EXPECT_FALSE(info.process.boot_id.empty());
  EXPECT_EQ(::kill(info.process.pid, 0), 0);
  EXPECT_FALSE(info.version.empty());
  EXPECT_FALSE(info.accelerator_reason.empty());
  EXPECT_FALSE(info.sandbox.empty());
  EXPECT_NE(info.accelerator, Accelerator::kAuto);
  EXPECT_TRUE(std::filesystem::exists(Config().console));
}

TEST_P(HypervisorContract, Start_Twice_Fails) {
  StartVm();
  EXPECT_EQ(hypervisor_->Start(Config(), Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(hypervisor_->state(), VmState::kRunning);
}

TEST_P(HypervisorContract, Stop_TwiceInARow_Succeeds) {
  const VmInfo info = StartVm();
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(hypervisor_->Stop(Soon()));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  EXPECT_TRUE(IsGone(info.process.pid));
  EXPECT_EQ(hypervisor_->state(), VmState::kExited);
  const Result<VmExit> exit = hypervisor_->WaitExit(Soon());
  ASSERT_TRUE(exit) << exit.error().ToString();
  EXPECT_TRUE(exit->clean);
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
  EXPECT_EQ(hypervisor_->Start(Config(), Soon()).error().code(), Code::kFailedPrecondition);
}

TEST_P(HypervisorContract, PauseAndResume_InWrongOrder_Fail) {
  StartVm();
  EXPECT_EQ(hypervisor_->Resume(Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(hypervisor_->Pause(Soon()));
  EXPECT_EQ(hypervisor_->state(), VmState::kPaused);
  EXPECT_EQ(hypervisor_->Pause(Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(hypervisor_->Resume(Soon()));
  EXPECT_EQ(hypervisor_->state(), VmState::kRunning);
}

TEST_P(HypervisorContract, Stop_Paused_EndsVm) {
  const VmInfo info = StartVm();
  ASSERT_TRUE(hypervisor_->Pause(Soon()));
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
  EXPECT_TRUE(IsGone(info.process.pid));
  EXPECT_EQ(hypervisor_->state(), VmState::kExited);
}

TEST_P(HypervisorContract, WaitExit_VmIsKilled_ReturnsSignal) {
  const VmInfo info = StartVm();
  ASSERT_EQ(::kill(info.process.pid, SIGKILL), 0);
  const Result<VmExit> exit = hypervisor_->WaitExit(Soon());
  ASSERT_TRUE(exit) << exit.error().ToString();
  EXPECT_FALSE(exit->clean);
  EXPECT_EQ(exit->reason, "vm exited: killed by signal 9");
  EXPECT_EQ(hypervisor_->state(), VmState::kExited);
  EXPECT_TRUE(IsGone(info.process.pid)) << "a zombie is left";

  EXPECT_EQ(hypervisor_->Pause(Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(hypervisor_->Stop(Soon())) << "what is dead can be stopped";
  EXPECT_EQ(hypervisor_->WaitExit(Soon()).value().reason, exit->reason)
      << "Stop afterwards changes no reason";
}

TEST_P(HypervisorContract, WaitExit_PausedVmIsKilled_Returns) {
  const VmInfo info = StartVm();
  ASSERT_TRUE(hypervisor_->Pause(Soon()));
  ASSERT_EQ(::kill(info.process.pid, SIGKILL), 0);
  EXPECT_FALSE(hypervisor_->WaitExit(Soon()).value().clean);
  EXPECT_EQ(hypervisor_->Resume(Soon()).error().code(), Code::kFailedPrecondition);
}

TEST_P(HypervisorContract, WaitExit_DeadlinePasses_Fails) {
  StartVm();
  EXPECT_EQ(hypervisor_->WaitExit(Now()).error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(hypervisor_->state(), VmState::kRunning);
}

TEST_P(HypervisorContract, WaitExit_ManyWaiters_AllAreAnswered) {
  StartVm();
  std::vector<Result<VmExit>> exits(4, VmExit{});
  std::vector<std::thread> waiters;
  for (Result<VmExit>& exit : exits) {
    waiters.emplace_back([this, &exit] { exit = hypervisor_->WaitExit(Soon()); });
  }
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
  for (std::thread& waiter : waiters) waiter.join();
  for (const Result<VmExit>& exit : exits) EXPECT_TRUE(exit && exit->clean);
}

TEST_P(HypervisorContract, Calls_FromManyThreads_AreSafe) {
  StartVm();
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([this, i] {
      for (int round = 0; round < 10; ++round) {
        (void)(i % 2 == 0 ? hypervisor_->Pause(Soon()) : hypervisor_->Resume(Soon()));
        (void)hypervisor_->state();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
}

TEST_P(HypervisorContract, Destructor_VmRuns_KillsIt) {
  const VmInfo info = StartVm();
  hypervisor_.reset();
  EXPECT_TRUE(IsGone(info.process.pid));
}

TEST_P(HypervisorContract, Start_ConsoleCannotBeMade_FailsAndLeavesNothing) {
  VmConfig config = Config();
  config.console = directory_ + "/missing/console.log";
  EXPECT_FALSE(hypervisor_->Start(config, Soon()));
  EXPECT_NE(hypervisor_->state(), VmState::kRunning);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_TEST_CONTRACT_HYPERVISOR_CONTRACT_H_
