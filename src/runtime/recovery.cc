#include "runtime/recovery.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/errors.h"
#include "network/network_traces.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "pod/effects.h"
#include "pod/journal.h"
#include "pod/pod_mark.h"

namespace virtcontainers {
namespace {

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The networks that are not undone.
std::vector<std::string> NetworksWithFiles(const PodPaths& paths) {
  return ListNetworkFiles(paths.networks()).value_or(std::vector<std::string>());
}

// All of them, also when some fail. Errors: the first.
Status UndoNetworks(const PodFiles& files, Deadline deadline, const Log& log) {
  Status first;
  for (const std::string& network : NetworksWithFiles(files.paths())) {
    const std::string file = files.paths().network(network);
    Status undone = UndoNetworkFile(file, files.paths().key(), deadline);
    // Of a file that says nothing no more can be undone.
    if (!undone && undone.error().code() == Code::kDataLoss) {
      log.NoteFailure("undo a network of pod " + Quoted(files.id()), undone);
      undone = RemoveTree(file);
    }
    if (undone || !first) continue;
    first = Fail(std::move(undone.error())
                     .AddContext("repair what is said here, or remove " + Quoted(file) +
                                 " to give up what it lists; undo a network"));
  }
  return first;
}

}  // namespace

Result<PodProcesses> FindPodProcesses(const RootKey& root) {
  VC_ASSIGN_OR_RETURN(std::vector<MarkedProcess> marked, FindMarkedProcesses([&](std::string_view mark) {
                        const std::optional<PodMark> parsed = ParsePodMark(mark);
                        return parsed && parsed->tag == root.tag;
                      }));
  PodProcesses found;
  for (MarkedProcess& process : marked) {
    found[ParsePodMark(process.mark)->pod].push_back(std::move(process.process));
  }
  return found;
}

Result<bool> HasLiveProcesses(const PodFiles& files) {
  VC_ASSIGN_OR_RETURN(const std::vector<MarkedProcess> found,
                      FindMarkedProcesses(ProcessesOfPod(files.paths().mark)));
  return !found.empty();
}

bool HasEffects(const PodFiles& files) {
  const JournalState journal = LoadJournal(files.paths().journal());
  return journal.damaged || !journal.open.empty() || EntryExists(files.paths().run_dir) ||
         !NetworksWithFiles(files.paths()).empty();
}

Status UndoEffects(const PodFiles& files, Deadline deadline, const Log& log) {
  // Processes first, and with them their namespaces and the mounts in those: what is removed then nobody
  // uses.
  VC_RETURN_IF_ERROR(KillMarkedProcesses(ProcessesOfPod(files.paths().mark), deadline));
  return RemoveEffects(files, deadline, log);
}

Status RemoveEffects(const PodFiles& files, Deadline deadline, const Log& log) {
  const PodPaths& paths = files.paths();
  VC_RETURN_IF_ERROR(UndoNetworks(files, deadline, log));
  const JournalState journal = LoadJournal(paths.journal());
  for (const Effect& effect : journal.open) {
    // The pod's, of a call that had its run directories elsewhere. Its name has the root's key in it. A line
    // that was damaged is no reason not to remove the rest.
    const bool elsewhere = effect.kind == EffectKind::kDirectory && effect.what != paths.run_dir &&
                           effect.what.starts_with('/') && NameOf(effect.what) == paths.key();
    if (elsewhere)
      log.NoteFailure("remove what is left of pod " + Quoted(files.id()), RemoveTree(effect.what));
  }
  VC_RETURN_IF_ERROR(RemoveTree(paths.run_dir));
  if (!journal.damaged && journal.open.empty()) return {};
  VC_ASSIGN_OR_RETURN(const std::unique_ptr<Effects> ours, Effects::Open(paths.journal()));
  log.NoteFailure("empty the journal of pod " + Quoted(files.id()), ours->Clear());
  return {};
}

}  // namespace virtcontainers
