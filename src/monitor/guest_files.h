// Files that every container of a pod is given, from its configuration and its networks: /etc/resolv.conf and
// /etc/hosts. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_
#define VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/attachment.h"
#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// (resolv.conf(5), hosts(5)) Empty where neither the configuration nor a network says anything of it.
std::string ResolvConf(const DnsConfig& dns);
// `address` is the pod's own; empty if it has none.
std::string HostsFile(const PodConfig& pod, const std::string& address = "");

// The files as an attachment: written to `<run directory>/etc`, and mounted in each container that mounts
// nothing in their places.
class GuestFiles final : public Attachment {
 public:
  // What the pod's networks bring, when they have been prepared or adopted.
  struct FromNetworks {
    DnsConfig dns;
    std::string address;  // the pod's own; empty without one
  };

  GuestFiles(PodConfig pod, std::string run_dir, std::function<FromNetworks()> networks = {})
      : pod_(std::move(pod)), directory_(run_dir + "/etc"), networks_(std::move(networks)) {}

  std::string_view name() const override { return "files"; }
  Status Prepare(Deadline deadline) override;
  Status Show(ContainerOnItsWay& container) override;
  Status Adopt(const AttachmentRecord*, Deadline deadline) override { return Prepare(deadline); }
  // The files go with the run directory.
  Status Release(Deadline) override { return {}; }

 private:
  const PodConfig pod_;
  const std::string directory_;
  const std::function<FromNetworks()> networks_;
  std::vector<Mount> files_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_
