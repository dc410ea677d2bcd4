// The library's own monitor: QEMU and Kata's agent protocol.

#include "virtcontainers/monitor.h"

int main(int argc, char** argv) {
  return virtcontainers::MonitorMain(argc, argv, virtcontainers::DefaultMonitorParts());
}
