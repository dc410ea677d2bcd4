// What a pod is, told from its files. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_POD_VIEW_H_
#define VIRTCONTAINERS_SRC_RUNTIME_POD_VIEW_H_

#include "pod/record.h"
#include "pod/store.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// The record, corrected by what is known not to be true any more: a pod whose VM is gone has stopped, whoever
// was to write that down. `monitored`: whether a monitor lived before the record was read. One that has gone
// since may have written more. Errors: those of reading.
Result<PodRecord> LoadCorrectedRecord(const PodFiles& files, bool* monitored = nullptr);

// Errors: NotFound; DataLoss for files that cannot be understood.
Result<PodStatus> ViewPod(const PodFiles& files);

Result<ContainerStatus> ViewContainer(const PodFiles& files, const ContainerRecord& record);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_POD_VIEW_H_
