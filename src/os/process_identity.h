// Telling a process from a later one with the same pid. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_PROCESS_IDENTITY_H_
#define VIRTCONTAINERS_SRC_OS_PROCESS_IDENTITY_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// This boot's id. (random(4), boot_id)
Result<std::string> BootId();

// Errors: NotFound if there is no such process.
Result<ProcessIdentity> IdentifyProcess(pid_t pid);

// Whether that very process runs; a zombie does not. Errors: those of reading /proc, as for a caller that has
// no descriptor left: then nothing is known, and nothing must be concluded.
Result<bool> CheckAlive(const ProcessIdentity& identity);

// The same, where what is not known may be taken for gone.
bool IsAlive(const ProcessIdentity& identity);

// Kills that very process and blocks until it is gone (whoever collects it); one that is gone already is no
// error. Errors: DeadlineExceeded, PermissionDenied.
Status KillAndWait(const ProcessIdentity& identity, Deadline deadline);
// The same of many: all are killed before any is waited for.
Status KillAllAndWait(const std::vector<ProcessIdentity>& processes, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_PROCESS_IDENTITY_H_
