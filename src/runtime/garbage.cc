// Runtime::CollectGarbage.

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "os/file.h"
#include "os/process_identity.h"
#include "pod/enum_names.h"
#include "pod/leftovers.h"
#include "runtime/call_context.h"
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

// Changes whenever somebody starts a process of the pod, which is announced in its journal first.
struct JournalStamp {
  explicit JournalStamp(const PodFiles& files) {
    struct stat info {};
    if (::lstat(files.paths().journal().c_str(), &info) != 0) return;
    inode = info.st_ino;
    size = info.st_size;
    seconds = info.st_ctim.tv_sec;
    nanoseconds = info.st_ctim.tv_nsec;
  }
  friend bool operator==(const JournalStamp&, const JournalStamp&) = default;

  ino_t inode = 0;
  off_t size = 0;
  int64_t seconds = 0, nanoseconds = 0;
};

// The processes of the host are looked at once for all pods, and once more after some have been killed, which
// may just have been starting others: the cost is that of the pods and that of the processes, not their
// product.
class GarbageCollector {
 public:
  GarbageCollector(const PodLocker& pods, const GarbageOptions& options, Deadline deadline)
      : pods_(pods), store_(pods.store()), options_(options), deadline_(deadline) {}

  Result<std::vector<Garbage>> Run() {
    VC_ASSIGN_OR_RETURN(std::vector<std::string> pods, store_.ListPods());
    do {
      VC_ASSIGN_OR_RETURN(pods, CollectOfPods(pods));
    } while (!pods.empty());
    VC_RETURN_IF_ERROR(CollectOfNoPod());
    return std::move(found_);
  }

 private:
  // Answers the pods that have to be looked at again.
  Result<std::vector<std::string>> CollectOfPods(const std::vector<std::string>& pods) {
    std::map<std::string, JournalStamp> stamps;
    for (const std::string& pod : pods) stamps.emplace(pod, JournalStamp(store_.Pod(pod)));
    VC_ASSIGN_OR_RETURN(processes_, FindPodProcesses(store_.key()));
    std::vector<std::string> again;
    for (const std::string& pod : pods) {
      Result<LockedPod> locked = pods_.TryLockPod(pod);
      if (!locked) {
        NoteUnreadable(pod, locked.error());
        continue;
      }
      // Started and ended since: what has been found may be of that life, or lack what is left of it.
      if (JournalStamp(locked->files) == stamps.at(pod)) {
        VC_ASSIGN_OR_RETURN(const bool killed, CollectOf(*locked, pod));
        if (killed) again.push_back(pod);
      } else if (!options_.dry_run && !deadline_.passed()) {
        again.push_back(pod);
      }
    }
    return again;
  }

  // Of a pod that does not run. Answers whether processes were killed; then nothing else has been removed.
  Result<bool> CollectOf(LockedPod& locked, const std::string& pod) {
    if (Kill(pod)) return true;
    const PodPaths& paths = locked.files.paths();
    for (const std::string& path : FindLeftovers(paths, locked.record))
      Remove(Garbage::Kind::kFile, path, pod);
    const size_t from = found_.size();
    if (EntryExists(paths.run_dir)) Note(Garbage::Kind::kDirectory, paths.run_dir, pod);
    VC_ASSIGN_OR_RETURN(const PodRecord on_disk, locked.files.LoadRecord());
    if (on_disk.state != locked.record.state || on_disk.vm) Note(Garbage::Kind::kRecord, paths.state(), pod);
    const bool remains = found_.size() > from || HasEffects(locked.files);
    if (remains && !options_.dry_run) Settle(from, pods_.RemoveRemains(locked, deadline_));
    return false;
  }

  // A pod whose state cannot be read has no monitor, and may run nevertheless: that is for a person to
  // decide.
  void NoteUnreadable(const std::string& pod, const Error& error) {
    if (error.code() != Code::kDataLoss) return;
    for (const ProcessIdentity& process : ProcessesOf(pod)) {
      Note(Garbage::Kind::kProcess, Describe(process), pod);
      found_.back().error = error.ToString() + "; it may run: stop the pod, or delete it by force";
    }
  }

  // Processes of pods that are not there, run directories without a pod, and trash. No pod appears meanwhile.
  Status CollectOfNoPod() {
    VC_ASSIGN_OR_RETURN(const FileLock locked, store_.LockPods(deadline_));
    while (true) {
      bool killed = false;
      for (const auto& [pod, unused] : processes_) {
        if (store_.HasPod(pod)) continue;
        if (Kill(pod)) killed = true;
      }
      if (!killed) break;
      VC_ASSIGN_OR_RETURN(processes_, FindPodProcesses(store_.key()));
    }
    std::vector<std::string> directories = store_.FindOrphans();
    for (std::string& path : FindTrash(store_.root() + "/trash")) directories.push_back(std::move(path));
    for (const std::string& path : directories) Remove(Garbage::Kind::kDirectory, path, "");
    return {};
  }

  // Whether there were any, and they are gone.
  bool Kill(const std::string& pod) {
    const size_t from = found_.size();
    const std::vector<ProcessIdentity> processes = ProcessesOf(pod);
    for (const ProcessIdentity& process : processes) Note(Garbage::Kind::kProcess, Describe(process), pod);
    if (processes.empty() || options_.dry_run) return false;
    const Status killed = KillAllAndWait(processes, deadline_);
    Settle(from, killed);
    return killed.has_value();
  }

  void Remove(Garbage::Kind kind, const std::string& path, const std::string& pod) {
    Note(kind, path, pod);
    if (!options_.dry_run) Settle(found_.size() - 1, RemoveTree(path));
  }

  // Those that were found and are still there.
  std::vector<ProcessIdentity> ProcessesOf(const std::string& pod) const {
    std::vector<ProcessIdentity> alive;
    const auto known = processes_.find(pod);
    if (known == processes_.end()) return alive;
    for (const ProcessIdentity& process : known->second) {
      if (CheckAlive(process).value_or(true)) alive.push_back(process);
    }
    return alive;
  }

  void Note(Garbage::Kind kind, std::string what, const std::string& pod) {
    found_.push_back({kind, std::move(what), pod, ""});
  }

  // How it went, of all that has been noted from `from` on and was dealt with together.
  void Settle(size_t from, const Status& removed) {
    if (removed) return;
    for (size_t i = from; i < found_.size(); ++i) found_[i].error = removed.error().ToString();
  }

  const PodLocker& pods_;
  const Store& store_;
  const GarbageOptions options_;
  const Deadline deadline_;
  PodProcesses processes_;
  std::vector<Garbage> found_;
};

}  // namespace

std::string_view GarbageKindName(Garbage::Kind kind) { return NameOf(kKindNames, kind); }

Result<std::vector<Garbage>> Runtime::CollectGarbage(const GarbageOptions& options, Deadline deadline) {
  return WithContext("collect garbage", deadline, GarbageCollector(impl_->pods(), options, deadline).Run());
}

}  // namespace virtcontainers
