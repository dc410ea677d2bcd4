// Monitors that are killed: the VM and what runs in it go on, and whoever asks next is answered as if nothing
// had happened.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <future>
#include <map>
#include <sstream>
#include <thread>

#include "integration/fixture.h"
#include "integration/stream_source.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class MonitorDeathTest : public SharedPodTest<MonitorDeathTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("c", {"sleep", "100000"})};
    std::error_code error;
    std::filesystem::copy_file(VIRTCONTAINERS_STREAM_SOURCE, pod.containers[0].rootfs + "/bin/stream_source",
                               error);
    EXPECT_FALSE(error) << error.message();
    return pod;
  }

 protected:
  static Deadline Soon() { return Deadline::After(seconds(60)); }

  // Whichever it is by now. Who waits for something may have it replaced before this returns.
  void KillMonitor() {
    const pid_t pid = StatusOf(kPod).monitor_pid;
    ASSERT_GT(pid, 1);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(Eventually([&] {
      const PodStatus pod = StatusOf(kPod);
      return pod.monitor_pid != pid || !pod.reason.empty();
    }));
  }

  std::vector<std::string> Told(EventType type, const std::string& container) {
    std::vector<std::string> processes;
    auto events = runtime().Events(0);
    EXPECT_OK(events);
    if (!events) return processes;
    while (true) {
      const auto event = (*events)->Next(Deadline::After(milliseconds(0)));
      if (!event || !*event) return processes;
      if ((*event)->type == type && (*event)->container == container) processes.push_back((*event)->process);
    }
  }
};

TEST_F(MonitorDeathTest, Monitor_Killed_ContainersGoOn) {
  const PodStatus before = StatusOf(kPod);
  KillMonitor();
  const PodStatus dead = StatusOf(kPod);
  EXPECT_EQ(dead.state, PodState::kRunning);
  EXPECT_EQ(dead.reason, "its monitor has died: the next call on the pod starts another");
  EXPECT_EQ(Enter("c", Shell("echo hello; exit 3")).out, "hello\n");
  const PodStatus after = StatusOf(kPod);
  EXPECT_EQ(after.vm_pid, before.vm_pid);
  EXPECT_NE(after.monitor_pid, before.monitor_pid);
  EXPECT_EQ(after.started, before.started);
  EXPECT_EQ(after.reason, "");
  EXPECT_EQ(StatusOf(kPod, "c").started, before.containers[0].started);
}

TEST_F(MonitorDeathTest, RestoreMonitor_MonitorIsKilled_StartsAnother) {
  EXPECT_EQ(runtime().RestoreMonitor(kPod).value(), false);
  KillMonitor();
  EXPECT_EQ(runtime().RestoreMonitor(kPod).value(), true);
  EXPECT_EQ(runtime().RestoreMonitor(kPod).value(), false);
  EXPECT_FAILS(runtime().RestoreMonitor("nonesuch"), Code::kNotFound, "nonesuch");
}

