// What is left of a pod whose caller or monitor died, and how it is undone. (docs/crash-safety.md)

#ifndef VIRTCONTAINERS_SRC_RUNTIME_RECOVERY_H_
#define VIRTCONTAINERS_SRC_RUNTIME_RECOVERY_H_

#include <string>
#include <vector>

#include "pod/record.h"
#include "pod/store.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Whether there is something of a pod that does not run, by its journal and its files.
bool HasEffects(const PodFiles& files);

// Ends the processes of a pod that no monitor has and that is not to run: those that its record, its journal
// and their marks tell of; then its run directory goes, and its journal is empty. `record` is what is on
// disk, or an empty one if that cannot be read. Errors: DeadlineExceeded; then the journal is as it was.
Status UndoEffects(const PodFiles& files, const PodRecord& record, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_RECOVERY_H_
