// What every integration test stands on: a runtime of its own, a rootfs, and the certainty that nothing is
// left.
//
//   class StartTest : public PodTest {};
//   TEST_F(StartTest, RunsTheContainer) {
//     ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c", {"sleep", "1000"})})));
//     ASSERT_OK(runtime().StartPod("p"));
//     EXPECT_EQ(Finish(runtime().EnterContainer("p", "c", Command({"echo", "hi"}))).out, "hi\n");
//   }

#ifndef VIRTCONTAINERS_TEST_INTEGRATION_FIXTURE_H_
#define VIRTCONTAINERS_TEST_INTEGRATION_FIXTURE_H_

#include <sys/types.h>

#include <functional>
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
Finished Finish(Result<std::unique_ptr<Process>> process, std::string_view input = "",
                Deadline deadline = Deadline::After(std::chrono::seconds(60)));

// A program of the host that runs beside the test. Not thread-safe.
class HostProcess {
 public:
  explicit HostProcess(const std::vector<std::string>& args,
                       const std::map<std::string, std::string>& env = {}, std::string_view input = "");
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Takes all its output and waits for its end. To be called once.
  Finished Finish();

 private:
  pid_t pid_ = 0;
  int out_ = -1, err_ = -1;
  std::string failure_;
};

// Runs a program of the host, with `env` in addition to the test's own.
Finished RunOnHost(const std::vector<std::string>& args, const std::map<std::string, std::string>& env = {},
                   std::string_view input = "");

ProcessConfig Command(std::vector<std::string> args);
inline ProcessConfig Shell(std::string script) { return Command({"sh", "-c", std::move(script)}); }

// Asks again and again until it holds, or a minute has passed. For what the library tells by its status
// alone.
bool Eventually(const std::function<bool()>& holds);

std::string FileContent(const std::string& path);
void WriteTo(const std::string& path, std::string_view content);

// Bytes of every value, the same for the same seed.
std::string NoiseBytes(size_t count, unsigned seed);

// Directories of its own, a runtime on them, and what a test makes there.
class PodHost {
 public:
  // Why no pod can run here; empty if they can.
  static std::string Obstacle();

  PodHost();
  ~PodHost() { CleanUp(); }

  // Stops and deletes every pod, and fails the test if anything of it is left: processes, mounts, files.
  // Idempotent.
  void CleanUp();

  Runtime& runtime() { return *runtime_; }
  Runtime OpenAgain() const;

  const std::string& dir() const { return dir_; }
  std::string root() const { return dir_ + "/root"; }
  std::string run() const { return dir_ + "/run"; }

  std::string MakeRootfs(const std::string& name) const;
  ContainerConfig Container(const std::string& id, std::vector<std::string> args) const;
  std::vector<std::string> VirtcArguments(std::vector<std::string> args) const;
  std::map<std::string, std::string> VirtcEnvironment() const;
  std::vector<std::string> ProcessesLeft() const;

 private:
  std::string dir_;
  std::optional<Runtime> runtime_;
};

// A host of its own for every test.
class PodTest : public testing::Test {
 protected:
  // Skips the test, with the reason, where it cannot run: without root, QEMU, guest image. With
  // $VIRTCONTAINERS_MUST_RUN set, as in CI, fails it instead.
  void SetUp() override;
  void TearDown() override;

  Runtime& runtime() { return host_->runtime(); }

  // A second runtime on the same directories, as another process has.
  Runtime OpenAgain() { return host_->OpenAgain(); }

  // A directory that is this test's own, and below it what the runtime was given.
  const std::string& dir() const { return host_->dir(); }
  std::string root() const { return host_->root(); }
  std::string run() const { return host_->run(); }

  // A fresh busybox root file system, removed after the test.
  std::string MakeRootfs(const std::string& name) { return host_->MakeRootfs(name); }

  // A container with a rootfs of its own, named after it.
  ContainerConfig Container(const std::string& id, std::vector<std::string> args = {"sleep", "1000"}) {
    return host_->Container(id, std::move(args));
  }
  PodConfig Pod(const std::string& id, std::vector<ContainerConfig> containers = {});

  // virtc as a second process on this test's directories.
  Finished Virtc(std::vector<std::string> args, std::string_view input = "") {
    return RunOnHost(host_->VirtcArguments(std::move(args)), host_->VirtcEnvironment(), input);
  }

  // Every process that names this test's directory, with its command line.
  std::vector<std::string> ProcessesLeft() const { return host_->ProcessesLeft(); }

  // The pod's state, or ready with a failure if it has none.
  virtcontainers::PodStatus StatusOf(const std::string& pod);
  virtcontainers::ContainerStatus StatusOf(const std::string& pod, const std::string& container);

  // Waits until the container's process has ended.
  virtcontainers::ContainerStatus WaitUntilStopped(const std::string& pod, const std::string& container);

  std::shared_ptr<PodHost> host_;
};

// One running pod for all tests of a suite, as a boot takes seconds:
//
//   class EnterTest : public SharedPodTest<EnterTest> {
//    public:
//     static PodConfig Config(const PodHost& host) { ... its id is kPod ... }
//   };
template <typename Suite>
class SharedPodTest : public PodTest {
 protected:
  static constexpr char kPod[] = "shared";

  static void SetUpTestSuite() {
    if (!PodHost::Obstacle().empty()) return;
    shared_ = std::make_shared<PodHost>();
    ASSERT_OK(shared_->runtime().CreatePod(Suite::Config(*shared_)));
    ASSERT_OK(shared_->runtime().StartPod(kPod));
    started_ = true;
  }

  static void TearDownTestSuite() { shared_.reset(); }

  void SetUp() override {
    if (!shared_) return PodTest::SetUp();  // says why not
    host_ = shared_;
    ASSERT_TRUE(started_) << "the pod of these tests did not start";
  }

  void TearDown() override { host_.reset(); }

  Finished Enter(const std::string& container, const ProcessConfig& command, std::string_view input = "") {
    return Finish(runtime().EnterContainer(kPod, container, command), input);
  }

 private:
  inline static std::shared_ptr<PodHost> shared_;
  inline static bool started_ = false;
};

}  // namespace virtcontainers::test

#endif  // VIRTCONTAINERS_TEST_INTEGRATION_FIXTURE_H_
