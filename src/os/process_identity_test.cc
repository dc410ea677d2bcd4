#include "os/process_identity.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "base/test_deadline.h"
#include "os/subprocess.h"
#include "os/test_no_descriptors.h"

namespace virtcontainers {
namespace {

using namespace std::chrono_literals;

Subprocess Sleeper() {
  return std::move(Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = {}, .fds = {}}).value());
}

TEST(ProcessIdentity, Identify_ThisProcess_IsAlive) {
  const Result<ProcessIdentity> self = IdentifyProcess(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_GT(self->start_time, 0u);
  EXPECT_EQ(self->boot_id.size(), 36u);
  EXPECT_EQ(self->boot_id, BootId().value_or(""));
  EXPECT_TRUE(IsAlive(*self));
}

TEST(ProcessIdentity, IsAlive_OtherBootOrReusedPid_IsFalse) {
  ProcessIdentity other = IdentifyProcess(::getpid()).value();
  ++other.start_time;
  EXPECT_FALSE(IsAlive(other));
  // And is not killed, or this test would end here.
  EXPECT_TRUE(KillAndWait(other, Soon()));
  --other.start_time;
  other.boot_id = "00000000-0000-0000-0000-000000000000";
  EXPECT_FALSE(IsAlive(other));
  EXPECT_TRUE(KillAndWait(other, Soon()));
  EXPECT_FALSE(IsAlive({}));
  EXPECT_TRUE(KillAndWait({}, Soon()));
}

TEST(ProcessIdentity, CheckAlive_NoDescriptors_Fails) {
  Subprocess sleeper = Sleeper();
  const ProcessIdentity identity = IdentifyProcess(sleeper.pid()).value();
  Result<bool> alive = false;
  Status killed;
  {
    const NoDescriptors none;
    alive = CheckAlive(identity);
    killed = KillAndWait(identity, Soon());
  }
  ASSERT_FALSE(alive) << "it is said to be " << (*alive ? "alive" : "gone");
  EXPECT_EQ(alive.error().code(), Code::kResourceExhausted);
  ASSERT_FALSE(killed) << "it is said to be gone";
  EXPECT_EQ(killed.error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(CheckAlive(identity).value_or(false));
  EXPECT_TRUE(KillAndWait(identity, Soon()));
  EXPECT_FALSE(CheckAlive(identity).value_or(true));
}

TEST(ProcessIdentity, Identify_NoProcess_FailsWithNotFound) {
  for (const pid_t pid : {0, -1, 1 << 30})
    EXPECT_EQ(IdentifyProcess(pid).error().code(), Code::kNotFound) << pid;
}

TEST(ProcessIdentity, Identify_NameWithParentheses_Succeeds) {
  char before[16];
  ASSERT_EQ(::prctl(PR_GET_NAME, before), 0);
  const uint64_t start_time = IdentifyProcess(::getpid())->start_time;
  ASSERT_EQ(::prctl(PR_SET_NAME, ") Z 1 (2) 3 "), 0);
  const Result<ProcessIdentity> self = IdentifyProcess(::getpid());
  ::prctl(PR_SET_NAME, before);
  ASSERT_TRUE(self);
  EXPECT_EQ(self->start_time, start_time);
  EXPECT_TRUE(IsAlive(*self));
}

TEST(ProcessIdentity, IsAlive_Zombie_IsFalse) {
  Subprocess child = Sleeper();
  const ProcessIdentity identity = IdentifyProcess(child.pid()).value();
  EXPECT_TRUE(IsAlive(identity));
  ASSERT_TRUE(child.Kill(SIGKILL));
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(IsAlive(identity));
  EXPECT_TRUE(KillAndWait(identity, Soon()));
  EXPECT_EQ(child.Wait(Soon())->Describe(), "killed by signal 9");
  EXPECT_FALSE(IsAlive(identity));
}

TEST(ProcessIdentity, KillAndWait_Running_ReturnsWhenGone) {
  Subprocess child = Sleeper();
  const ProcessIdentity identity = IdentifyProcess(child.pid()).value();
  ASSERT_TRUE(KillAndWait(identity, Soon()));
  EXPECT_FALSE(IsAlive(identity));
  ASSERT_TRUE(child.Wait(Soon()));
  // Collected: its number is nobody's.
  EXPECT_TRUE(KillAndWait(identity, Soon()));
}

TEST(ProcessIdentity, KillAndWait_PidIsThreadId_Succeeds) {
  std::promise<pid_t> tid;
  std::promise<void> done;
  std::thread thread([&] {
    tid.set_value(static_cast<pid_t>(::syscall(SYS_gettid)));
    done.get_future().wait();
  });
  const ProcessIdentity identity{tid.get_future().get(), 1, BootId().value_or("")};
  EXPECT_TRUE(KillAndWait(identity, Soon()));
  done.set_value();
  thread.join();
}

}  // namespace
}  // namespace virtcontainers
