// A monitor with a hypervisor of its own, built from the public headers.

#include "process_hypervisor.h"
#include "virtcontainers/monitor.h"

int main(int argc, char** argv) {
  virtcontainers::MonitorParts parts = virtcontainers::DefaultMonitorParts();
  parts.hypervisors["process"] = [] { return std::make_unique<second_monitor::ProcessHypervisor>(); };
  return virtcontainers::MonitorMain(argc, argv, parts);
}
