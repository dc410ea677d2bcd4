// An owned file descriptor. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_BASE_UNIQUE_FD_H_
#define VIRTCONTAINERS_SRC_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace virtcontainers {

// Closes its descriptor when it goes. Move-only; not thread-safe.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    // On Linux the descriptor is gone whatever close(2) answers: never close it twice.
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_UNIQUE_FD_H_
