// One pod's files.
//
// Each is replaced as a whole: whatever step a writer dies at, a reader sees the old or the new. Writers hold
// the pod's lock; readers need none. A file that is damaged, or in whose place something else lies, is
// DataLoss (os/own_file.h).

#ifndef VIRTCONTAINERS_SRC_POD_POD_FILES_H_
#define VIRTCONTAINERS_SRC_POD_POD_FILES_H_

#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "pod/paths.h"
#include "pod/record.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

class PodFiles {
 public:
  explicit PodFiles(PodPaths paths) : paths_(std::move(paths)) {}

  const PodPaths& paths() const { return paths_; }

  // The pod's name, which is that of its directory.
  std::string id() const { return paths_.dir.substr(paths_.dir.rfind('/') + 1); }

  // The configuration, its containers not included.
  // Errors: NotFound if the pod is not there; DataLoss, naming the file, for one that is missing or damaged.
  Result<PodConfig> LoadConfig() const;
  Result<PodRecord> LoadRecord() const;
  // Errors: NotFound also for a container without a file.
  Result<ContainerConfig> LoadContainer(std::string_view id) const;

  Status SaveRecord(const PodRecord& record) const;
  Status SaveContainer(const ContainerConfig& config) const;
  Status RemoveContainer(std::string_view id) const;

  // Removes what writers that died have left among them. The caller has the pod: nobody else writes. Errors:
  // those of removing; the rest is removed nevertheless.
  Status Sweep(const PodRecord& record) const;

 private:
  Result<Json> LoadJson(const std::string& path) const;

  PodPaths paths_;
};

// The text of a pod's file. Errors: InvalidArgument for one that could not be read again.
Result<std::string> FileText(const PodConfig& config);
Result<std::string> FileText(const ContainerConfig& config);
Result<std::string> FileText(const PodRecord& record);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_POD_FILES_H_
