// The containers' root file systems, shown to a VM by one virtiofsd. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_SHARED_ROOTFS_H_
#define VIRTCONTAINERS_SRC_STORAGE_SHARED_ROOTFS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/virtiofsd.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// A directory with an entry for each root file system and volume of the containers added, and the virtiofsd
// that shows it to the guest. Containers that use one directory of the host with equal rights use one entry.
// The name of an entry is never used again. Thread-safe. Needs root (CAP_SYS_ADMIN) and Linux 5.12.
//
// The directory is a tmpfs at <run_dir>/share in a mount namespace of its own. The guest can write below the
// entries, not beside them. The host sees an empty directory and no mount: nothing can be leaked, and nothing
// removed with it, whichever process ends first. The namespace is gone with this object and virtiofsd. It
// receives what the host unmounts elsewhere, and hands nothing back.
//
// virtiofsd serves one VM and ends when that VM ends; it outlives this process, and then Rejoin goes on with
// it.
class SharedRootfs {
 public:
  struct Options {
    std::string run_dir;    // takes share/, virtiofsd.sock and virtiofsd.log
    std::string virtiofsd;  // the program; empty: found where the distributions put it
    VirtiofsdSandbox sandbox = VirtiofsdSandbox::kNamespace;
    // Called once, from a thread of the object's own, when virtiofsd has ended, unless Stop or the destructor
    // ended it. Must not block and must not destroy the object.
    std::function<void(std::string reason)> on_exit;
  };

  // Makes the directory and starts virtiofsd, which can be connected to when this returns. On failure nothing
  // is left. One that ends at once is told by on_exit and exit_reason, and its socket is gone. Errors:
  // NotFound for a missing program or run_dir; PermissionDenied without the right to mount; AlreadyExists
  // when another one listens at the socket; ResourceExhausted where virtiofsd could have hardly a descriptor.
  static Result<std::unique_ptr<SharedRootfs>> Create(Options options, Deadline deadline);

  // Takes over from a process that has died, while the VM runs. `virtiofsd` is process() of then.
  // Errors: NotFound when that process has ended.
  static Result<std::unique_ptr<SharedRootfs>> Rejoin(Options options, const ProcessIdentity& virtiofsd);

  // Ends virtiofsd, unless Detach was called.
  ~SharedRootfs();

  SharedRootfs(const SharedRootfs&) = delete;
  SharedRootfs& operator=(const SharedRootfs&) = delete;

  // The socket for SharedDirectory::socket. It takes one connection, ever.
  const std::string& socket() const;
  const ProcessIdentity& process() const;

  // How many descriptors virtiofsd may have; it needs one for each file that the guest's kernel knows of, and
  // another one for each that is open there. To be asked once the VM is connected: it sets its limit itself
  // as it starts. 0 once it has ended.
  uint64_t descriptors() const;

  // How virtiofsd ended, with its last words; nothing while it runs. It ends with its VM, and that is no
  // fault.
  std::optional<std::string> exit_reason() const;

  // A directory or a file of the host, for a bind mount of a container.
  struct Volume {
    std::string source;     // symbolic links are followed
    bool readonly = false;  // whatever the guest does
    bool recursive = true;  // with what is mounted below
  };

  // Where the guest finds what was added, relative to the share.
  struct Places {
    std::string rootfs;
    std::vector<std::string> volumes;  // in their order
  };

  // Shows the directory `rootfs` of the host, and what is mounted in it, and the volumes: all of them, or
  // nothing. The guest sees them at once. Mounts made below on the host later are seen too where the host's
  // mounts are shared. With `readonly` nothing in the rootfs can be written, whatever the guest does: a
  // directory that one container may write and another may not has two entries, which are two file systems to
  // the guest. A file is the one that its path names now: one that takes its place by a rename is not seen.
  // Errors: NotFound, naming the path; InvalidArgument for a rootfs that is not a directory, and for a volume
  // that is neither that nor a regular file; AlreadyExists for a container added before.
  Result<Places> Add(std::string_view container, const std::string& rootfs, bool readonly,
                     const std::vector<Volume>& volumes = {});

  // Undoes Add, also of a predecessor's: the sources and what is in them stay as they are. What another
  // container uses stays in the share. The guest should have unmounted them; files it still has open keep the
  // sources' file systems busy until it closes them. One that was not added is no error.
  Status Remove(std::string_view container);

  // Ends virtiofsd and waits until it is gone; the VM should be gone before. Idempotent.
  Status Stop(Deadline deadline);

  // Leaves virtiofsd alone when the object is destroyed.
  void Detach();

 private:
  class Impl;
  explicit SharedRootfs(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_SHARED_ROOTFS_H_
