// When a blocking call gives up: at a point in time, or when another thread cancels it.

#ifndef VIRTCONTAINERS_DEADLINE_H_
#define VIRTCONTAINERS_DEADLINE_H_

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <utility>

namespace virtcontainers {

// A point in monotonic time, which bounds an operation of many steps, and optionally a std::stop_token. A
// value; thread-compatible.
//
// A call whose token is stopped behaves as one whose deadline has passed, and answers Cancelled instead of
// DeadlineExceeded: it may or may not have had its effect, unless its own comment says more. It returns
// within milliseconds, a read within 0.1 s, and a start once it has been undone. All calls of Runtime,
// Process and EventStream honour the token; EventStream::Next returns nothing. Hypervisors and agents need
// not.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // Never passes.
  static Deadline Infinite() { return Deadline(Clock::time_point::max()); }

  // Passes `duration` from now. A negative duration has passed already.
  static Deadline After(std::chrono::nanoseconds duration) {
    const auto now = Clock::now();
    if (duration > Clock::time_point::max() - now) return Infinite();
    return Deadline(now + std::chrono::duration_cast<Clock::duration>(duration));
  }

  // The same deadline, which passes also when `token` is stopped:
  //     runtime.StartPod("web", Deadline::After(std::chrono::minutes(1)).OrStopped(source.get_token()))
  Deadline OrStopped(std::stop_token token) const {
    Deadline deadline = *this;
    deadline.token_ = std::move(token);
    return deadline;
  }

  // Whether there is no point in time. The token may be stopped nevertheless.
  bool infinite() const { return at_ == Clock::time_point::max(); }
  // Whether the token has been stopped.
  bool cancelled() const { return token_.stop_requested(); }
  // Whether the point in time has passed, or the token has been stopped.
  bool passed() const { return cancelled() || (!infinite() && Clock::now() >= at_); }
  Clock::time_point time() const { return at_; }
  const std::stop_token& token() const { return token_; }

  // The time that is left, never negative; 0 if cancelled, nanoseconds::max() if infinite.
  std::chrono::nanoseconds remaining() const {
    if (cancelled()) return std::chrono::nanoseconds(0);
    if (infinite()) return std::chrono::nanoseconds::max();
    return std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(at_ - Clock::now()));
  }

  // remaining() as poll(2) takes it: milliseconds rounded up, -1 if infinite.
  int PollTimeout() const {
    const auto left = remaining();
    if (left == std::chrono::nanoseconds::max()) return -1;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::min<long long>(ms, 1'000'000'000));
  }

  // The sooner of two points in time, with the token of `a`, or of `b` if `a` has none.
  friend Deadline Min(const Deadline& a, const Deadline& b) {
    return Deadline(std::min(a.at_, b.at_)).OrStopped(a.token_.stop_possible() ? a.token_ : b.token_);
  }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}

  Clock::time_point at_;
  std::stop_token token_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_DEADLINE_H_
