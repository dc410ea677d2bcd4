#include "pod/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/errors.h"
#include "base/hash.h"
#include "base/time_format.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/own_file.h"
#include "pod/leftovers.h"
#include "pod/pod_mark.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

// How long another may take to put a pod in its place, or to look for what has none.
constexpr std::chrono::seconds kPodsLocked{30};

// The directory of a pod's sockets, whose paths may take 107 bytes: a long id is cut short and told from its
// like by its hash. No id has a '~'. The root's key tells the pods of two roots apart in one run directory.
std::string RunName(std::string_view key, std::string_view id) {
  constexpr size_t kLongest = 32, kHashDigits = 16;
  const std::string tag = std::string(key) + "-";
  if (id.size() <= kLongest) return tag + std::string(id);
  return tag + std::string(id.substr(0, kLongest - kHashDigits - 1)) + "~" + HexDigits(Hash(id));
}

// The path without symbolic links; a part that does not exist yet is kept as it is.
Result<std::string> Resolve(const std::string& path) {
  std::error_code failed;
  std::string resolved = std::filesystem::weakly_canonical(path, failed);
  if (failed) return FailErrno("open directory " + Quoted(path), failed.value());
  while (resolved.size() > 1 && resolved.back() == '/') resolved.pop_back();
  return resolved;
}

Status MakeOwnDirectory(const std::string& path) {
  VC_RETURN_IF_ERROR(MakeDirectories(path));
  if (IsOwnDirectory(path)) return CheckPrivateDirectory(path, "directory " + Quoted(path));
  return Fail(Code::kInvalidArgument,
              Quoted(path) + " is a symbolic link: move the directory that it leads to into its place");
}

// Moves a directory into `pods` or out of it, for good. If that fails, it is where it was.
Status MoveDurably(const std::string& pods, const std::string& from, const std::string& to, unsigned flags) {
  // Before anything is moved: there may be no descriptor left.
  const UniqueFd directory(::open(pods.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return FailErrno("open " + Quoted(pods));
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) != 0) {
    return FailErrno("move " + Quoted(from) + " to " + Quoted(to));
  }
  if (::fsync(directory.get()) == 0) return {};
  const int error = errno;
  ::rename(to.c_str(), from.c_str());
  return FailErrno("sync " + Quoted(pods), error);
}

}  // namespace

Result<Store> Store::Open(std::string root, std::string run) {
  for (const std::string* path : {&root, &run}) {
    if (path->empty() || path->front() != '/') {
      return Fail(Code::kInvalidArgument, "directory " + Quoted(*path) + " is not an absolute path");
    }
  }
  const std::string named = "root directory " + Quoted(root);
  const std::string opening = "open " + named;
  if (Status made = MakeDirectories(root); !made) return Fail(std::move(made.error()).AddContext(opening));
  VC_ASSIGN_OR_RETURN(root, Resolve(root));
  VC_ASSIGN_OR_RETURN(run, Resolve(run));
  VC_RETURN_IF_ERROR(CheckPrivateDirectory(root, named));
  if (FileExists(run)) VC_RETURN_IF_ERROR(CheckPrivateDirectory(run, "run directory " + Quoted(run)));
  // Nothing in the trash is needed: what lies in its place goes. (unlink(2) removes no directory)
  if (!IsOwnDirectory(root + "/trash")) ::unlink((root + "/trash").c_str());
  for (const std::string& directory : {root + "/pods", root + "/trash"}) {
    if (Status made = MakeOwnDirectory(directory); !made)
      return Fail(std::move(made.error()).AddContext(opening));
  }
  // Of a disk that has become read-only can still be told what is on it.
  if (::access((root + "/pods").c_str(), R_OK | W_OK | X_OK) != 0 && errno != EROFS) {
    return Fail(Code::kPermissionDenied, named + " cannot be written: choose another, or run as its owner");
  }
  Result<RootKey> key = LoadRootKey(root);
  if (!key) return Fail(std::move(key.error()).AddContext(opening));
  // Of no use to anybody, and in nobody's way: what cannot be removed stays.
  for (const std::string& path : FindTrash(root + "/trash")) (void)RemoveTree(path);
  return Store(std::move(root), std::move(run), std::move(*key));
}

PodFiles Store::Pod(std::string_view id) const {
  const std::string name(id);
  return PodFiles(PodPaths{.dir = root_ + "/pods/" + name,
                           .run_dir = run_ + "/" + RunName(key_.digits, id),
                           .mark = PodMark{key_.tag, root_, name}.Format()});
}

