// What every integration test stands on: a runtime of its own, a rootfs, and the certainty that nothing is
// left.
//
//   class StartTest : public PodTest {};
//   TEST_F(StartTest, RunsTheContainer) {
//     ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c", {"sleep", "1000"})})));
//     ASSERT_OK(runtime().StartPod("p"));
//     EXPECT_EQ(Run(runtime().EnterContainer("p", "c", Command({"echo", "hi"}))).out, "hi\n");
//   }

#ifndef VIRTCONTAINERS_TEST_INTEGRATION_FIXTURE_H_
#define VIRTCONTAINERS_TEST_INTEGRATION_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/runtime.h"

namespace virtcontainers::test {

// The error's line in the message of a failed test.
template <typename T>
std::string Explain(const Result<T>& result) {
  if (result) return "ok";
  return std::string(CodeName(result.error().code())) + ": " + result.error().ToString();
}

#define EXPECT_OK(expr)                                                                                  \
  do {                                                                                                   \
    const auto& expect_ok_ = (expr);                                                                     \
    EXPECT_TRUE(expect_ok_.has_value()) << #expr << ": " << ::virtcontainers::test::Explain(expect_ok_); \
  } while (false)

#define ASSERT_OK(expr)                                                                                  \
  do {                                                                                                   \
    const auto& assert_ok_ = (expr);                                                                     \
    ASSERT_TRUE(assert_ok_.has_value()) << #expr << ": " << ::virtcontainers::test::Explain(assert_ok_); \
  } while (false)

// `expr` fails with `code` and a line that contains `text`.
#define EXPECT_FAILS(expr, expected_code, text)                                  \
  do {                                                                           \
    const auto& expect_fails_ = (expr);                                          \
    if (expect_fails_.has_value()) {                                             \
      ADD_FAILURE() << #expr << ": succeeded";                                   \
    } else {                                                                     \
      EXPECT_EQ(expect_fails_.error().code(), (expected_code))                   \
          << ::virtcontainers::test::Explain(expect_fails_);                     \
      EXPECT_THAT(expect_fails_.error().ToString(), ::testing::HasSubstr(text)); \
    }                                                                            \
  } while (false)

// What a process did until its end.
struct Finished {
  std::string out;
  std::string err;
  int code = -1;  // -1 if it could not be run, and then `err` says why
};

// Feeds a process `input`, closes its input, takes all its output and waits for it.
Finished Run(Result<std::unique_ptr<Process>> process, std::string_view input = "",
             Deadline deadline = Deadline::After(std::chrono::seconds(60)));

// Runs a program of the host.
Finished RunOnHost(const std::vector<std::string>& args, const std::map<std::string, std::string>& env = {});

ProcessConfig Command(std::vector<std::string> args);

class PodTest : public testing::Test {
 protected:
  // Skips the test, with the reason, where it cannot run: without root, QEMU, virtiofsd, guest image. With
  // $VIRTCONTAINERS_MUST_RUN set, as in CI, fails it instead.
  void SetUp() override;

  // Stops and deletes every pod, and fails the test if anything of it is left: processes, mounts, files.
  void TearDown() override;

  Runtime& runtime() { return *runtime_; }

  // A second runtime on the same directories, as another process has.
  Runtime OpenAgain();

  // A directory that is this test's own, and below it what the runtime was given.
  const std::string& dir() const { return dir_; }
  std::string root() const { return dir_ + "/root"; }
  std::string run() const { return dir_ + "/run"; }

  // A fresh busybox root file system, removed after the test.
  std::string MakeRootfs(const std::string& name);

  // A container with a rootfs of its own, named after it.
  ContainerConfig Container(const std::string& id, std::vector<std::string> args = {"sleep", "1000"});
  PodConfig Pod(const std::string& id, std::vector<ContainerConfig> containers = {});

  // virtc as a second process on this test's directories; its standard input is empty.
  Finished Virtc(std::vector<std::string> args);

  // Lines of /proc/<pid>/cmdline of every process that names this test's directory.
  std::vector<std::string> ProcessesLeft() const;

 private:
  void CannotRun(const std::string& why);

  std::string dir_;
  std::optional<Runtime> runtime_;
};

}  // namespace virtcontainers::test

#endif  // VIRTCONTAINERS_TEST_INTEGRATION_FIXTURE_H_
