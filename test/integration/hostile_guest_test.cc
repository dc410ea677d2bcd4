// Guests that lie and flood (hostile_guest_main.cc): each costs its own pod, in bounded time and memory, and
// no other pod notices.

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What the monitor of a pod may ever have had resident: two frames of 4 MiB, its buffers, and the program.
constexpr uint64_t kMonitorPeakKib = 64 << 10;

std::string CpioEntry(const std::string& name, uint32_t mode, const std::string& content) {
  std::array<char, 128> header;
  std::snprintf(header.data(), header.size(), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 0,
                mode, 0, 0, 1, 0, static_cast<unsigned>(content.size()), 0, 0, 0, 0,
                static_cast<unsigned>(name.size() + 1), 0);
  const auto padded = [](std::string text) {
    text.resize((text.size() + 3) / 4 * 4);
    return text;
  };
  return padded(header.data() + name + '\0') + padded(content);
}

// The peak of a process's resident memory; 0 if it is gone.
uint64_t PeakKib(pid_t pid) {
  const std::string status = FileContent("/proc/" + std::to_string(pid) + "/status");
  const size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + 6, nullptr, 10);
}

class HostileGuestTest : public PodTest {
 protected:
  void SetUp() override {
    PodTest::SetUp();
    if (!host_ || IsSkipped()) return;
    if (!std::filesystem::exists(VIRTCONTAINERS_HOSTILE_GUEST)) {
      GTEST_SKIP() << "the hostile guest is not built";
    }
    // The kernel unpacks one archive after the other: ours has another /init.
    initrd_ = dir() + "/hostile.cpio";
    std::string archive = FileContent(runtime().options().guest + "/initramfs.cpio");
    archive.resize((archive.size() + 511) / 512 * 512);
    archive += CpioEntry("init", S_IFREG | 0755, FileContent(VIRTCONTAINERS_HOSTILE_GUEST));
    archive += CpioEntry("TRAILER!!!", 0, "");
    WriteTo(initrd_, archive);
    ASSERT_OK(runtime().RunPod(Pod("beside", {Container("c")})));
  }

  void TearDown() override {
    if (host_ && !HasFatalFailure() && !IsSkipped()) {
      ExpectTheOtherPodGoesOn();
    }
    PodTest::TearDown();
  }

  PodConfig Hostile(const std::string& mode, std::vector<ContainerConfig> containers = {}) {
    PodConfig pod = Pod("hostile", std::move(containers));
    pod.hypervisor.initrd = initrd_;
    pod.hypervisor.kernel_parameters = {"hostile=" + mode};
    return pod;
  }

  void ExpectTheOtherPodGoesOn() {
    const Finished entered =
        Finish(runtime().EnterContainer("beside", "c", Command({"true"}), Deadline::After(seconds(20))), "",
               Deadline::After(seconds(20)));
    EXPECT_EQ(entered.code, 0) << entered.err;
  }

  // Starts a pod whose guest does not become one, within the deadline and a few seconds, watching what its
  // monitor takes meanwhile.
  void ExpectNoStart(const std::string& mode, std::initializer_list<const char*> texts) {
    constexpr seconds kDeadline{10};
    ASSERT_OK(runtime().CreatePod(Hostile(mode)));
    const auto begin = std::chrono::steady_clock::now();
    virtcontainers::Status started;
    std::atomic<bool> over{false};
    std::thread starting([&] {
      started = runtime().StartPod("hostile", Deadline::After(kDeadline));
      over = true;
    });
    uint64_t peak = 0;
    bool tried = false;
    while (!over) {
      for (const std::string& line : ProcessesLeft()) {
        if (line.find("virtcontainers-monitor") == std::string::npos) continue;
        const auto pid = static_cast<pid_t>(std::strtol(line.c_str(), nullptr, 10));
        if (pid != StatusOf("beside").monitor_pid) peak = std::max(peak, PeakKib(pid));
      }
      // In the middle of it.
      if (!tried && std::chrono::steady_clock::now() - begin > seconds(6)) {
        tried = true;
        ExpectTheOtherPodGoesOn();
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
    starting.join();
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took, kDeadline + seconds(20));
    ASSERT_FALSE(started) << "a guest that is " << mode << " was believed";
    const std::string error = started.error().ToString();
    for (const char* text : texts) EXPECT_THAT(error, testing::HasSubstr(text));
    EXPECT_LT(error.size(), 16u << 10);
    EXPECT_GT(peak, 0u) << "the monitor was never seen";
    EXPECT_LT(peak, kMonitorPeakKib);
    std::printf("%s: %.1f s, the monitor's peak %.1f MiB: %.200s\n", mode.c_str(),
                std::chrono::duration<double>(took).count(), static_cast<double>(peak) / 1024, error.c_str());
    EXPECT_EQ(StatusOf("hostile").state, PodState::kReady);
    EXPECT_OK(runtime().DeletePod("hostile"));
  }

  // After something has gone wrong in a running pod: it can be stopped, and its monitor has stayed small.
  void ExpectStops(const std::string& mode) {
    const pid_t monitor = StatusOf("hostile").monitor_pid;
    const uint64_t peak = PeakKib(monitor);
    EXPECT_LT(peak, kMonitorPeakKib);
    ExpectTheOtherPodGoesOn();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_OK(runtime().StopPod("hostile", milliseconds(500), Deadline::After(seconds(30))));
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took, seconds(40));
    std::printf("%s: stopped after %.1f s, the monitor's peak %.1f MiB\n", mode.c_str(),
                std::chrono::duration<double>(took).count(), static_cast<double>(peak) / 1024);
  }

