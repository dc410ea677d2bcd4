// Many containers in one pod, many processes in one container, many who wait for one end.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kContainers = 20;

std::string Name(int i) { return "c" + std::to_string(i); }

// Runs `work(0)` to `work(count - 1)`, each on a thread of its own.
template <typename Work>
void AtOnce(int count, Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

class ManyContainersTest : public PodTest {
 protected:
  // A pod of twenty, that say who they are and then wait; one root file system is enough for all of them.
  void StartTwenty() {
    std::vector<ContainerConfig> containers;
    const std::string rootfs = MakeRootfs("all");
    for (int i = 0; i < kContainers; ++i) {
      ContainerConfig& container = containers.emplace_back();
      container.id = Name(i);
      container.rootfs = rootfs;
      container.readonly_rootfs = true;
      container.process = Shell("trap 'exit 9' TERM; echo $ME; while :; do sleep 1000 & wait; done");
      container.process.env = {"PATH=/bin", "ME=" + Name(i)};
    }
    PodConfig pod = Pod("p", std::move(containers));
    pod.resources.memory = Bytes::MiB(512);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_OK(runtime().CreatePod(pod));
    ASSERT_OK(runtime().StartPod("p"));
    Say("start of a pod of twenty", begin);
    // One that does not handle SIGTERM yet would be killed by it.
    for (const auto& container : StatusOf("p").containers) {
      EXPECT_TRUE(Eventually([&] {
        return FileContent(container.log).find(" stdout F " + container.id + "\n") != std::string::npos;
      })) << container.id
          << " has not said who it is";
    }
  }

  static void Say(const char* what, std::chrono::steady_clock::time_point begin) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%s: %.2f s\n", what, took.count());
  }
};

TEST_F(ManyContainersTest, StopContainer_TwentyAtOnce_Succeed) {
  StartTwenty();
  if (HasFatalFailure()) return;
  const virtcontainers::PodStatus status = StatusOf("p");
  ASSERT_EQ(status.containers.size(), static_cast<size_t>(kContainers));
  for (const auto& container : status.containers) {
    EXPECT_EQ(container.state, ContainerState::kRunning) << container.id;
  }
  // Each has its own processes.
  AtOnce(kContainers, [&](int i) {
    const Finished entered = Finish(runtime().EnterContainer(
        "p", Name(i), Shell("tr '\\0' '\\n' </proc/1/environ | grep ^ME="), Deadline::After(seconds(60))));
    EXPECT_EQ(entered.out, "ME=" + Name(i) + "\n") << entered.err;
  });
  const auto begin = std::chrono::steady_clock::now();
  AtOnce(kContainers, [&](int i) {
    EXPECT_OK(runtime().StopContainer("p", Name(i), seconds(30), Deadline::After(seconds(60))));
  });
  Say("stop of twenty containers", begin);
  for (const auto& container : StatusOf("p").containers) {
    EXPECT_EQ(container.state, ContainerState::kStopped) << container.id;
    ASSERT_TRUE(container.exit) << container.id;
    EXPECT_EQ(container.exit->code, 9) << container.id << " was not asked but killed";
  }
  // And once more, all of them.
  AtOnce(kContainers, [&](int i) { EXPECT_OK(runtime().StartContainer("p", Name(i))); });
  for (const auto& container : StatusOf("p").containers) {
    EXPECT_EQ(container.state, ContainerState::kRunning) << container.id;
  }
}

TEST_F(ManyContainersTest, StopPod_TwentyContainers_StopsAllInGraceTime) {
  StartTwenty();
  if (HasFatalFailure()) return;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_OK(runtime().StopPod("p", seconds(30), Deadline::After(seconds(60))));
  const auto took = std::chrono::steady_clock::now() - begin;
  Say("stop of a pod of twenty", begin);
  EXPECT_LT(took, seconds(30)) << "one after the other";
  for (const auto& container : StatusOf("p").containers) {
    EXPECT_EQ(container.state, ContainerState::kStopped) << container.id;
    ASSERT_TRUE(container.exit) << container.id;
    EXPECT_EQ(container.exit->code, 9) << container.id << " was not asked but killed";
  }
  // They start again with it.
  ASSERT_OK(runtime().StartPod("p"));
  for (const auto& container : StatusOf("p").containers) {
    EXPECT_EQ(container.state, ContainerState::kRunning) << container.id;
  }
}

class ManyProcessesTest : public SharedPodTest<ManyProcessesTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("c", {"sleep", "100000"})};
    return pod;
  }

 protected:
  // A container of this test's own, running.
  void Run(const std::string& id, const std::vector<std::string>& args) {
    ASSERT_OK(runtime().CreateContainer(kPod, Container(id, args)));
    ASSERT_OK(runtime().StartContainer(kPod, id));
  }
};

