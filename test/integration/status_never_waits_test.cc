// Status and list are answered from files: neither a VM that boots nor who holds a pod's lock is in their
// way.

#include <algorithm>
#include <future>
#include <iostream>

#include "integration/fixture.h"
#include "os/file_lock.h"

namespace virtcontainers::test {
namespace {

using Clock = std::chrono::steady_clock;

class StatusNeverWaits : public PodTest {
 protected:
  // How long the two calls take together.
  std::chrono::nanoseconds Ask() {
    const auto begin = Clock::now();
    EXPECT_OK(runtime().PodStatus("p"));
    EXPECT_OK(runtime().ListPod());
    return Clock::now() - begin;
  }

  template <typename F>
  std::vector<std::chrono::nanoseconds> AskWhile(F holds) {
    std::vector<std::chrono::nanoseconds> times;
    while (holds()) {
      const auto took = Ask();
      if (holds()) times.push_back(took);  // asked and answered meanwhile
    }
    return times;
  }

  static std::chrono::nanoseconds Median(std::vector<std::chrono::nanoseconds> times) {
    std::sort(times.begin(), times.end());
    return times.empty() ? std::chrono::nanoseconds(0) : times[times.size() / 2];
  }

  static void Print(const char* when, const std::vector<std::chrono::nanoseconds>& times,
                    std::chrono::nanoseconds idle) {
    std::cout << when << ": " << times.size() << " answers, the median "
              << static_cast<double>(Median(times).count()) / static_cast<double>(idle.count())
              << " times that of an idle pod, the longest "
              << static_cast<double>(std::max_element(times.begin(), times.end())->count()) / 1e6 << " ms\n";
  }
};

TEST_F(StatusNeverWaits, PodStatus_PodBootsOrIsLocked_AnswersAtOnce) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c")})));
  int left = 200;
  const auto idle = Median(AskWhile([&] { return --left > 0; }));

  auto starting = std::async(std::launch::async, [&] { return runtime().StartPod("p"); });
  const auto boots = [&] { return starting.wait_for(std::chrono::seconds(0)) != std::future_status::ready; };
  const auto booting = AskWhile(boots);
  ASSERT_OK(starting.get());
  ASSERT_FALSE(booting.empty()) << "none was answered before the pod had booted";
  Print("while it boots", booting, idle);

  // As somebody who died never would, and somebody who is slow does.
  const auto held = FileLock::Acquire(root() + "/pods/p/lock", Deadline::Infinite());
  ASSERT_OK(held);
  auto asking = std::async(std::launch::async, [&] {
    int count = 200;
    return AskWhile([&] { return --count > 0; });
  });
  EXPECT_TRUE(Eventually([&] {
    return asking.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  })) << "they wait for a lock";
  // While who changes the pod does wait.
  EXPECT_FAILS(runtime().PausePod("p", Deadline::After(std::chrono::milliseconds(100))),
               Code::kDeadlineExceeded, "another operation is still under way");
  Print("while its lock is held", asking.get(), idle);
}

}  // namespace
}  // namespace virtcontainers::test