std::vector<std::string> Store::FindOrphans() const {
  std::set<std::string> owned;
  for (const std::string& id : ListPods().value_or(std::vector<std::string>())) {
    owned.insert(Pod(id).paths().run_dir);
  }
  std::vector<std::string> found;
  for (const std::string& name : ListDirectory(run_).value_or(std::vector<std::string>())) {
    const std::string path = run_ + "/" + name;
    if (name.starts_with(key_.digits + "-") && owned.count(path) == 0) found.push_back(path);
  }
  return found;
}

Result<FileLock> Store::LockPods(Deadline deadline) const {
  return FileLock::Acquire(root_ + "/lock", deadline);
}

bool Store::HasPod(std::string_view id) const {
  return IsValidId(id) && EntryExists(root_ + "/pods/" + std::string(id));
}

std::string Store::TrashName(std::string_view id) const {
  static std::atomic<unsigned> counter{0};
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return root_ + "/trash/" + std::string(id) + "." + std::to_string(::getpid()) + "." + std::to_string(now) +
         "." + std::to_string(counter.fetch_add(1));
}

Result<FileLock> Store::CreatePod(const PodConfig& config) const {
  VC_RETURN_IF_ERROR(ValidateId("pod", config.id));
  for (const ContainerConfig& container : config.containers) {
    VC_RETURN_IF_ERROR(ValidateId("container", container.id));
  }
  const PodFiles pod = Pod(config.id);
  const PodFiles draft(PodPaths{.dir = TrashName(config.id), .run_dir = "", .mark = ""});
  const PodPaths& paths = draft.paths();

  PodRecord record;
  record.created = Now();
  for (const ContainerConfig& container : config.containers) {
    ContainerRecord& entry = record.containers.emplace_back();
    entry.id = container.id;
    entry.created = record.created;
  }
  const auto write_new = [](const std::string& path, const auto& value) -> Status {
    VC_ASSIGN_OR_RETURN(const std::string text, FileText(value));
    return WriteNewFile(path, text);
  };
  const auto write = [&]() -> Result<FileLock> {
    VC_RETURN_IF_ERROR(MakeDirectories(paths.dir));
    // Held from the first: it says that this one is not trash.
    VC_ASSIGN_OR_RETURN(FileLock lock, FileLock::Acquire(paths.lock(), Deadline::Infinite()));
    VC_RETURN_IF_ERROR(MakeDirectories(paths.containers()));
    VC_RETURN_IF_ERROR(MakeDirectories(paths.logs()));
    VC_RETURN_IF_ERROR(write_new(paths.config(), config));
    for (const ContainerConfig& container : config.containers) {
      VC_RETURN_IF_ERROR(write_new(paths.container(container.id), container));
    }
    VC_RETURN_IF_ERROR(SyncDirectory(paths.containers()));
    VC_RETURN_IF_ERROR(write_new(paths.state(), record));
    VC_RETURN_IF_ERROR(SyncDirectory(paths.dir));
    VC_ASSIGN_OR_RETURN(const FileLock pods, LockPods(Deadline::After(kPodsLocked)));
    const Status moved = MoveDurably(root_ + "/pods", paths.dir, pod.paths().dir, RENAME_NOREPLACE);
    if (!moved && moved.error().code() == Code::kAlreadyExists) {
      return Fail(Code::kAlreadyExists,
                  "pod " + Quoted(config.id) + " exists already: choose another id, or delete it");
    }
    VC_RETURN_IF_ERROR(moved);
    return lock;
  };
  Result<FileLock> written = write();
  if (!written) (void)RemoveTree(paths.dir);
  return written;
}

Result<std::string> Store::RemovePod(std::string_view id) const {
  if (!HasPod(id)) return Fail(Code::kNotFound, Reason::kPodNotFound, "no pod " + Quoted(id));
  const PodFiles pod = Pod(id);
  VC_RETURN_IF_ERROR(RemoveTree(pod.paths().run_dir));
  std::string trash = TrashName(id);
  const Status moved = MoveDurably(root_ + "/pods", pod.paths().dir, trash, 0);
  if (!moved && moved.error().code() == Code::kNotFound) {
    return Fail(Code::kNotFound, Reason::kPodNotFound, "no pod " + Quoted(id));
  }
  VC_RETURN_IF_ERROR(moved);
  return trash;
}

Result<std::vector<std::string>> Store::ListPods() const {
  VC_ASSIGN_OR_RETURN(std::vector<std::string> names, ListDirectory(root_ + "/pods"));
  std::erase_if(names, [this](const std::string& name) { return !HasPod(name); });
  return names;
}

}  // namespace virtcontainers
