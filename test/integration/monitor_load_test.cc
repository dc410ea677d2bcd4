// Monitors that are killed again and again while everything is in use at once.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

#include "integration/fixture.h"
#include "integration/stream_source.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kKills = 10;
constexpr int kCallers = 10;
constexpr uint64_t kStreamBytes = 2 << 20;
constexpr uint32_t kLogFiles = 100;  // more than are ever full

class MonitorLoadTest : public PodTest {
 protected:
  // Of a pod that answers late, as an emulated guest does that everybody is busy with.
  static Deadline Soon() { return Deadline::After(seconds(180)); }

  // Kills the pod's monitor, also one that has just begun. Whether there was one.
  bool KillMonitor() {
    for (const std::string& line : ProcessesLeft()) {
      if (line.find("virtcontainers-monitor") == std::string::npos) continue;
      if (line.find("--launch") != std::string::npos) continue;
      return ::kill(static_cast<pid_t>(std::strtol(line.c_str(), nullptr, 10)), SIGKILL) == 0;
    }
    return false;
  }

  // Streams, one after the other, until the killing is over.
  void ReadStreams(uint64_t seed) {
    Runtime mine = OpenAgain();
    for (int round = 0; !over_ || round < 2; ++round, seed += 1000) {
      auto process = mine.EnterContainer(
          "p", "c", Command({"stream_source", "write", std::to_string(seed), std::to_string(kStreamBytes)}),
          Soon());
      ASSERT_OK(process);
      StreamSource source(seed);
      std::string buffer(50'000, '\0'), expected = buffer;
      uint64_t total = 0;
      while (true) {
        const auto count = (*process)->ReadStdout(buffer, Soon());
        ASSERT_OK(count);
        if (*count == 0) break;
        source.Fill(expected.data(), *count);
        ASSERT_EQ(std::memcmp(buffer.data(), expected.data(), *count), 0) << "after " << total << " bytes";
        total += *count;
      }
      EXPECT_EQ(total, kStreamBytes);
      const auto exit = (*process)->Wait(Soon());
      ASSERT_OK(exit);
      EXPECT_EQ(exit->code, 7) << "as the program has it";
      Note((*process)->id(), 7);
    }
  }

  // The same in the other direction, by writes of all sizes. The process compares what it reads.
  void WriteStreams(uint64_t seed) {
    Runtime mine = OpenAgain();
    for (int round = 0; !over_ || round < 2; ++round, seed += 1000) {
      auto process = mine.EnterContainer(
          "p", "c", Command({"stream_source", "check", std::to_string(seed), std::to_string(kStreamBytes)}),
          Soon());
      ASSERT_OK(process);
      StreamSource source(seed);
      std::string buffer(300'000, '\0');
      size_t size = 1;
      for (uint64_t sent = 0; sent < kStreamBytes; sent += size) {
        size = std::min<uint64_t>(size * 7 % buffer.size(), kStreamBytes - sent);
        source.Fill(buffer.data(), size);
        ASSERT_OK((*process)->WriteStdin({buffer.data(), size}, Soon()));
      }
      ASSERT_OK((*process)->CloseStdin(Soon()));
      const auto exit = (*process)->Wait(Soon());
      ASSERT_OK(exit);
      EXPECT_EQ(exit->code, 0) << "1: other bytes, 3: too many";
      Note((*process)->id(), 0);
    }
  }

  // Commands, one after the other: each says something else and ends otherwise.
  void Call(int caller) {
    Runtime mine = OpenAgain();
    for (int round = 0; !over_ || round < 2; ++round) {
      const std::string words = "caller " + std::to_string(caller) + ", round " + std::to_string(round);
      const int code = 10 * caller + round % 10;
      auto process = mine.EnterContainer(
          "p", "c", Shell("echo " + words + "; echo apart >&2; exit " + std::to_string(code)), Soon());
      ASSERT_OK(process);
      const std::string id = (*process)->id();
      const Finished finished = Finish(std::move(process), "", Soon());
      EXPECT_EQ(finished.out, words + "\n");
      EXPECT_EQ(finished.err, "apart\n");
      ASSERT_EQ(finished.code, code);
      Note(id, code);
    }
  }

  void Note(const std::string& process, int code) {
    const std::lock_guard lock(mutex_);
    codes_[process] = code;
  }

  // Everything that is told, until `last` says that this was all.
  std::vector<Event> Follow(const std::atomic<bool>& last) {
    std::vector<Event> told;
    auto events = runtime().Events(0);
    EXPECT_OK(events);
    if (!events) return told;
    while (true) {
      const bool ending = last;
      const auto event = (*events)->Next(Deadline::After(milliseconds(100)));
      EXPECT_OK(event);
      if (!event || (!*event && ending)) return told;
      if (*event) told.push_back(**event);
    }
  }

  // The numbers of a log's lines, in the order in which they are there.
  std::vector<long> LoggedNumbers() const {
    std::vector<long> numbers;
    const std::string path = root() + "/pods/p/logs/logged.log";
    for (uint32_t age = kLogFiles; age-- > 0;) {
      std::istringstream lines(FileContent(age == 0 ? path : path + "." + std::to_string(age)));
      for (std::string line; std::getline(lines, line);) {
        const size_t tag = line.find(" stdout F ");
        EXPECT_NE(tag, std::string::npos) << line;
        if (tag != std::string::npos) numbers.push_back(std::strtol(line.c_str() + tag + 10, nullptr, 10));
      }
    }
    return numbers;
  }

  // `at_rest` is called when nobody asks for anything any more.
  void KillMonitorsUnderLoad(const std::function<void()>& at_rest = [] {});

  std::atomic<bool> over_ = false;
  std::mutex mutex_;
  std::map<std::string, int> codes_;  // of the processes that were executed; under mutex_
};

void MonitorLoadTest::KillMonitorsUnderLoad(const std::function<void()>& at_rest) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);

