#include "guest/agent/container/capabilities.h"

#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <set>
#include <string>

#include "base/capability_names.h"
#include "base/errors.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

using Names = google::protobuf::RepeatedPtrField<std::string>;

uint64_t SetOf(const Names& names, std::set<std::string>* unknown) {
  uint64_t set = 0;
  for (const std::string& name : names) {
    const int number = CapabilityNumber(name);
    if (number < 0) {
      unknown->insert(name);
    } else {
      set |= uint64_t{1} << number;
    }
  }
  return set;
}

Status CapSet(const std::array<__user_cap_data_struct, 2>& data) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (::syscall(SYS_capset, &header, data.data()) < 0) return FailErrno("capset");
  return {};
}

}  // namespace

int CapabilityNumber(std::string_view name) {
  constexpr std::string_view kPrefix = "CAP_";
  std::string full(name);
  if (::strncasecmp(full.c_str(), kPrefix.data(), kPrefix.size()) != 0) full.insert(0, kPrefix);
  for (size_t i = 0; i < kCapabilityNames.size(); ++i) {
    const std::string_view known = kCapabilityNames[i];
    if (full.size() == known.size() && ::strncasecmp(full.c_str(), known.data(), known.size()) == 0)
      return static_cast<int>(i);
  }
  return -1;
}

CapabilitySets ParseCapabilities(const grpc::LinuxCapabilities& capabilities) {
  std::set<std::string> unknown;
  CapabilitySets sets;
  sets.bounding = SetOf(capabilities.bounding(), &unknown);
  sets.effective = SetOf(capabilities.effective(), &unknown);
  sets.inheritable = SetOf(capabilities.inheritable(), &unknown);
  sets.permitted = SetOf(capabilities.permitted(), &unknown);
  sets.ambient = SetOf(capabilities.ambient(), &unknown);
  for (const std::string& name : unknown)
    Log(LogLevel::kWarn, "capability " + Quoted(name) + " is unknown and ignored");
  return sets;
}

Status DropBoundingSet(uint64_t keep) {
  for (int number = 0; number < 64; ++number) {
    if (keep >> number & 1) continue;
    if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    // Past the last one this kernel has.
    if (errno == EINVAL) break;
    return FailErrno("drop a capability from the bounding set");
  }
  return {};
}

Status SetCapabilities(const CapabilitySets& sets) {
  std::array<__user_cap_data_struct, 2> data{};
  for (int half = 0; half < 2; ++half) {
    data[half].effective = static_cast<uint32_t>(sets.effective >> (32 * half));
    data[half].permitted = static_cast<uint32_t>(sets.permitted >> (32 * half));
    data[half].inheritable = static_cast<uint32_t>(sets.inheritable >> (32 * half));
  }
  VC_RETURN_IF_ERROR(CapSet(data));
  for (int number = 0; sets.ambient >> number != 0; ++number) {
    if ((sets.ambient >> number & 1) == 0) continue;
    // Refused unless it is permitted and inheritable: as runc and crun do, the rest of the sets stands.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0);
  }
  return {};
}

Status RaisePermittedCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) < 0) return FailErrno("capget");
  for (auto& half : data) half.effective = half.permitted;
  return CapSet(data);
}

}  // namespace virtcontainers::guest
