#include "os/descriptor_limit.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "base/errors.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

bool HasResourceCapability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  return ::syscall(SYS_capget, &header, data.data()) == 0 &&
         (data[CAP_TO_INDEX(CAP_SYS_RESOURCE)].effective & CAP_TO_MASK(CAP_SYS_RESOURCE)) != 0;
}

}  // namespace

void RaiseDescriptorLimit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Status CheckDescriptorLimit(uint64_t limit, uint64_t least, std::string_view who) {
  if (limit >= least) return {};
  return Fail(Code::kResourceExhausted, "too many open files: the limit is " + std::to_string(limit) +
                                            ", and " + std::string(who) + " needs " + std::to_string(least) +
                                            ": raise it (ulimit -n, LimitNOFILE)");
}

Result<uint64_t> DescriptorLimit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return FailErrno("getrlimit RLIMIT_NOFILE");
  return limit.rlim_cur;
}

uint64_t HighestDescriptorLimit(uint64_t most) {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_max >= most || !HasResourceCapability()) return std::min<uint64_t>(limit.rlim_max, most);
  const std::string any = ReadFile("/proc/sys/fs/nr_open", 64).value_or("");
  return std::max<uint64_t>(limit.rlim_max,
                            std::min<uint64_t>(std::strtoull(any.c_str(), nullptr, 10), most));
}

}  // namespace virtcontainers
