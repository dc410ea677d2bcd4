#include <sys/statvfs.h>

#include "agent.pb.h"
#include "base/errors.h"
#include "csi.pb.h"
#include "guest/agent/sandbox/copy_file.h"
#include "guest/agent/service/services.h"

namespace virtcontainers::guest {

namespace {

Result<grpc::VolumeStatsResponse> VolumeStats(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) < 0) return FailErrno("look at volume " + Quoted(path));
  grpc::VolumeStatsResponse response;
  grpc::VolumeUsage* bytes = response.add_usage();
  bytes->set_unit(grpc::VolumeUsage::BYTES);
  bytes->set_total(info.f_blocks * info.f_frsize);
  bytes->set_available(info.f_bavail * info.f_frsize);
  bytes->set_used((info.f_blocks - info.f_bfree) * info.f_frsize);
  grpc::VolumeUsage* inodes = response.add_usage();
  inodes->set_unit(grpc::VolumeUsage::INODES);
  inodes->set_total(info.f_files);
  inodes->set_available(info.f_favail);
  inodes->set_used(info.f_files - info.f_ffree);
  response.mutable_volume_condition()->set_abnormal(false);
  return response;
}

}  // namespace

void AddFileCalls(Router& router, Sandbox& sandbox) {
  router.Add<grpc::CopyFileRequest>(kAgentService, "CopyFile", [&sandbox](const Call& call, auto request) {
    if (!sandbox.created()) {
      return call.Fail(Error(Code::kFailedPrecondition,
                             "there is no sandbox: call CreateSandbox first, which empties the share"));
    }
    call.Finish(CopyFile(sandbox.SharedDirectory(), *request));
  });
  router.Add<grpc::VolumeStatsRequest>(kAgentService, "GetVolumeStats", [](const Call& call, auto request) {
    auto stats = VolumeStats(request->volume_guest_path());
    if (!stats) return call.Fail(std::move(stats.error()));
    call.Answer(*stats);
  });
  router.AddUnimplemented(kAgentService, "ResizeVolume", "a file system grows on the host, with its device");
}

}  // namespace virtcontainers::guest
