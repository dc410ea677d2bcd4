// A monitor that is built from the public headers: its hypervisor keeps the contract, and its pods run.

#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <optional>
#include <string>

#include "../contract/hypervisor_contract.h"
#include "process_hypervisor.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {
namespace {

INSTANTIATE_TEST_SUITE_P(Process, HypervisorContract,
                         testing::Values(HypervisorUnderTest{
                             "process", [] { return std::make_unique<second_monitor::ProcessHypervisor>(); },
                             [](VmConfig&) {}, "", nullptr}),
                         HypervisorName);

// An orphan that nobody has collected yet has ended, too. (proc(5), stat field 3)
bool HasEnded(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string stat{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return stat.empty() || stat.substr(stat.rfind(')'), 3) == ") Z";
}

class SecondMonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = (std::filesystem::temp_directory_path() / "vc-second-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    ::mkdir((directory_ + "/rootfs").c_str(), 0755);
    RuntimeOptions options;
    options.root = directory_ + "/root";
    options.run = directory_ + "/run";
    options.monitor = SECOND_MONITOR;
    auto runtime = Runtime::Open(options);
    ASSERT_TRUE(runtime) << runtime.error().ToString();
    runtime_.emplace(std::move(*runtime));

    PodConfig pod;
    pod.id = "web";
    pod.hypervisor.type = "process";
    pod.hypervisor.machine = "none";
    pod.agent.type = "noop";
    ContainerConfig& container = pod.containers.emplace_back();
    container.id = "a";
    container.rootfs = directory_ + "/rootfs";
    container.process.args = {"sleep"};
    const Status created = runtime_->CreatePod(pod);
    ASSERT_TRUE(created) << created.error().ToString();
    const Status started = runtime_->StartPod("web", Soon());
    ASSERT_TRUE(started) << started.error().ToString();
  }

  void TearDown() override {
    if (runtime_) {
      (void)runtime_->StopPod("web", std::chrono::milliseconds(0), Soon());
      EXPECT_TRUE(runtime_->DeletePod("web", Soon()));
    }
    std::filesystem::remove_all(directory_);
  }

  std::string directory_;
  std::optional<Runtime> runtime_;
};

TEST_F(SecondMonitorTest, Pod_OfOwnHypervisor_RunsAndStops) {
  const virtcontainers::PodStatus status = runtime_->PodStatus("web").value();
  EXPECT_EQ(status.state, PodState::kRunning);
  EXPECT_EQ(status.hypervisor, "process");
  EXPECT_EQ(status.transport, "none");
  const Status stopped = runtime_->StopContainer("web", "a", std::chrono::milliseconds(0), Soon());
  EXPECT_TRUE(stopped) << stopped.error().ToString();
  EXPECT_TRUE(runtime_->PausePod("web", Soon()));
  EXPECT_TRUE(runtime_->ResumePod("web", Soon()));
  EXPECT_TRUE(runtime_->StopPod("web", std::chrono::milliseconds(0), Soon()));
  EXPECT_EQ(runtime_->PodStatus("web").value().state, PodState::kStopped);
}

TEST_F(SecondMonitorTest, Vm_IsKilled_PodIsStoppedWithReason) {
  ASSERT_EQ(::kill(runtime_->PodStatus("web").value().vm_pid, SIGKILL), 0);
  // Its monitor writes the reason a moment later.
  const std::string reason = "vm exited: killed by signal 9";
  Result<virtcontainers::PodStatus> status = runtime_->PodStatus("web");
  for (const Deadline deadline = Soon(); status && status->reason != reason && !deadline.passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    status = runtime_->PodStatus("web");
  }
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_EQ(status->state, PodState::kStopped);
  EXPECT_EQ(status->reason, reason);
}

// Its VMs cannot be taken over: the next call ends them.
TEST_F(SecondMonitorTest, Monitor_IsKilled_PodCanBeStopped) {
  const virtcontainers::PodStatus status = runtime_->PodStatus("web").value();
  ASSERT_EQ(::kill(status.monitor_pid, SIGKILL), 0);
  const auto before = std::chrono::steady_clock::now();
  const Status stopped = runtime_->StopPod("web", std::chrono::milliseconds(0), Soon());
  EXPECT_TRUE(stopped) << stopped.error().ToString();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5))
      << "it was tried again and again";
  EXPECT_TRUE(HasEnded(status.vm_pid));
}

}  // namespace
}  // namespace virtcontainers
