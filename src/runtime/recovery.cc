#include "runtime/recovery.h"

#include "base/errors.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/process_identity.h"
#include "pod/journal.h"

namespace virtcontainers {
namespace {

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// By who has the pod's mark: also who was started and never noted.
Status EndMarkedProcesses(const std::string& mark, Deadline deadline) {
  // Who is killed may just be starting another.
  while (true) {
    VC_ASSIGN_OR_RETURN(const std::vector<ProcessIdentity> left, FindMarkedProcesses(mark));
    if (left.empty()) return {};
    for (const ProcessIdentity& process : left) VC_RETURN_IF_ERROR(KillAndWait(process, deadline));
  }
}

}  // namespace

bool HasEffects(const PodFiles& files) {
  const JournalState journal = LoadJournal(files.paths().journal());
  return journal.damaged || !journal.open.empty() || IsDirectory(files.paths().run_dir);
}

Status UndoEffects(const PodFiles& files, const PodRecord& record, Deadline deadline) {
  const PodPaths& paths = files.paths();
  const JournalState journal = LoadJournal(paths.journal());
  // Processes first, and with them their namespaces and the mounts in those: what is removed then nobody
  // uses.
  if (record.vm) VC_RETURN_IF_ERROR(KillAndWait(record.vm->process, deadline));
  for (const ProcessIdentity& helper : record.helpers) VC_RETURN_IF_ERROR(KillAndWait(helper, deadline));
  for (const Effect& effect : journal.open) {
    if (effect.process) VC_RETURN_IF_ERROR(KillAndWait(*effect.process, deadline));
  }
  VC_RETURN_IF_ERROR(EndMarkedProcesses(paths.mark, deadline));
  for (const Effect& effect : journal.open) {
    // The pod's, of a call that had its run directories elsewhere.
    const bool elsewhere = effect.kind == EffectKind::kDirectory && effect.what != paths.run_dir &&
                           NameOf(effect.what) == NameOf(paths.run_dir);
    if (elsewhere) VC_RETURN_IF_ERROR(RemoveTree(effect.what));
  }
  VC_RETURN_IF_ERROR(RemoveTree(paths.run_dir));
  if (!journal.damaged && journal.open.empty()) return {};
  VC_ASSIGN_OR_RETURN(const std::unique_ptr<Journal> ours, Journal::Open(paths.journal()));
  ours->Clear();
  return {};
}

}  // namespace virtcontainers