TEST_F(MonitorDeathTest, Read_MonitorIsKilled_LosesAndDoublesNoByte) {
  constexpr uint64_t kBytes = 8 << 20;
  constexpr uint64_t kSeed = 42;
  auto process = runtime().EnterContainer(
      kPod, "c", Command({"stream_source", "write", std::to_string(kSeed), std::to_string(kBytes)}), Soon());
  ASSERT_OK(process);
  StreamSource source(kSeed);
  std::string buffer(100'000, '\0'), expected = buffer;
  uint64_t total = 0;
  int kills = 0;
  while (true) {
    if (total > (kills + 1) * kBytes / 5 && kills < 4) {
      ++kills;
      KillMonitor();
    }
    const auto count = (*process)->ReadStdout(buffer, Soon());
    ASSERT_OK(count);
    if (*count == 0) break;
    source.Fill(expected.data(), *count);
    ASSERT_EQ(std::memcmp(buffer.data(), expected.data(), *count), 0) << "after " << total << " bytes";
    total += *count;
  }
  EXPECT_EQ(total, kBytes);
  EXPECT_EQ(kills, 4);
  const auto exit = (*process)->Wait(Soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 7) << "as the program has it";
}

// The process takes its input slowly enough for every kill to meet a write.
TEST_F(MonitorDeathTest, WriteStdin_MonitorsAreKilled_EveryByteArrivesOnce) {
  constexpr uint64_t kBytes = 8 << 20;
  constexpr uint64_t kSeed = 43;
  auto process = runtime().EnterContainer(
      kPod, "c", Command({"stream_source", "check", std::to_string(kSeed), std::to_string(kBytes)}), Soon());
  ASSERT_OK(process);
  std::atomic<uint64_t> sent = 0;
  auto writing = std::async(std::launch::async, [&]() -> Status {
    StreamSource source(kSeed);
    std::string buffer(100'000, '\0');
    for (size_t size = 0; sent < kBytes; sent += size) {
      size = std::min<uint64_t>(buffer.size(), kBytes - sent);
      source.Fill(buffer.data(), size);
      if (Status written = (*process)->WriteStdin({buffer.data(), size}); !written) return written;
    }
    return (*process)->CloseStdin();
  });
  int kills = 0;
  for (; kills < 5; ++kills) {
    ASSERT_TRUE(Eventually([&] { return sent > (kills + 1) * kBytes / 6; }));
    KillMonitor();
  }
  EXPECT_OK(writing.get());
  const auto exit = (*process)->Wait(Soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 0) << "1: other bytes, 3: too many";
}

// Two handles on one process: each one's lines arrive once, in its order.
TEST_F(MonitorDeathTest, WriteStdin_OfTwoHandles_MonitorsAreKilled_EveryLineArrivesOnce) {
  constexpr int kLines = 300;
  auto process = runtime().EnterContainer(kPod, "c", Command({"cat"}), Soon());
  ASSERT_OK(process);
  Runtime other = OpenAgain();
  auto again = other.OpenProcess(kPod, "c", (*process)->id());
  ASSERT_OK(again);
  std::atomic<int> sent = 0;
  const auto write = [&](Process& handle, const std::string& name) -> Status {
    for (int i = 0; i < kLines; ++i, ++sent) {
      if (Status written = handle.WriteStdin(name + " " + std::to_string(i) + "\n"); !written) return written;
    }
    return {};
  };
  auto one = std::async(std::launch::async, [&] { return write(**process, "one"); });
  auto two = std::async(std::launch::async, [&] { return write(**again, "two"); });
  for (int kills = 0; kills < 3; ++kills) {
    ASSERT_TRUE(Eventually([&] { return sent > (kills + 1) * kLines / 4; }));
    KillMonitor();
  }
  EXPECT_OK(one.get());
  EXPECT_OK(two.get());
  const Finished finished = Finish(std::move(process), "", Soon());
  std::map<std::string, int> next;
  std::istringstream lines(finished.out);
  for (std::string name, number; lines >> name >> number;)
    EXPECT_EQ(number, std::to_string(next[name]++)) << name;
  EXPECT_THAT(next,
              testing::UnorderedElementsAre(testing::Pair("one", kLines), testing::Pair("two", kLines)));
}

// A pod that stands still answers nothing: what of a write has arrived is known when it goes on.
TEST_F(MonitorDeathTest, WriteStdin_PodIsPaused_GoesOnWhereItWas) {
  const std::string noise = NoiseBytes(300'000, 44);
  auto process = runtime().EnterContainer(kPod, "c", Command({"cat"}), Soon());
  ASSERT_OK(process);
  ASSERT_OK(runtime().PausePod(kPod));
  size_t taken = 0;
  EXPECT_FAILS((*process)->WriteStdin(noise, Deadline::After(milliseconds(100)), &taken),
               Code::kDeadlineExceeded, "at least 0 of 300000 bytes");
  EXPECT_EQ(taken, 0u);
  KillMonitor();
  EXPECT_FAILS((*process)->WriteStdin(noise, Deadline::After(milliseconds(100)), &taken),
               Code::kDeadlineExceeded, "");
  ASSERT_OK(runtime().ResumePod(kPod));
  const Finished finished = Finish(std::move(process), noise, Soon());
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(finished.out == noise) << "of " << noise.size() << " bytes came " << finished.out.size();
}

TEST_F(MonitorDeathTest, Calls_MonitorIsKilled_AreAnsweredByTheNext) {
  auto process = runtime().EnterContainer(kPod, "c", Shell("read line; echo \"got $line\"; exit 5"), Soon());
  ASSERT_OK(process);
  auto waiting = std::async(std::launch::async, [&] { return (*process)->Wait(Soon()); });
  auto reading = std::async(std::launch::async, [&] {
    char bytes[100];
    const auto count = (*process)->ReadStdout(bytes, Soon());
    return count ? std::string(bytes, *count) : Explain(count);
  });
  KillMonitor();
  // Whoever waits has had it replaced, or this has.
  ASSERT_OK(runtime().RestoreMonitor(kPod));
  ASSERT_OK((*process)->WriteStdin("x\n", Soon()));
  EXPECT_EQ(reading.get(), "got x\n");
  const auto exit = waiting.get();
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 5);
  EXPECT_TRUE(Eventually([&] {
    const auto told = Told(EventType::kProcessExited, "c");
    return std::count(told.begin(), told.end(), (*process)->id()) == 1;
  }));
  KillMonitor();
  EXPECT_EQ((*process)->Wait(Soon()).value().code, 5) << "it is still known";
  const auto told = Told(EventType::kProcessExited, "c");
  EXPECT_EQ(std::count(told.begin(), told.end(), (*process)->id()), 1) << "and is told once";
}

TEST_F(MonitorDeathTest, Log_MonitorIsKilled_HasEveryLineOnce) {
  constexpr int kLines = 4000;
  ContainerConfig logged = Container("logged", {"sh", "-c",
                                                "i=0; while [ $i -lt " + std::to_string(kLines) +
                                                    " ]; do echo line $i; i=$((i+1)); done; exit 7"});
  logged.output = ContainerOutput::kLog;
  logged.log.format = LogFormat::kPlain;
  ASSERT_OK(runtime().CreateContainer(kPod, logged));
  const std::string log = root() + "/pods/" + std::string(kPod) + "/logs/logged.log";
  ASSERT_OK(runtime().StartContainer(kPod, "logged"));
  auto waiting =
      std::async(std::launch::async, [&] { return runtime().WaitContainer(kPod, "logged", Soon()); });
  for (int kills = 0; kills < 3; ++kills) {
    // It grows between two deaths.
    const size_t before = FileContent(log).size();
    EXPECT_TRUE(Eventually([&] {
      return FileContent(log).size() > before || StatusOf(kPod, "logged").state == ContainerState::kStopped;
    }));
    KillMonitor();
    ASSERT_OK(runtime().RestoreMonitor(kPod));
  }
  const auto exit = runtime().WaitContainer(kPod, "logged", Soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 7);
  std::string expected;
  for (int i = 0; i < kLines; ++i) expected += "line " + std::to_string(i) + "\n";
  EXPECT_TRUE(FileContent(log) == expected) << "the log is not what was said";
  const auto waited = waiting.get();
  ASSERT_OK(waited);
  EXPECT_EQ(waited->code, 7);
  EXPECT_EQ(StatusOf(kPod, "logged").exit, ExitStatus{7});
  EXPECT_OK(runtime().DeleteContainer(kPod, "logged"));
  EXPECT_FALSE(std::filesystem::exists(log + ".position"));
}

TEST_F(MonitorDeathTest, PausedPod_MonitorIsKilled_StaysPausedAndLosesNoOutput) {
  const auto talk = [&] {
    return Finish(runtime().EnterContainer(kPod, "c", Command({"seq", "1", "400000"}), Soon())).out;
  };
  auto talking = std::async(std::launch::async, talk);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  ASSERT_OK(runtime().PausePod(kPod));
  KillMonitor();
  EXPECT_EQ(StatusOf(kPod).state, PodState::kPaused);
  ASSERT_OK(runtime().RestoreMonitor(kPod));
  EXPECT_EQ(StatusOf(kPod).state, PodState::kPaused);
  KillMonitor();
  ASSERT_OK(runtime().ResumePod(kPod));
  EXPECT_EQ(Enter("c", Command({"echo", "again"})).out, "again\n");
  const std::string said = talking.get();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 400'000);
  EXPECT_EQ(said.substr(said.size() - std::min<size_t>(said.size(), 7)), "400000\n");
}

TEST_F(MonitorDeathTest, Containers_MonitorIsKilledBetweenCalls_AreMadeAndDeleted) {
  KillMonitor();
  ASSERT_OK(runtime().CreateContainer(kPod, Container("d")));
  KillMonitor();
  ASSERT_OK(runtime().StartContainer(kPod, "d"));
  KillMonitor();
  EXPECT_EQ(Finish(runtime().EnterContainer(kPod, "d", Command({"ls", "-d", "/bin"}), Soon())).out, "/bin\n");
  KillMonitor();
  ASSERT_OK(runtime().PauseContainer(kPod, "d"));
  KillMonitor();
  ASSERT_OK(runtime().RestoreMonitor(kPod));
  EXPECT_EQ(StatusOf(kPod, "d").state, ContainerState::kPaused);
  ASSERT_OK(runtime().ResumeContainer(kPod, "d"));
  KillMonitor();
  ASSERT_OK(runtime().StopContainer(kPod, "d", seconds(0)));
  EXPECT_EQ(StatusOf(kPod, "d").exit, ExitStatus{137});
  KillMonitor();
  ASSERT_OK(runtime().StartContainer(kPod, "d"));
  ASSERT_OK(runtime().StopContainer(kPod, "d", seconds(0)));
  KillMonitor();
  ASSERT_OK(runtime().DeleteContainer(kPod, "d"));
  EXPECT_FAILS(runtime().ContainerStatus(kPod, "d"), Code::kNotFound, "'d'");
}

// A monitor that is killed at some moment of a call: the call succeeds, or says what happened, and the
// container is in a state from which it goes on.
TEST_F(MonitorDeathTest, Calls_MonitorIsKilledMeanwhile_Succeed) {
  for (int i = 0; i < 10; ++i) {
    const pid_t monitor = StatusOf(kPod).monitor_pid;
    std::thread killer([&] {
      std::this_thread::sleep_for(milliseconds(7 * i));
      ::kill(monitor, SIGKILL);
    });
    const Status created = runtime().CreateContainer(kPod, Container("e" + std::to_string(i)), Soon());
    EXPECT_OK(created);
    const Status started = runtime().StartContainer(kPod, "e" + std::to_string(i), Soon());
    EXPECT_OK(started);
    const Finished ran =
        Finish(runtime().EnterContainer(kPod, "e" + std::to_string(i), Shell("echo in; exit 4"), Soon()));
    EXPECT_EQ(ran.out, "in\n") << ran.err;
    EXPECT_EQ(ran.code, 4);
    const Status stopped = runtime().StopContainer(kPod, "e" + std::to_string(i), milliseconds(0), Soon());
    EXPECT_OK(stopped);
    killer.join();
    EXPECT_OK(runtime().DeleteContainer(kPod, "e" + std::to_string(i), Soon()));
  }
  EXPECT_EQ(StatusOf(kPod).containers.size(), 1u);
}

class OwnPodTest : public PodTest {
 protected:
  // Killed, it is a process for a moment longer. (proc(5), stat field 3)
  static bool HasEnded(pid_t pid) {
    const std::string stat = FileContent("/proc/" + std::to_string(pid) + "/stat");
    const size_t name_end = stat.rfind(") ");
    return name_end == std::string::npos || stat[name_end + 2] == 'Z' || stat[name_end + 2] == 'X';
  }

  static void Kill(pid_t pid) {
    ASSERT_GT(pid, 1);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(Eventually([&] { return HasEnded(pid); }));
  }
};

TEST_F(OwnPodTest, StopPod_MonitorIsDead_ContainersEndGracefully) {
  ContainerConfig polite = Container(
      "polite",
      {"sh", "-c", "trap 'echo bye > /said; exit 0' TERM; : > /ready; while :; do sleep 0.1; done"});
  ASSERT_OK(runtime().CreatePod(Pod("p", {polite})));
  ASSERT_OK(runtime().StartPod("p"));
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(polite.rootfs + "/ready"); }));
  Kill(StatusOf("p").monitor_pid);
  ASSERT_OK(runtime().StopPod("p", seconds(20)));
  EXPECT_EQ(FileContent(polite.rootfs + "/said"), "bye\n");
  EXPECT_EQ(StatusOf("p").state, PodState::kStopped);
  ASSERT_OK(runtime().StartPod("p"));
  // Both at once.
  const PodStatus pod = StatusOf("p");
  Kill(pod.monitor_pid);
  Kill(pod.vm_pid);
  EXPECT_EQ(StatusOf("p").state, PodState::kStopped);
  EXPECT_EQ(runtime().RestoreMonitor("p").value(), true) << "the rest is removed";
  EXPECT_EQ(StatusOf("p").reason, "the VM is gone, and so is its monitor");
  EXPECT_OK(runtime().DeletePod("p"));
}

