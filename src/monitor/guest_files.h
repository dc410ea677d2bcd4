// Files that every container of a pod is given: /etc/resolv.conf and /etc/hosts. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_
#define VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_

#include <string>
#include <utility>
#include <vector>

#include "monitor/attachment.h"
#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// (resolv.conf(5), hosts(5)) Empty where the configuration says nothing of it.
std::string ResolvConf(const DnsConfig& dns);
std::string HostsFile(const PodConfig& pod);

// The files as an attachment: written to `<run directory>/etc`, and mounted in each container that mounts
// nothing in their places.
class GuestFiles final : public Attachment {
 public:
  GuestFiles(PodConfig pod, std::string run_dir) : pod_(std::move(pod)), directory_(run_dir + "/etc") {}

  std::string_view name() const override { return "files"; }
  Status Prepare(Deadline deadline) override;
  Status Show(ContainerOnItsWay& container) override;
  Status Adopt(const AttachmentRecord*, Deadline deadline) override { return Prepare(deadline); }
  // The files go with the run directory.
  Status Release(Deadline) override { return {}; }

 private:
  const PodConfig pod_;
  const std::string directory_;
  std::vector<Mount> files_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_GUEST_FILES_H_
