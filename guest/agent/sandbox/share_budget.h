// When the guest gives back files of the share. Pure.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_BUDGET_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_BUDGET_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace virtcontainers::guest {

// What the guest's kernel holds of the share. The host's virtiofsd has a descriptor for each inode, and
// another one for each open file.
struct ShareUse {
  uint64_t inodes = 0;
  uint64_t files = 0;

  uint64_t total() const { return inodes + files; }
};

// Divides the descriptors of the host's virtiofsd. Without one left, every call on the share fails, of every
// container, and the kernel unmounts what is mounted below a directory that it can no longer look up.
//
//   0 ......... half ......... three quarters ......... fifteen sixteenths ..... all
//   free       | inodes that  | containers beyond      | their largest
//              | nobody uses  | their part open no     | processes are
//              | are forgotten| more files             | killed
//
// Of few descriptors more are kept free: 1024 and 512 in place of a quarter and a sixteenth.
class ShareBudget {
 public:
  // `fastest` is how many inodes and files the guest can get from virtiofsd in a millisecond.
  ShareBudget(uint64_t descriptors, uint64_t fastest);

  // Whether to let the kernel forget the inodes that nobody uses. Not again before there are many new ones:
  // those that are in use stay.
  bool ShouldForget(const ShareUse& use);
  void Forgot(const ShareUse& left) { in_use_ = left.inodes; }

  // Whether containers are limited, or no longer limited. Between the two everything stays as it is.
  bool IsShort(const ShareUse& use) const { return use.total() > short_; }
  bool IsAmple(const ShareUse& use) const { return use.total() <= half_; }
  bool IsLost(const ShareUse& use) const { return use.total() > lost_; }
  // What has to be given back until it is no longer short.
  uint64_t Surplus(const ShareUse& use) const { return IsShort(use) ? use.total() - short_ : 0; }

  // The kernel counts open files of all kinds. Whether to look which are the share's, and whose: not again
  // while there are hardly more than there were the last time.
  bool ShouldCount(const ShareUse& use);
  void Counted(const ShareUse& use) { counted_ = use.total(); }

  // The open files that one of so many containers may have when there is a shortage: each pins an inode as
  // well. An eighth of the descriptors is nobody's.
  uint64_t FilesOf(size_t containers) const { return all_ / 16 * 7 / (containers < 2 ? 2 : containers); }

  // When to look again: before a guest that does nothing but open files can have reached the next mark.
  std::chrono::milliseconds NextLook(const ShareUse& use) const;

 private:
  uint64_t all_, fastest_;
  uint64_t half_, short_, lost_;  // the marks
  uint64_t in_use_ = 0;           // inodes that were left when the others were forgotten
  uint64_t counted_ = 0;          // the total of then
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_BUDGET_H_
