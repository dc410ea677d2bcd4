#include "os/descriptor_limit.h"

#include <sys/resource.h>

#include <string>

#include "base/errors.h"

namespace virtcontainers {

void RaiseDescriptorLimit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Status CheckDescriptorLimit(uint64_t least, std::string_view who) {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return FailErrno("getrlimit RLIMIT_NOFILE");
  if (limit.rlim_cur >= least) return {};
  return Fail(Code::kResourceExhausted, "too many open files: the limit is " +
                                            std::to_string(limit.rlim_cur) + ", and " + std::string(who) +
                                            " needs " + std::to_string(least) +
                                            ": raise it (ulimit -n, LimitNOFILE)");
}

}  // namespace virtcontainers
