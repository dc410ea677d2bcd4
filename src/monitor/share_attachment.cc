#include "monitor/share_attachment.h"

#include <chrono>
#include <utility>

#include "base/errors.h"
#include "monitor/mount_points.h"
#include "pod/mounts.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

// (Kata's contract with its guests)
constexpr char kShareTag[] = "kataShared";
constexpr char kShareInGuest[] = "/run/kata-containers/shared/containers/";

constexpr char kShareDevice[] = "share";
constexpr char kVirtiofsd[] = "virtiofsd";

}  // namespace

SharedRootfs::Options ShareAttachment::ShareOptions() const {
  return {.run_dir = options_.paths.run_dir, .virtiofsd = options_.virtiofsd, .on_exit = options_.on_exit};
}

Status ShareAttachment::Prepare(Deadline deadline) {
  Effects& effects = options_.effects;
  VC_ASSIGN_OR_RETURN(Effects::Begun share, effects.Begin(EffectKind::kNamespace, kShareDevice));
  VC_ASSIGN_OR_RETURN(Effects::Begun socket,
                      effects.Begin(EffectKind::kSocket, options_.paths.virtiofsd_socket()));
  VC_ASSIGN_OR_RETURN(Effects::Begun process, effects.Begin(EffectKind::kProcess, kVirtiofsd));
  VC_RETURN_IF_ERROR(MakeShare(deadline));
  share.Done();
  socket.Done();
  process.Done(share_->process());
  return {};
}

Status ShareAttachment::MakeShare(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(std::unique_ptr<SharedRootfs> share, SharedRootfs::Create(ShareOptions(), deadline));
  VC_ASSIGN_OR_RETURN(socket_, ttrpc::ConnectUnix(share->socket(), deadline));
  share_ = std::move(share);
  return {};
}

std::vector<Device> ShareAttachment::devices() const {
  return {SharedDirectory{kShareDevice, kShareTag, socket_.get()}};
}

void ShareAttachment::Describe(SandboxConfig& sandbox) const {
  if (!share_) return;
  sandbox.share_tag = kShareTag;
  sandbox.share_descriptors = share_->descriptors();
}

Status ShareAttachment::Show(ContainerOnItsWay& on_its_way) {
  ContainerConfig& config = on_its_way.container.config;
  if (config.readonly_rootfs) VC_RETURN_IF_ERROR(MakeMountPoints(config, on_its_way.optional_mounts));
  std::vector<SharedRootfs::Volume> volumes;
  for (const Mount& mount : config.mounts) {
    if (!IsBindMount(mount)) continue;
    volumes.push_back({mount.source, IsReadonlyMount(mount), HasOption(mount, "rbind")});
  }
  VC_ASSIGN_OR_RETURN(const SharedRootfs::Places places,
                      options_.effects.Make(EffectKind::kMount, config.id, [&] {
                        return share_->Add(config.id, config.rootfs, config.readonly_rootfs, volumes);
                      }));
  const auto show = [&](std::string& path, const std::string& place) {
    std::string in_guest = kShareInGuest + place;
    on_its_way.paths.emplace_back(in_guest, std::exchange(path, in_guest));
  };
  show(on_its_way.container.rootfs, places.rootfs);
  size_t next = 0;
  for (Mount& mount : config.mounts) {
    if (IsBindMount(mount)) show(mount.source, places.volumes[next++]);
  }
  return {};
}

Status ShareAttachment::Hide(const std::string& container) {
  VC_RETURN_IF_ERROR(share_->Remove(container));
  options_.effects.End(EffectKind::kMount, container);
  return {};
}

AttachmentRecord ShareAttachment::record() const {
  AttachmentRecord record{
      .name = std::string(name()), .processes = {}, .devices = {kShareDevice}, .network = {}};
  if (share_) record.processes.push_back({kVirtiofsd, share_->process()});
  return record;
}

Status ShareAttachment::Adopt(const AttachmentRecord* record, Deadline) {
  if (record == nullptr || record->processes.empty()) {
    return Fail(Code::kNotFound, "the pod's record has no virtiofsd");
  }
  VC_ASSIGN_OR_RETURN(share_, SharedRootfs::Rejoin(ShareOptions(), record->processes.front().identity));
  return {};
}

Status ShareAttachment::Release(Deadline deadline) {
  return share_ ? share_->Stop(Min(deadline, Deadline::After(std::chrono::seconds(5)))) : Status();
}

void ShareAttachment::Leave() {
  if (share_) share_->Detach();
}

}  // namespace virtcontainers
