#include "guest/agent/sandbox/share_budget.h"

#include <algorithm>

namespace virtcontainers::guest {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOften{10};
constexpr milliseconds kSeldom{2000};

}  // namespace

ShareBudget::ShareBudget(uint64_t descriptors, uint64_t fastest)
    : all_(descriptors),
      fastest_(fastest),
      half_(descriptors / 2),
      short_(std::max(half_, descriptors - std::min(descriptors, std::max<uint64_t>(descriptors / 4, 1024)))),
      lost_(std::max(descriptors / 4 * 3,
                     descriptors - std::min(descriptors, std::max<uint64_t>(descriptors / 16, 512)))) {}

bool ShareBudget::ShouldForget(const ShareUse& use) {
  in_use_ = std::min(in_use_, use.inodes);
  return use.total() > half_ && use.inodes > in_use_ + all_ / 16;
}

bool ShareBudget::ShouldCount(const ShareUse& use) {
  counted_ = std::min(counted_, use.total());
  return IsShort(use) && use.total() > counted_ + all_ / 64;
}

std::chrono::milliseconds ShareBudget::NextLook(const ShareUse& use) const {
  for (const uint64_t mark : {half_, short_, lost_}) {
    if (use.total() >= mark) continue;
    const milliseconds time(static_cast<int64_t>((mark - use.total()) / fastest_));
    return std::clamp(time, kOften, kSeldom);
  }
  return kOften;
}

}  // namespace virtcontainers::guest
