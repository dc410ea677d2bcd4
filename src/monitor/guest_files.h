// Files that every container of a pod is given: /etc/resolv.conf and /etc/hosts. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_
#define VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_

#include <string>
#include <vector>

#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// (resolv.conf(5), hosts(5)) Empty where the configuration says nothing of it.
std::string ResolvConf(const DnsConfig& dns);
std::string HostsFile(const PodConfig& pod);

// Writes the files that there are in the new directory `directory`; answers the mounts that show them.
Result<std::vector<Mount>> WriteGuestFiles(const PodConfig& pod, const std::string& directory);

// The container with those of `files` in whose place it has nothing mounted.
ContainerConfig WithGuestFiles(ContainerConfig container, const std::vector<Mount>& files);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_
