// System call filters.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_SECCOMP_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_SECCOMP_H_

#include <cstdint>
#include <optional>
#include <string>

#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// A filter in the kernel's form, with the flags to load it with. Empty: no filter.
struct SeccompProgram {
  std::string instructions;
  unsigned flags = 0;
};

// Compiles the spec's filter. System calls this libseccomp does not know are passed over, as everywhere;
// unknown actions, operators, flags and architectures are INVALID_ARGUMENT, the notify action UNIMPLEMENTED.
// `default_errno` is what the default action answers; absent: EPERM.
Result<SeccompProgram> CompileSeccomp(const grpc::LinuxSeccomp& seccomp,
                                      std::optional<uint32_t> default_errno = std::nullopt);

// Puts the caller under the filter for good. Without no_new_privs it must have CAP_SYS_ADMIN.
Status LoadSeccomp(const SeccompProgram& program);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_SECCOMP_H_