TEST_F(ManyProcessesTest, EnterContainer_FiftyAtOnce_HaveOwnOutputAndStatus) {
  const auto begin = std::chrono::steady_clock::now();
  AtOnce(50, [&](int i) {
    const std::string number = std::to_string(i);
    const Finished finished =
        Finish(runtime().EnterContainer(
                   kPod, "c",
                   Shell("read l; echo $l out " + number + "; echo err " + number + " >&2; exit " + number),
                   Deadline::After(seconds(120))),
               "in " + number + "\n", Deadline::After(seconds(120)));
    EXPECT_EQ(finished.out, "in " + number + " out " + number + "\n");
    EXPECT_EQ(finished.err, "err " + number + "\n");
    EXPECT_EQ(finished.code, i);
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("fifty processes at once: %.2f s\n", took.count());
}

TEST_F(ManyProcessesTest, EnterContainer_HundredEnded_LeaveNoZombies) {
  // An orphan is its container's first process's to collect, as on every host; the others are the agent's.
  Run("reaps", {"sh", "-c", "while :; do sleep 0.1; done"});
  if (HasFatalFailure()) return;
  for (int i = 0; i < 4; ++i) {
    AtOnce(25, [&](int) {
      EXPECT_EQ(Enter("c", Command({"true"})).code, 0);
      EXPECT_EQ(Enter("reaps", Shell("(sleep 0.1 &) ; exit 0")).code, 0);
    });
  }
  for (const char* container : {"c", "reaps"}) {
    EXPECT_TRUE(Eventually([&] {
      return Enter(container, Shell("cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z '")).out == "0\n";
    })) << Enter(container, Command({"ps"})).out;
  }
}

TEST_F(ManyProcessesTest, Wait_ManyCallersOfTwoRuntimes_AllAreAnswered) {
  Run("ends", {"sh", "-c", "mkfifo /hold; read line </hold; exit 23"});
  if (HasFatalFailure()) return;
  // As a second process does it.
  Runtime other = OpenAgain();
  std::atomic<int> told{0};
  std::thread waiters([&] {
    AtOnce(32, [&](int i) {
      Runtime& from = i % 2 == 0 ? runtime() : other;
      Result<ExitStatus> exit;
      if (i % 4 < 2) {
        exit = from.WaitContainer(kPod, "ends", Deadline::After(seconds(60)));
      } else {
        const auto process = from.AttachContainer(kPod, "ends");
        EXPECT_OK(process);
        if (!process) return;
        exit = (*process)->Wait(Deadline::After(seconds(60)));
      }
      EXPECT_OK(exit);
      if (exit && exit->code == 23) ++told;
    });
  });
  std::thread program([&] {
    const Finished waited = Virtc({"container", "wait", kPod, "ends"});
    EXPECT_THAT(waited.out + waited.err + std::to_string(waited.code), testing::HasSubstr("23"));
  });
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_EQ(told, 0);
  // Which may itself end with the container.
  (void)Enter("ends", Shell("echo go >/hold"));
  waiters.join();
  program.join();
  EXPECT_EQ(told, 32);
  // Whoever comes late is told as well.
  const auto late = runtime().WaitContainer(kPod, "ends", Deadline::After(seconds(10)));
  ASSERT_OK(late);
  EXPECT_EQ(late->code, 23);
}

TEST_F(ManyProcessesTest, FirstProcess_Dies_ContainerStopsWithAllProcesses) {
  Run("dies", {"sleep", "1000"});
  if (HasFatalFailure()) return;
  std::vector<std::unique_ptr<Process>> others;
  for (int i = 0; i < 5; ++i) {
    auto process = runtime().EnterContainer(kPod, "dies", Shell("trap '' TERM; sleep 1000"));
    ASSERT_OK(process);
    others.push_back(*std::move(process));
  }
  ASSERT_OK(runtime().KillContainer(kPod, "dies", SIGKILL));
  const auto exit = runtime().WaitContainer(kPod, "dies", Deadline::After(seconds(30)));
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 128 + SIGKILL);
  for (const auto& process : others) {
    const auto ended = process->Wait(Deadline::After(seconds(30)));
    ASSERT_OK(ended);
    EXPECT_EQ(ended->code, 128 + SIGKILL);
    char buffer[16];
    EXPECT_EQ(process->ReadStdout(buffer, Deadline::After(seconds(10))).value_or(1), 0u);
  }
  // In every call from then on.
  for (int i = 0; i < 3; ++i) {
    const virtcontainers::ContainerStatus status =
        i == 1 ? WaitUntilStopped(kPod, "dies") : StatusOf(kPod, "dies");
    EXPECT_EQ(status.state, ContainerState::kStopped);
    ASSERT_TRUE(status.exit);
    EXPECT_EQ(status.exit->code, 128 + SIGKILL);
  }
  const virtcontainers::PodStatus pod = StatusOf(kPod);
  EXPECT_EQ(pod.state, PodState::kRunning);
  const auto listed = OpenAgain().ContainerStatus(kPod, "dies");
  ASSERT_OK(listed);
  EXPECT_EQ(listed->state, ContainerState::kStopped);
  EXPECT_FAILS(runtime().EnterContainer(kPod, "dies", Command({"true"})), Code::kFailedPrecondition,
               "stopped");
}

}  // namespace
}  // namespace virtcontainers::test
