// Monitors that die, and whose successors do not come up at once.

#include <sys/stat.h>

#include <chrono>
#include <future>
#include <string>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class MonitorReplacement : public RuntimeTest {
 protected:
  // A runtime whose monitors fail so many times, before they are what they should be.
  Runtime OpenWithFailingMonitors(int failures) const {
    const std::string count = directory_ / "failures";
    const std::string path = directory_.Write(
        "monitor", "#!/bin/sh\ncase $* in *--take-over*--launch*) ;; *) exec " + MonitorProgram() +
                       " \"$@\";; esac\n[ $(wc -c <" + count + ") -ge " + std::to_string(failures) +
                       " ] && exec " + MonitorProgram() + " \"$@\"\nprintf x >>" + count +
                       "\necho 'no such luck' >&2\nexit 1\n");
    directory_.Write("failures");
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    RuntimeOptions options = Options();
    options.monitor = path;
    return std::move(*Runtime::Open(options));
  }
};

TEST_F(MonitorReplacement, Replacement_FailsAtFirst_IsTriedAgain) {
  CreateAndStart(Pod("web", {Container("a")}));
  const pid_t before = StatusOf("web").monitor_pid;
  Runtime runtime = OpenWithFailingMonitors(3);
  auto entered = runtime.EnterPod("web", Command({"true"}), Soon());
  ASSERT_OK(entered);
  KillMonitor("web");
  EXPECT_OK(runtime.EnterPod("web", Command({"true"}), Soon()));
  EXPECT_NE(StatusOf("web").monitor_pid, before);
  EXPECT_EQ(TestDirectory::Read(directory_ / "failures"), "xxx");
}

TEST_F(MonitorReplacement, Replacement_Fails_NamesWayOut) {
  CreateAndStart(Pod("web", {Container("a")}));
  Runtime runtime = OpenWithFailingMonitors(1'000'000);
  const auto process = runtime.EnterContainer("web", "a", Command({"cat"}), Soon());
  ASSERT_OK(process);
  auto waiting =
      std::async(std::launch::async, [&] { return (*process)->Wait(Deadline::After(seconds(2))); });
  KillMonitor("web");
  const auto waited = waiting.get();
  EXPECT_CODE(waited, Code::kUnavailable);
  EXPECT_THAT(
      waited.error().ToString(),
      HasSubstr("the pod's monitor has died, and no other could take the VM over: try again, and stop "
                "the pod if that lasts: "));
  EXPECT_THAT(waited.error().ToString(), HasSubstr("no such luck")) << "and the cause";
  EXPECT_CODE(runtime.StopContainer("web", "a", milliseconds(0), Deadline::After(seconds(1))),
              Code::kUnavailable);
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
  EXPECT_OK(runtime_.EnterPod("web", Command({"true"}), Soon())) << "and with another it goes on";
}

// Whoever asks has no time: the take-over goes on, and the next one finds a monitor. (On a busy host a call
// may have no time even to see that the monitor is gone.)
TEST_F(MonitorReplacement, Replacement_CallerEnds_Lives) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = runtime_.EnterContainer("web", "a", Command({"cat"}), Soon());
  ASSERT_OK(process);
  const pid_t before = StatusOf("web").monitor_pid;
  KillMonitor("web");
  ASSERT_TRUE(Eventually([&] {
    EXPECT_FALSE((*process)->Wait(Deadline::After(milliseconds(1))));
    const PodStatus pod = StatusOf("web");
    return pod.monitor_pid != before && pod.reason.empty();
  }));
}

}  // namespace
}  // namespace virtcontainers
