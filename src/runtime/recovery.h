// What is left of a pod whose caller or monitor died, and how it is undone. (docs/crash-safety.md)

#ifndef VIRTCONTAINERS_SRC_RUNTIME_RECOVERY_H_
#define VIRTCONTAINERS_SRC_RUNTIME_RECOVERY_H_

#include <map>
#include <string>
#include <vector>

#include "pod/root_key.h"
#include "pod/store.h"
#include "runtime/log.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// The processes of a root's pods that run, by the pod's id.
using PodProcesses = std::map<std::string, std::vector<ProcessIdentity>, std::less<>>;

// Looks at all processes of the host once. Errors: those of reading /proc.
Result<PodProcesses> FindPodProcesses(const RootKey& root);

// Whether a process of the pod runs, whatever its record says. Looks at all processes of the host once.
// Errors: those of reading /proc.
Result<bool> HasLiveProcesses(const PodFiles& files);

// Whether there may be something of a pod that does not run, by its journal and its run directory.
bool HasEffects(const PodFiles& files);

// Ends the processes of a pod that no monitor has and that is not to run, then removes what RemoveEffects
// does. Processes are known by the pod's mark alone: what the record and the journal say of them may be
// another's. Errors: DeadlineExceeded; then the journal is as it was.
Status UndoEffects(const PodFiles& files, Deadline deadline, const Log& log);

// Undoes the networks of a pod of which no process is left, removes its run directory, and empties its
// journal. A journal that cannot be emptied is logged: the next call on the pod removes the same again.
// Errors: those of undoing a network, such as a CNI plugin's; the rest is then as it was.
Status RemoveEffects(const PodFiles& files, Deadline deadline, const Log& log);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_RECOVERY_H_
