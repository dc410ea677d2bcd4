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
#include "pod/paths.h"
#include "pod/record.h"
#include "virtcontainers/config.h"
#include "virtcontainers/deadline.h"

namespace virtcontainers {

// One pod's files.
class PodFiles {
 public:
  explicit PodFiles(PodPaths paths) : paths_(std::move(paths)) {}

  const PodPaths& paths() const { return paths_; }

  // The configuration, its containers not included.
  // Errors: NotFound if the pod is not there; DataLoss, naming the file, for one that cannot be understood.
  Result<PodConfig> LoadConfig() const;
  Result<PodRecord> LoadRecord() const;
  Result<ContainerConfig> LoadContainer(std::string_view id) const;

  Status SaveRecord(const PodRecord& record) const;
  Status SaveContainer(const ContainerConfig& config) const;
  Status RemoveContainer(std::string_view id) const;

  // Removes what writers that died have left among them. The caller has the pod: nobody else writes.
  void Sweep(const PodRecord& record) const;

 private:
  PodPaths paths_;
};

class Store {
 public:
  // `root` and `run` are absolute paths. Makes what is missing of the root, and removes what dead processes
  // left in its trash. Errors: InvalidArgument for a path that is not absolute or not a directory;
  // PermissionDenied for a root that cannot be written.
  static Result<Store> Open(std::string root, std::string run);

  // The new pod's lock is the caller's: others see the pod, and change it once that has been given up.
  // Errors: AlreadyExists. The configuration has been validated.
  Result<FileLock> CreatePod(const PodConfig& config) const;

  // Answers the path of what is left of the pod, in the trash: only disk space, for the caller to remove.
  // Errors: NotFound. The caller holds the pod's lock and nothing of the pod runs.
  Result<std::string> RemovePod(std::string_view id) const;

  // Sorted.
  Result<std::vector<std::string>> ListPods() const;

  bool HasPod(std::string_view id) const;
  PodFiles Pod(std::string_view id) const;

  // While it is held no pod appears. Errors: DeadlineExceeded.
  Result<FileLock> LockPods(Deadline deadline) const;

  // Run directories of this root whose pods are not there, the pods being locked. Paths, sorted.
  std::vector<std::string> FindOrphans() const;

  const std::string& root() const { return root_; }
  // Sixteen digits that are this root's alone (root_key.h).
  const std::string& key() const { return key_; }
  // What the marks of this root's pods begin with; the pod's id follows. The path is for people.
  std::string MarkPrefix() const { return key_ + ":" + root_ + "/pods/"; }

 private:
  Store(std::string root, std::string run, std::string key)
      : root_(std::move(root)), run_(std::move(run)), key_(std::move(key)) {}
  std::string TrashName(std::string_view id) const;

  std::string root_;
  std::string run_;
  std::string key_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_STORE_H_
