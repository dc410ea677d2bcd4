// A runtime on a directory of its own, whose pods have VMs and agents that do nothing. For tests only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_TEST_RUNTIME_H_
#define VIRTCONTAINERS_SRC_RUNTIME_TEST_RUNTIME_H_

#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/test_deadline.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/process_identity.h"
#include "os/test_directory.h"
#include "pod/store.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {

// For gtest: whether a call succeeded, or failed with that code.
template <typename R>
testing::AssertionResult IsOk(const R& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().ToString();
}
template <typename R>
testing::AssertionResult HasCode(const R& result, Code code) {
  if (result) return testing::AssertionFailure() << "it succeeded";
  if (result.error().code() == code) return testing::AssertionSuccess();
  return testing::AssertionFailure() << CodeName(result.error().code()) << ": " << result.error().ToString();
}
#define ASSERT_OK(expr) ASSERT_TRUE(::virtcontainers::IsOk(expr))
#define EXPECT_OK(expr) EXPECT_TRUE(::virtcontainers::IsOk(expr))
#define EXPECT_CODE(expr, code) EXPECT_TRUE(::virtcontainers::HasCode(expr, code))

inline Deadline Passed() { return Deadline::After(std::chrono::seconds(-1)); }

// Asks until the answer is yes; for what another process is about to do, and tells nobody of.
inline bool Eventually(const std::function<bool()>& condition) {
  const Deadline deadline = Soon();
  while (!condition()) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

inline std::string MonitorProgram() {
  const char* given = std::getenv("VIRTCONTAINERS_MONITOR");
  return given != nullptr ? given : VIRTCONTAINERS_TEST_MONITOR;
}

class RuntimeTest : public testing::Test {
 protected:
  RuntimeTest() : runtime_(Open()) { ::mkdir(Rootfs().c_str(), 0755); }

  ~RuntimeTest() override {
    const auto pods = runtime_.ListPod();
    if (!pods) return;
    for (const PodStatus& pod : *pods) {
      (void)runtime_.StopPod(pod.id, std::chrono::milliseconds(0), Soon());
      EXPECT_OK(runtime_.DeletePod(pod.id, Soon()));
    }
    EXPECT_EQ(directory_.Entries("root/pods"), 0u);
    EXPECT_EQ(directory_.Entries("root/trash"), 0u);
    if (FileExists(directory_ / "run")) {
      EXPECT_EQ(directory_.Entries("run"), 0u);
    }
    EXPECT_TRUE(IsDirectory(Rootfs())) << "the user's data is gone";
  }

  RuntimeOptions Options() const {
    return {.root = directory_ / "root", .run = directory_ / "run", .monitor = MonitorProgram()};
  }
  Runtime Open() const {
    Result<Runtime> runtime = Runtime::Open(Options());
    if (!runtime) throw std::runtime_error(runtime.error().ToString());
    return std::move(*runtime);
  }

  std::string Rootfs() const { return directory_ / "rootfs"; }

  ContainerConfig Container(const std::string& id, std::vector<std::string> args = {"sleep"}) const {
    ContainerConfig config;
    config.id = id;
    config.rootfs = Rootfs();
    config.process.args = std::move(args);
    return config;
  }

  PodConfig Pod(const std::string& id, std::vector<ContainerConfig> containers = {}) const {
    PodConfig config;
    config.id = id;
    config.hypervisor.type = "mock";
    config.agent.type = "noop";
    config.containers = std::move(containers);
    return config;
  }

  static ProcessConfig Command(std::vector<std::string> args) {
    ProcessConfig command;
    command.args = std::move(args);
    return command;
  }

  void CreateAndStart(const PodConfig& pod) {
    ASSERT_OK(runtime_.CreatePod(pod));
    ASSERT_OK(runtime_.StartPod(pod.id, Soon()));
  }

  PodStatus StatusOf(const std::string& pod) {
    Result<PodStatus> status = runtime_.PodStatus(pod);
    EXPECT_OK(status);
    return status.value_or(PodStatus{});
  }

  static std::string ReadToEnd(Process& process) {
    std::string all;
    while (true) {
      char buffer[1000];
      const Result<size_t> got = process.ReadStdout(buffer, Soon());
      if (!got) return all + "[" + got.error().ToString() + "]";
      if (*got == 0) return all;
      all.append(buffer, *got);
    }
  }

  // Of a process that this one may have to wait for, or not.
  static void Kill(pid_t pid) {
    const Result<ProcessIdentity> identity = IdentifyProcess(pid);
    ASSERT_OK(identity);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(Eventually([&] { return !IsAlive(*identity); }));
  }

  // A process that has been killed may hold its lock for a moment longer than it lives.
  void KillMonitor(const std::string& pod) {
    Kill(StatusOf(pod).monitor_pid);
    ASSERT_TRUE(Eventually([&] { return !FileLock::IsHeld(Paths(pod).monitor_lock()).value_or(true); }));
  }

  PodPaths Paths(const std::string& pod) const {
    return Store::Open(Options().root, Options().run)->Pod(pod).paths();
  }

  const TestDirectory directory_;
  Runtime runtime_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_TEST_RUNTIME_H_