  std::string initrd_;
};

TEST_F(HostileGuestTest, StartPod_GuestNeverAnswers_Fails) {
  ExpectNoStart("silent", {"did not come up", "did not answer in time"});
}

TEST_F(HostileGuestTest, StartPod_GuestReboots_Fails) { ExpectNoStart("reboot", {"did not come up"}); }

TEST_F(HostileGuestTest, StartPod_GuestFloodsLink_Fails) { ExpectNoStart("flood", {"did not come up"}); }

TEST_F(HostileGuestTest, StartPod_GuestSendsFramesOfNoCall_Fails) {
  ExpectNoStart("frames", {"did not come up"});
}

TEST_F(HostileGuestTest, StartPod_GuestSendsTooLargeFrame_Fails) {
  ExpectNoStart("huge", {"did not come up"});
}

TEST_F(HostileGuestTest, StartPod_GuestAnswersGarbage_Fails) {
  ExpectNoStart("answers", {"did not come up"});
}

TEST_F(HostileGuestTest, Read_GuestSendsMoreThanAsked_Fails) {
  ContainerConfig attached = Container("c");
  attached.output = ContainerOutput::kAttach;
  ASSERT_OK(runtime().CreatePod(Hostile("overlong", {attached, Container("logged")})));
  ASSERT_OK(runtime().StartPod("hostile"));
  const Finished entered =
      Finish(runtime().EnterContainer("hostile", "c", Command({"true"})), "", Deadline::After(seconds(20)));
  EXPECT_EQ(entered.code, -1);
  EXPECT_THAT(entered.err, testing::HasSubstr("asked for"));
  ExpectStops("overlong");
}

TEST_F(HostileGuestTest, RunningPod_GuestFloodsLink_OnlyThatPodFails) {
  ASSERT_OK(runtime().CreatePod(Hostile("later", {Container("c")})));
  ASSERT_OK(runtime().StartPod("hostile"));
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto deadline = Deadline::After(seconds(5));
    auto entered = runtime().EnterContainer("hostile", "c", Command({"true"}), deadline);
    if (entered) (void)(*entered)->Wait(deadline);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(15));
  }
  ExpectStops("later");
}

TEST_F(HostileGuestTest, RunningPod_GuestFloodsConsole_LogIsBounded) {
  ASSERT_OK(runtime().CreatePod(Hostile("console", {Container("c")})));
  ASSERT_OK(runtime().StartPod("hostile"));
  const std::string console = StatusOf("hostile").console;
  // It is cut once it is larger than 4 MiB, which an emulated guest needs some time for.
  uintmax_t written = 0, last = 0;
  bool cut = false;
  for (const Deadline end = Deadline::After(seconds(60)); !end.passed() && !cut;) {
    last = std::filesystem::file_size(console);
    cut = last < written;
    written = std::max(written, last);
    std::this_thread::sleep_for(milliseconds(20));
  }
  std::printf("console: %.1f MiB at most, %.1f MiB at last\n", static_cast<double>(written) / (1 << 20),
              static_cast<double>(last) / (1 << 20));
  EXPECT_TRUE(cut);
  EXPECT_LE(written, 6u << 20);
  ExpectStops("console");
}

}  // namespace
}  // namespace virtcontainers::test
