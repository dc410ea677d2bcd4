#include "guest/agent/container/capabilities.h"

#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

// In the order of their numbers (linux/capability.h).
constexpr std::array<const char*, 41> kCapabilities{
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
};

using Names = google::protobuf::RepeatedPtrField<std::string>;

Status AddAll(const Names& names, uint64_t* set) {
  for (const std::string& name : names) {
    const int number = CapabilityNumber(name);
    if (number < 0) return Fail(Code::kInvalidArgument, "there is no capability " + Quoted(name));
    *set |= uint64_t{1} << number;
  }
  return {};
}

Status CapSet(const std::array<__user_cap_data_struct, 2>& data) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (::syscall(SYS_capset, &header, data.data()) < 0) return FailErrno("capset");
  return {};
}

}  // namespace

int CapabilityNumber(std::string_view name) {
  std::string text(name);
  if (::strncasecmp(text.c_str(), "CAP_", 4) == 0) text.erase(0, 4);
  for (size_t i = 0; i < kCapabilities.size(); ++i) {
    if (::strcasecmp(text.c_str(), kCapabilities[i]) == 0) return static_cast<int>(i);
  }
  return -1;
}

Result<CapabilitySets> ParseCapabilities(const grpc::LinuxCapabilities& capabilities) {
  CapabilitySets sets;
  VC_RETURN_IF_ERROR(AddAll(capabilities.bounding(), &sets.bounding));
  VC_RETURN_IF_ERROR(AddAll(capabilities.effective(), &sets.effective));
  VC_RETURN_IF_ERROR(AddAll(capabilities.inheritable(), &sets.inheritable));
  VC_RETURN_IF_ERROR(AddAll(capabilities.permitted(), &sets.permitted));
  VC_RETURN_IF_ERROR(AddAll(capabilities.ambient(), &sets.ambient));
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