TEST_F(OwnPodTest, Pod_VmDiesAfterTakeOver_Stops) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c")})));
  ASSERT_OK(runtime().StartPod("p"));
  auto process = runtime().EnterContainer("p", "c", Command({"cat"}));
  ASSERT_OK(process);
  Kill(StatusOf("p").monitor_pid);
  ASSERT_OK(runtime().RestoreMonitor("p"));
  Kill(StatusOf("p").vm_pid);
  const auto exit = (*process)->Wait(Deadline::After(seconds(60)));
  EXPECT_FAILS(exit, Code::kUnavailable, "");
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").state == PodState::kStopped; }));
  EXPECT_TRUE(Eventually([&] {
    return StatusOf("p").reason == "vm exited: killed or failed, its status went to another";
  })) << StatusOf("p").reason;
  ASSERT_OK(runtime().StartPod("p"));
}

TEST_F(OwnPodTest, Vm_FilesOfPodAreRemoved_Ends) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c")})));
  ASSERT_OK(runtime().StartPod("p"));
  for (const std::string& line : ProcessesLeft()) {
    if (line.find("virtiofsd") == std::string::npos) continue;
    ::kill(static_cast<pid_t>(std::strtol(line.c_str(), nullptr, 10)), SIGKILL);
  }
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").state == PodState::kStopped; }));
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").reason.find("virtiofsd") != std::string::npos; }))
      << StatusOf("p").reason;
  EXPECT_THAT(StatusOf("p", "c").reason, HasSubstr("virtiofsd"));
  ASSERT_OK(runtime().StartPod("p"));
}

