// A process that may open nothing more. For tests only.

#ifndef VIRTCONTAINERS_SRC_OS_TEST_NO_DESCRIPTORS_H_
#define VIRTCONTAINERS_SRC_OS_TEST_NO_DESCRIPTORS_H_

#include <sys/resource.h>

namespace virtcontainers {

// As long as it lives, every call that needs a new descriptor fails with EMFILE, on all threads.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_TEST_NO_DESCRIPTORS_H_
