// How many bytes may pass now, under a limit of a rate. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_TOKEN_BUCKET_H_
#define VIRTCONTAINERS_SRC_USERNET_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "virtcontainers/network.h"

namespace virtcontainers {

// A token bucket, full at first. Time is in nanoseconds of any clock that does not go back. Not thread-safe.
class TokenBucket {
 public:
  static constexpr uint64_t kLeastBurst = 64 << 10;  // where none is asked for

  explicit TokenBucket(const RateLimit& limit)
      : rate_(static_cast<double>(limit.rate)),
        burst_(static_cast<double>(limit.burst != 0 ? limit.burst : std::max(limit.rate / 50, kLeastBurst))),
        tokens_(burst_) {}

  bool limited() const { return rate_ > 0; }

  // The bytes that may pass at `now`.
  size_t Available(int64_t now) {
    if (!limited()) return std::numeric_limits<size_t>::max();
    if (started_) tokens_ = std::min(burst_, tokens_ + rate_ * static_cast<double>(now - last_) / 1e9);
    started_ = true;
    last_ = now;
    return tokens_ < 1 ? 0 : static_cast<size_t>(tokens_);
  }

  // `bytes` that Available allowed have passed.
  void Take(size_t bytes) {
    if (limited()) tokens_ -= static_cast<double>(bytes);
  }

  // Whether at least Portion(wanted) may pass at `now`: bytes in small pieces would cost more than they
  // carry.
  bool Ready(int64_t now, size_t wanted) { return Available(now) >= Portion(wanted); }

  // The nanoseconds from the last call of Available until Ready; 0 if it is.
  int64_t WaitFor(size_t wanted) const {
    const double missing = static_cast<double>(Portion(wanted)) - tokens_;
    return !limited() || missing <= 0 ? 0 : static_cast<int64_t>(missing / rate_ * 1e9) + 1;
  }

 private:
  size_t Portion(size_t wanted) const {
    constexpr size_t kPortion = 16 << 10;
    return std::max<size_t>(1,
                            std::min({wanted, kPortion, limited() ? static_cast<size_t>(burst_) : kPortion}));
  }

  const double rate_, burst_;
  double tokens_;
  bool started_ = false;
  int64_t last_ = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_TOKEN_BUCKET_H_
