#include "storage/share_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/errors.h"
#include "os/thread.h"
#include "storage/mount_error.h"

namespace virtcontainers {
namespace {

// A mount namespace is a thread's, once the thread shares its root and working directory with no other. The
// thread ends with the work, so that no other work ever runs in the wrong namespace.
Status RunOnThread(const std::function<Status()>& work) {
  Status status;
  VC_ASSIGN_OR_RETURN(std::thread thread, StartThread([&] { status = work(); }));
  thread.join();
  return status;
}

}  // namespace

Result<ShareNamespace> ShareNamespace::Create(const std::string& directory) {
  UniqueFd mounts, share;
  const Status made = RunOnThread([&]() -> Status {
    if (::unshare(CLONE_FS | CLONE_NEWNS) != 0) return FailMount("make a mount namespace");
    VC_RETURN_IF_ERROR(ShareDirectory::Mount(directory));
    share.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!share) return FailErrno("open " + Quoted(directory));
    mounts.reset(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!mounts) return FailErrno("open the mount namespace");
    return {};
  });
  if (!made) return Fail(made.error());
  return ShareNamespace(std::move(mounts), std::move(share));
}

Result<ShareNamespace> ShareNamespace::OfProcess(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  UniqueFd mounts(::open((process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  if (!mounts) return FailErrno("open the mount namespace of process " + std::to_string(pid));
  UniqueFd root(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return FailErrno("open the root of process " + std::to_string(pid));
  return ShareNamespace(std::move(mounts), std::move(root));
}

Status ShareNamespace::Run(const std::function<Status()>& inside) const {
  return RunOnThread([&]() -> Status {
    if (::unshare(CLONE_FS) != 0) return FailMount("leave the other threads' root");
    if (::setns(mounts_.get(), CLONE_NEWNS) != 0) return FailMount("join the share's mount namespace");
    return inside();
  });
}

Status ShareNamespace::Edit(const std::function<Status(const ShareDirectory&)>& edit) const {
  return Run([&]() -> Status {
    VC_ASSIGN_OR_RETURN(const ShareDirectory directory, ShareDirectory::Open(directory_.get()));
    return edit(directory);
  });
}

}  // namespace virtcontainers
