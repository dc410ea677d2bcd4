// What the library does to the process it lives in: nothing.

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class Hygiene : public RuntimeTest {
 protected:
  // The descriptors of this process and what each is open to.
  static std::map<std::string, std::string> Descriptors() {
    std::map<std::string, std::string> descriptors;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
      if (!gone && target.find("/fd") == std::string::npos) descriptors[entry.path().filename()] = target;
    }
    return descriptors;
  }

  static size_t Threads() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
    return count;
  }

  static std::map<int, void*> Handlers() {
    std::map<int, void*> handlers;
    for (int signal = 1; signal < NSIG; ++signal) {
      struct sigaction action {};
      if (::sigaction(signal, nullptr, &action) == 0) {
        handlers[signal] = reinterpret_cast<void*>(action.sa_handler);
      }
    }
    return handlers;
  }

  static bool HasChildren() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  }

  // A line of /proc/<pid>/status, such as "SigBlk".
  static std::string StatusLine(pid_t pid, const std::string& name) {
    const std::string text = TestDirectory::Read("/proc/" + std::to_string(pid) + "/status");
    const size_t at = text.find("\n" + name + ":");
    if (at == std::string::npos) return "";
    return text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  }

  void Live(const std::string& id) {
    ASSERT_OK(runtime_.CreatePod(Pod(id, {Container("a")})));
    ASSERT_OK(runtime_.StartPod(id, Soon()));
    const auto process = runtime_.EnterContainer(id, "a", Command({"echo", "hello"}), Soon());
    ASSERT_OK(process);
    EXPECT_EQ(ReadToEnd(**process), "hello\n");
    ASSERT_OK(runtime_.StopPod(id, milliseconds(1000), Soon()));
    ASSERT_OK(runtime_.DeletePod(id, Soon()));
  }
};

TEST_F(Hygiene, Process_AfterTwentyPods_IsUnchanged) {
  Live("first");
  const auto descriptors = Descriptors();
  const size_t threads = Threads();
  const auto handlers = Handlers();
  const std::string cwd = std::filesystem::current_path();
  const mode_t umask = ::umask(0);
  ::umask(umask);
  sigset_t mask;
  ASSERT_EQ(::sigprocmask(SIG_SETMASK, nullptr, &mask), 0);

  for (int i = 0; i < 20; ++i) Live("pod" + std::to_string(i));

  EXPECT_EQ(Descriptors(), descriptors);
  EXPECT_EQ(Threads(), threads);
  EXPECT_EQ(Handlers(), handlers);
  EXPECT_EQ(std::filesystem::current_path(), cwd);
  EXPECT_EQ(::umask(umask), umask);
  sigset_t mask_after;
  ASSERT_EQ(::sigprocmask(SIG_SETMASK, nullptr, &mask_after), 0);
  for (int signal = 1; signal < NSIG; ++signal) {
    EXPECT_EQ(::sigismember(&mask, signal), ::sigismember(&mask_after, signal));
  }
  EXPECT_FALSE(HasChildren()) << "a zombie, or a child that runs";
}

TEST_F(Hygiene, StartPod_Succeeds_LeavesNoChild) {
  CreateAndStart(Pod("web", {Container("a")}));
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(StatusLine(StatusOf("web").monitor_pid, "PPid").find(std::to_string(::getpid())),
            std::string::npos);
}

TEST_F(Hygiene, StartPod_Fails_LeavesNoChild) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  ASSERT_EQ(::mkdir(Paths("web").log("a").c_str(), 0700), 0);
  const auto descriptors = Descriptors();
  EXPECT_FALSE(runtime_.StartPod("web", Soon()));
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(Descriptors(), descriptors);
}

// Whatever of these the process has, the monitor and the VM do not inherit.
TEST_F(Hygiene, SignalHandlers_OfCaller_AreUnchanged) {
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGTERM, nullptr, &before), 0);
  sigset_t blocked, old;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigaddset(&blocked, SIGINT);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &old), 0);
  const auto term = ::signal(SIGTERM, SIG_IGN);
  CreateAndStart(Pod("web", {Container("a")}));
  EXPECT_EQ(::signal(SIGTERM, term), SIG_IGN);
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &old, nullptr), 0);

  const PodStatus pod = StatusOf("web");
  for (const pid_t pid : {pod.monitor_pid, pod.vm_pid}) {
    EXPECT_EQ(StatusLine(pid, "SigBlk"), "SigBlk:\t0000000000000000");
    // SIGTERM is bit 14.
    const std::string ignored = StatusLine(pid, "SigIgn");
    EXPECT_EQ(std::stoull(ignored.substr(8), nullptr, 16) >> (SIGTERM - 1) & 1, 0u) << ignored;
  }
  EXPECT_OK(runtime_.StopPod("web", milliseconds(1000), Soon()));
}

TEST_F(Hygiene, StartPod_CallerIgnoresSigchld_Succeeds) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  for (int i = 0; i < 5; ++i) Live("pod" + std::to_string(i));
  EXPECT_EQ(::signal(SIGCHLD, before), SIG_IGN);
}

TEST_F(Hygiene, StartPod_CallerCollectsAllChildren_Succeeds) {
  std::atomic<bool> over{false};
  std::thread collector([&] {
    while (!over) {
      if (::waitpid(-1, nullptr, 0) < 0) std::this_thread::yield();
    }
  });
  for (int i = 0; i < 5; ++i) Live("pod" + std::to_string(i));
  over = true;
  collector.join();
}

// A descriptor that is not closed by exec would keep pipes and locks of the process alive.
TEST_F(Hygiene, Descriptors_OfCaller_AreNotInherited) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  CreateAndStart(Pod("web", {Container("a")}));
  ::close(ends[1]);
  ASSERT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  char byte;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "somebody holds the other end";
  ::close(ends[0]);
}

// The process that starts a pod may exit: what it started does not.
TEST_F(Hygiene, Pod_ThreadThatStartedItEnds_Runs) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  std::thread([this] {
    Runtime runtime = Open();
    EXPECT_OK(runtime.StartPod("web", Soon()));
  }).join();
  EXPECT_OK(runtime_.EnterContainer("web", "a", Command({"true"}), Soon()));
}

}  // namespace
}  // namespace virtcontainers
