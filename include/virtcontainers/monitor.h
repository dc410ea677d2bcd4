// The pod's monitor: the process that owns a running pod's VM and serves the calls about the pod.
//
// The library's own monitor is virtcontainers-monitor. A runtime with a Hypervisor or an Agent of its own
// builds another monitor from the same parts, and names it in RuntimeOptions::monitor:
//
//   int main(int argc, char** argv) {
//     virtcontainers::MonitorParts parts = virtcontainers::DefaultMonitorParts();
//     parts.hypervisors["cloud-hypervisor"] = [] { return std::make_unique<MyHypervisor>(); };
//     return virtcontainers::MonitorMain(argc, argv, parts);
//   }

#ifndef VIRTCONTAINERS_MONITOR_H_
#define VIRTCONTAINERS_MONITOR_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "virtcontainers/agent.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// The hypervisors and agents of a monitor, by the names that HypervisorConfig::type and AgentConfig::type
// use.
struct MonitorParts {
  std::map<std::string, std::function<std::unique_ptr<Hypervisor>()>> hypervisors;
  std::map<std::string, std::function<std::unique_ptr<Agent>()>> agents;
};

// "qemu" and "mock"; "kata" and "noop".
MonitorParts DefaultMonitorParts();

// The monitor's main function. Returns the exit status of the process when the pod has stopped. The library
// passes the arguments. Legal only while the process has no other thread.
int MonitorMain(int argc, char** argv, const MonitorParts& parts);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_MONITOR_H_
