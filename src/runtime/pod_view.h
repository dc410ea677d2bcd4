// What a pod is, told from its files. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_POD_VIEW_H_
#define VIRTCONTAINERS_SRC_RUNTIME_POD_VIEW_H_

#include <functional>
#include <string_view>

#include "pod/record.h"
#include "pod/store.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// The record, corrected by what is known not to be true any more: a pod whose VM is gone has stopped, whoever
// was to write that down, and so has one whose record names processes that are not its own. `monitored`:
// whether a monitor lived before the record was read. One that has gone since may have written more. Errors:
// those of reading.
Result<PodRecord> LoadCorrectedRecord(const PodFiles& files, bool* monitored = nullptr);

// The container's record. Errors: NotFound; InvalidArgument for what is not an id.
Result<ContainerRecord> FindContainer(PodRecord& record, std::string_view pod, std::string_view container);

// Whether any process of the pod runs; asked of pods whose record cannot be read.
using HasProcesses = std::function<Result<bool>()>;

// A pod with damaged files is answered, too, with the damage as its reason. Errors: NotFound; those of
// reading that say nothing of the pod.
Result<PodStatus> ViewPod(const PodFiles& files, const HasProcesses& has_processes);

Result<ContainerStatus> ViewContainer(const PodFiles& files, const ContainerRecord& record);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_POD_VIEW_H_
