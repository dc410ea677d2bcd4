// Refusing what cannot work, before anything is made of it.

#ifndef VIRTCONTAINERS_SRC_POD_VALIDATE_H_
#define VIRTCONTAINERS_SRC_POD_VALIDATE_H_

#include <cstdint>
#include <string>
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

// Errors: as ValidatePod.
Status ValidateContainer(const ContainerConfig& config);

// The same without a look at the host: whether the root file system and the sources of bind mounts are there.
Status ValidateContainerFields(const ContainerConfig& config);

// What a mount says; whether a bind mount's source is there, ValidateContainer looks.
Status ValidateMount(const Mount& mount, std::string_view field);

// A mount propagation's name, such as "rslave", or nothing.
Status ValidatePropagation(std::string_view name, std::string_view field);

// Of a new container, or of one that is to be updated. `field` names it: "container 'db'".
Status ValidateResources(const ContainerResources& resources, std::string_view field);

Status ValidateDeviceNumbers(int64_t major, int64_t minor, const std::string& of);

Status ValidateSeccomp(const Seccomp& seccomp, std::string_view field);

Status ValidateCpuAffinity(const std::string& cpus, const std::string& of);
Status ValidateScheduler(const Scheduler& scheduler, const std::string& of);
Status ValidateIoPriority(const IoPriority& io_priority, const std::string& of);

// "LINUX", "LINUX32" or nothing.
Status ValidatePersonality(std::string_view name, const std::string& field);

// `field` names the process in messages, such as "command".
Status ValidateProcess(const ProcessConfig& process, std::string_view field);

// A signal's number, or 0.
Status ValidateSignal(int signal);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_VALIDATE_H_
