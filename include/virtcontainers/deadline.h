// Until when a blocking call may take.

#ifndef VIRTCONTAINERS_DEADLINE_H_
#define VIRTCONTAINERS_DEADLINE_H_

#include <algorithm>
#include <chrono>

namespace virtcontainers {

// A point in monotonic time, so that one bound holds for an operation made of many steps. A value;
// thread-compatible.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // Never passes.
  static Deadline Infinite() { return Deadline(Clock::time_point::max()); }

  // Passes `duration` from now; one that is negative has passed already.
  static Deadline After(std::chrono::nanoseconds duration) {
    const auto now = Clock::now();
    if (duration > Clock::time_point::max() - now) return Infinite();
    return Deadline(now + std::chrono::duration_cast<Clock::duration>(duration));
  }

  bool infinite() const { return at_ == Clock::time_point::max(); }
  bool passed() const { return !infinite() && Clock::now() >= at_; }
  Clock::time_point time() const { return at_; }

  // What is left, never negative; nanoseconds::max() if infinite.
  std::chrono::nanoseconds remaining() const {
    if (infinite()) return std::chrono::nanoseconds::max();
    return std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(at_ - Clock::now()));
  }

  // What is left as poll(2) takes it: milliseconds rounded up, -1 if infinite.
  int PollTimeout() const {
    if (infinite()) return -1;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(remaining()).count();
    return static_cast<int>(std::min<long long>(ms, 1'000'000'000));
  }

  // The sooner of two.
  friend Deadline Min(Deadline a, Deadline b) { return a.at_ < b.at_ ? a : b; }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}

  Clock::time_point at_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_DEADLINE_H_
