// Refusing what cannot work, before anything is made of it.

#ifndef VIRTCONTAINERS_SRC_POD_VALIDATE_H_
#define VIRTCONTAINERS_SRC_POD_VALIDATE_H_

#include <string_view>

#include "virtcontainers/config.h"

namespace virtcontainers {

// What the host has, as far as a configuration is measured against it.
struct HostLimits {
  Bytes memory;
};
HostLimits ReadHostLimits();

// Errors: InvalidArgument, naming the value and what is allowed. `kind` is "pod" or "container".
Status ValidateId(std::string_view kind, std::string_view id);

// The whole pod, its containers included.
// Errors: InvalidArgument, naming the field and the value; AlreadyExists for two containers of one id;
// NotFound for a rootfs that is not there.
Status ValidatePod(const PodConfig& config, const HostLimits& host);

Status ValidateContainer(const ContainerConfig& config);

// Refuses, of the host's things, whatever does not reach into the VM: bind mounts and block devices.
Status ValidateMount(const Mount& mount, std::string_view field);

// `field` names the process in messages, such as "command".
Status ValidateProcess(const ProcessConfig& process, std::string_view field);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_VALIDATE_H_