  const ContainerConfig c = Container("c");
  std::filesystem::copy_file(VIRTCONTAINERS_STREAM_SOURCE, c.rootfs + "/bin/stream_source");
  ContainerConfig logged =
      Container("logged", {"sh", "-c",
                           "i=0; while [ ! -e /stop ]; do"
                           "  seq $((i * 100)) $((i * 100 + 99)); i=$((i + 1)); sleep 0.2;"
                           " done; exit 9"});
  logged.output = ContainerOutput::kLog;
  logged.log = {.format = LogFormat::kCri, .max_size = Bytes{32 << 10}, .max_files = kLogFiles};
  ASSERT_OK(runtime().CreatePod(Pod("p", {c, logged})));
  ASSERT_OK(runtime().StartPod("p"));
  const pid_t vm = StatusOf("p").vm_pid;

  std::atomic<bool> told_all = false;
  auto events = std::async(std::launch::async, [&] { return Follow(told_all); });
  auto waiting = std::async(std::launch::async, [&] {
    return OpenAgain().WaitContainer("p", "logged", Deadline::After(seconds(500)));
  });
  std::vector<std::future<void>> users;
  users.push_back(std::async(std::launch::async, [this] { ReadStreams(1); }));
  users.push_back(std::async(std::launch::async, [this] { WriteStreams(2); }));
  for (int caller = 0; caller < kCallers; ++caller) {
    users.push_back(std::async(std::launch::async, [this, caller] { Call(caller); }));
  }
  for (int kills = 0; kills < kKills && !HasFailure();) {
    std::this_thread::sleep_for(milliseconds(random() % 2500));
    if (KillMonitor()) ++kills;
  }
  over_ = true;
  for (std::future<void>& user : users) user.get();
  WriteTo(logged.rootfs + "/stop", "");
  const auto waited = waiting.get();
  ASSERT_OK(waited);
  EXPECT_EQ(waited->code, 9);
  EXPECT_EQ(StatusOf("p", "logged").exit, ExitStatus{9});
  EXPECT_EQ(StatusOf("p").vm_pid, vm);

  const std::vector<long> numbers = LoggedNumbers();
  EXPECT_EQ(numbers.size() % 100, 0u);
  EXPECT_GT(numbers.size(), 0u);
  for (size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], static_cast<long>(i));
  EXPECT_TRUE(std::filesystem::exists(root() + "/pods/p/logs/logged.log.1")) << "it was rotated";
  EXPECT_FALSE(std::filesystem::exists(root() + "/pods/p/logs/logged.log." + std::to_string(kLogFiles - 1)))
      << "some of it may have been pushed out";

  at_rest();
  ASSERT_OK(runtime().StopPod("p", seconds(0)));
  told_all = true;
  std::map<std::string, int> started, ended;
  int stops = 0;
  uint64_t sequence = 0;
  for (const Event& event : events.get()) {
    ASSERT_EQ(event.sequence, ++sequence) << "a hole";
    if (event.type == EventType::kProcessStarted) ++started[event.process];
    if (event.type == EventType::kProcessExited) {
      ++ended[event.process];
      ASSERT_EQ(codes_.count(event.process), 1u) << event.process;
      EXPECT_EQ(event.exit, ExitStatus{codes_[event.process]}) << event.process;
    }
    if (event.type == EventType::kContainerExited && event.container == "logged") {
      ++stops;
      EXPECT_EQ(event.exit, ExitStatus{9});
    }
  }
  EXPECT_EQ(stops, 1);
  EXPECT_EQ(started.size(), codes_.size());
  EXPECT_EQ(ended.size(), codes_.size());
  for (const auto& [process, code] : codes_) {
    EXPECT_EQ(started[process], 1) << process;
    EXPECT_EQ(ended[process], 1) << process;
  }
}

TEST_F(MonitorLoadTest, Streams_MonitorsKilledUnderLoad_LoseAndDoubleNothing) { KillMonitorsUnderLoad(); }

// Which races with every caller for the pod.
TEST_F(MonitorLoadTest, Streams_MonitorsKilledUnderLoadWithWatch_LoseAndDoubleNothing) {
  HostProcess watch(host_->VirtcArguments({"monitor", "--watch"}), host_->VirtcEnvironment());
  KillMonitorsUnderLoad([this] {
    const pid_t before = StatusOf("p").monitor_pid;
    ASSERT_TRUE(KillMonitor());
    ASSERT_TRUE(Eventually([&] {
      const PodStatus pod = StatusOf("p");
      return pod.monitor_pid != before && pod.reason.empty();
    }));
  });
  ASSERT_EQ(::kill(watch.pid(), SIGTERM), 0);
  const Finished finished = watch.Finish();
  EXPECT_THAT(finished.out, testing::HasSubstr("p: its monitor had died, and has been replaced\n"));
  EXPECT_EQ(finished.code, 0) << finished.err;
}

}  // namespace
}  // namespace virtcontainers::test
