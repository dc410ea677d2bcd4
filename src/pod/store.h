// The pods of one root directory, as files.
//
// A pod directory appears and disappears as a whole, and each file in it is replaced as a whole: whatever
// step a writer dies at, a reader sees the old or the new. Writers of one pod hold its lock; readers need
// none.

#ifndef VIRTCONTAINERS_SRC_POD_STORE_H_
#define VIRTCONTAINERS_SRC_POD_STORE_H_

#include <string>
#include <string_view>
#include <vector>

#include "os/file_lock.h"
#include "pod/pod_files.h"
#include "pod/root_key.h"
#include "virtcontainers/config.h"
#include "virtcontainers/deadline.h"

namespace virtcontainers {

class Store {
 public:
  // `root` and `run` are absolute paths. Makes what is missing of the root, and removes what dead processes
  // left in its trash. Errors: InvalidArgument for a path that is not absolute or not a directory;
  // PermissionDenied for a root that cannot be written, and for a root or run directory that is another
  // user's or that others can write to.
  static Result<Store> Open(std::string root, std::string run);

  // The new pod's lock is the caller's: others see the pod, and change it once that has been given up.
  // Errors: AlreadyExists. The configuration has been validated.
  Result<FileLock> CreatePod(const PodConfig& config) const;

  // Answers the path of what is left of the pod, in the trash: only disk space, for the caller to remove.
  // Errors: NotFound. The caller holds the pod's lock and nothing of the pod runs.
  Result<std::string> RemovePod(std::string_view id) const;

  // Sorted.
  Result<std::vector<std::string>> ListPods() const;

  // Whether anything lies in the pod's place; it may be damaged.
  bool HasPod(std::string_view id) const;
  PodFiles Pod(std::string_view id) const;

  // While it is held no pod appears. Errors: DeadlineExceeded.
  Result<FileLock> LockPods(Deadline deadline) const;

  // Run directories of this root whose pods are not there, the pods being locked. Paths, sorted.
  std::vector<std::string> FindOrphans() const;

  // Without symbolic links.
  const std::string& root() const { return root_; }
  const RootKey& key() const { return key_; }

 private:
  Store(std::string root, std::string run, RootKey key)
      : root_(std::move(root)), run_(std::move(run)), key_(std::move(key)) {}
  std::string TrashName(std::string_view id) const;

  std::string root_;
  std::string run_;
  RootKey key_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_STORE_H_
