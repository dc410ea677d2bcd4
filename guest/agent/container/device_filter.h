// Which devices the processes of a cgroup may use: with cgroup v2 that is a small BPF program.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_DEVICE_FILTER_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_DEVICE_FILTER_H_

#include <linux/bpf.h>

#include <vector>

#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

using DeviceRules = google::protobuf::RepeatedPtrField<grpc::LinuxDeviceCgroup>;

// The program for the rules, of which the last that matches counts; no match is a refusal. The devices every
// container has, and making nodes, are allowed whatever the rules say. A major number of 0 or less stands for
// all, a minor number below 0 (or 0 where all majors are meant) too. INVALID_ARGUMENT for a type or an access
// that does not exist.
Result<std::vector<bpf_insn>> CompileDeviceFilter(const DeviceRules& rules);

// Puts the cgroup under the rules. None at all: everything stays allowed. UNIMPLEMENTED if the kernel cannot.
Status SetDeviceFilter(int cgroup_fd, const DeviceRules& rules);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_DEVICE_FILTER_H_
