// Runtime::CollectGarbage.

#include <set>
#include <string>
#include <vector>

#include "base/errors.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/process_identity.h"
#include "pod/enum_names.h"
#include "pod/leftovers.h"
#include "runtime/recovery.h"
#include "runtime/runtime_impl.h"

namespace virtcontainers {
namespace {

constexpr EnumName<Garbage::Kind> kKindNames[] = {{Garbage::Kind::kProcess, "process"},
                                                  {Garbage::Kind::kDirectory, "directory"},
                                                  {Garbage::Kind::kFile, "file"},
                                                  {Garbage::Kind::kRecord, "record"}};

std::string Describe(const ProcessIdentity& process) {
  const std::string pid = std::to_string(process.pid);
  std::string name = ReadFile("/proc/" + pid + "/comm", 64).value_or("");
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return pid + " (" + name + ")";
}

// How it went, of all that was dealt with together.
void Settle(std::vector<Garbage>& found, size_t from, const Status& removed) {
  if (removed) return;
  for (size_t i = from; i < found.size(); ++i) found[i].error = removed.error().ToString();
}

// Of processes that are there, by the id of their pod.
using Processes = std::vector<std::pair<std::string, ProcessIdentity>>;

Result<Processes> FindProcesses(const Store& store) {
  VC_ASSIGN_OR_RETURN(const std::vector<MarkedProcess> marked, FindProcessesMarkedLike(store.MarkPrefix()));
  Processes found;
  for (const MarkedProcess& process : marked) {
    found.emplace_back(process.mark.substr(store.MarkPrefix().size()), process.process);
  }
  return found;
}

void NoteProcesses(const Processes& processes, const std::string& pod, std::vector<Garbage>& found) {
  for (const auto& [owner, process] : processes) {
    if (owner == pod) found.push_back({Garbage::Kind::kProcess, Describe(process), pod, ""});
  }
}

// What there is of a pod that does not run.
void NotePod(const Store& store, const PodFiles& files, const std::string& pod, const PodRecord& record,
             std::vector<Garbage>& found) {
  // Looked for now that the pod cannot be started: before, they may have been of its last life.
  NoteProcesses(FindProcesses(store).value_or(Processes()), pod, found);
  if (IsDirectory(files.paths().run_dir)) {
    found.push_back({Garbage::Kind::kDirectory, files.paths().run_dir, pod, ""});
  }
  for (const std::string& path : FindLeftovers(files.paths(), record)) {
    found.push_back({Garbage::Kind::kFile, path, pod, ""});
  }
  const Result<PodRecord> on_disk = files.LoadRecord();
  if (on_disk && (on_disk->state != record.state || on_disk->vm)) {
    found.push_back({Garbage::Kind::kRecord, files.paths().state(), pod, ""});
  }
}

}  // namespace

std::string_view GarbageKindName(Garbage::Kind kind) { return NameOf(kKindNames, kind); }

Result<std::vector<Garbage>> Runtime::CollectGarbage(const GarbageOptions& options, Deadline deadline) {
  const Store& store = impl_->store();
  const auto collect = [&]() -> Result<std::vector<Garbage>> {
    std::vector<Garbage> found;
    VC_ASSIGN_OR_RETURN(const std::vector<std::string> pods, store.ListPods());
    for (const std::string& pod : pods) {
      std::optional<Impl::Turn> turn = impl_->Peek(pod);
      if (!turn) continue;
      const size_t from = found.size();
      NotePod(store, turn->files, pod, turn->record, found);
      if (options.dry_run || found.size() == from) continue;
      Settle(found, from, impl_->Recover(*turn, deadline, /*thorough=*/true));
    }
    // No pod appears while it is looked for what has none.
    VC_ASSIGN_OR_RETURN(const FileLock locked, store.LockPods(deadline));
    VC_ASSIGN_OR_RETURN(const Processes processes, FindProcesses(store));
    for (const auto& [pod, process] : processes) {
      if (store.HasPod(pod)) continue;
      found.push_back({Garbage::Kind::kProcess, Describe(process), pod, ""});
      if (!options.dry_run) Settle(found, found.size() - 1, KillAndWait(process, deadline));
    }
    std::vector<std::string> directories = store.FindOrphans();
    for (std::string& path : FindTrash(store.root() + "/trash")) directories.push_back(std::move(path));
    for (const std::string& path : directories) {
      found.push_back({Garbage::Kind::kDirectory, path, "", ""});
      if (!options.dry_run) Settle(found, found.size() - 1, RemoveTree(path));
    }
    return found;
  };
  return In("collect garbage", collect());
}

}  // namespace virtcontainers
