// The options that limit what a container may use of its VM.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_RESOURCE_OPTIONS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_RESOURCE_OPTIONS_H_

#include <string>
#include <vector>

#include "command.h"
#include "virtcontainers/config.h"

namespace virtc {

struct ResourceOptions {
  std::string memory, memory_reservation, memory_swap, cpu_shares, cpu_quota, cpu_period, cpus, pids_limit;
  std::vector<std::string> unified;

  // `memory_names` are those of the option for the memory, the longest last: "--memory" is the VM's where a
  // pod is created.
  void Declare(Options& options, const std::string& memory_names);

  bool given() const;

  // Sets what was typed and leaves the rest.
  virtcontainers::Status Apply(virtcontainers::ContainerResources& resources) const;

 private:
  std::string memory_name_ = "--memory";
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_RESOURCE_OPTIONS_H_
