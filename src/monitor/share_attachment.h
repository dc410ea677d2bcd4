// The share of root file systems and volumes as an attachment of the VM. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_SHARE_ATTACHMENT_H_
#define VIRTCONTAINERS_SRC_MONITOR_SHARE_ATTACHMENT_H_

#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "monitor/attachment.h"
#include "pod/effects.h"
#include "pod/paths.h"
#include "storage/shared_rootfs.h"

namespace virtcontainers {

class ShareAttachment final : public Attachment {
 public:
  struct Options {
    PodPaths paths;
    std::string virtiofsd;  // the program; empty: the default
    Effects& effects;       // outlives the object
    // As SharedRootfs::Options::on_exit: virtiofsd has ended, and with it every file of the guest.
    std::function<void(const std::string& reason)> on_exit;
  };
  explicit ShareAttachment(Options options) : options_(std::move(options)) {}

  std::string_view name() const override { return "share"; }
  Status Prepare(Deadline deadline) override;
  std::vector<Device> devices() const override;
  Status Plugged(const ProcessIdentity&, Deadline) override {
    socket_.reset();
    return {};
  }
  void Describe(SandboxConfig& sandbox) const override;
  Status Show(ContainerOnItsWay& on_its_way) override;
  Status Hide(const std::string& container) override;
  AttachmentRecord record() const override;
  Status Adopt(const AttachmentRecord* record, Deadline deadline) override;
  Status Release(Deadline deadline) override;
  void Leave() override;

 private:
  SharedRootfs::Options ShareOptions() const;
  Status MakeShare(Deadline deadline);

  const Options options_;
  std::unique_ptr<SharedRootfs> share_;
  UniqueFd socket_;  // for the VMM
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_SHARE_ATTACHMENT_H_