TEST_F(OwnPodTest, StartPod_MonitorIsKilledDuringBoot_LeavesNothing) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c")})));
  auto starting = std::async(std::launch::async, [&] { return runtime().StartPod("p"); });
  // The VM is there, and its guest is far from answering.
  const auto monitor = [&]() -> pid_t {
    for (const std::string& line : ProcessesLeft()) {
      if (line.find("virtcontainers-monitor") == std::string::npos ||
          line.find("--launch") != std::string::npos) {
        continue;
      }
      return static_cast<pid_t>(std::strtol(line.c_str(), nullptr, 10));
    }
    return 0;
  };
  const auto vm = [&] {
    for (const std::string& line : ProcessesLeft()) {
      if (line.find("qemu-system") != std::string::npos) return true;
    }
    return false;
  };
  const auto ended = [&] { return starting.wait_for(seconds(0)) == std::future_status::ready; };
  ASSERT_TRUE(Eventually([&] { return ended() || (monitor() > 0 && vm()); }));
  ASSERT_FALSE(ended())
      << starting.get().map_error([](const Error& error) { return error.ToString(); }).error();
  ::kill(monitor(), SIGKILL);
  EXPECT_FAILS(starting.get(), Code::kAborted, "ended without an outcome");
  EXPECT_EQ(StatusOf("p").state, PodState::kReady);
  ASSERT_OK(runtime().StartPod("p"));
  EXPECT_EQ(StatusOf("p").state, PodState::kRunning);
}

}  // namespace
}  // namespace virtcontainers::test
