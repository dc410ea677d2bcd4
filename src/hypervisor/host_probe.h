// What this host offers a VM: hardware virtualization, and a vsock to the guest. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_HOST_PROBE_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_HOST_PROBE_H_

#include <string>

#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// The files that are looked at; others than these in tests.
struct HostFiles {
  std::string kvm = "/dev/kvm";
  std::string cpuinfo = "/proc/cpuinfo";
  std::string vhost_vsock = "/dev/vhost-vsock";
};

struct Probe {
  bool usable = false;
  std::string reason;  // one line for a person, also when it is usable
};

// Whether an ordinary guest kernel runs on KVM here: its node opens, speaks version 12 of the interface, and
// the CPU has svm or vmx. A node alone proves nothing: there are hosts where it opens and makes VMs that boot
// no kernel.
Probe ProbeKvm(const HostFiles& files = {});

// Whether a VM can be given a vsock.
Probe ProbeVhostVsock(const HostFiles& files = {});

// What carries out the guest's instructions, and why.
struct AcceleratorChoice {
  Accelerator accelerator = Accelerator::kTcg;  // kKvm or kTcg
  std::string reason;
};

// Errors: FailedPrecondition for kKvm where it is not usable.
Result<AcceleratorChoice> ChooseAccelerator(Accelerator wanted, const HostFiles& files = {});

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_HOST_PROBE_H_
