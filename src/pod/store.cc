#include "pod/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "base/errors.h"
#include "base/hash.h"
#include "base/time_format.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "pod/config_json.h"
#include "pod/leftovers.h"
#include "pod/root_key.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

// How long another may take to put a pod in its place, or to look for what has none.
constexpr std::chrono::seconds kPodsLocked{30};

constexpr size_t kMaxFile = 4 << 20;

Result<Json> LoadJson(const std::string& path) {
  VC_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFile));
  return ParseJson(text, {.bytes = kMaxFile});
}

// What is there but cannot be understood is lost data, whatever the reader found wrong with it.
Error Unreadable(Error error, const std::string& path) {
  if (error.code() == Code::kNotFound || error.code() == Code::kPermissionDenied) return error;
  return Error(Code::kDataLoss, Quoted(path) + " cannot be read: " + error.ToString() +
                                    ": restore the file, or delete the pod");
}

template <typename F>
auto LoadAs(const std::string& path, F parse) -> decltype(parse(std::declval<const Json&>())) {
  const Result<Json> json = LoadJson(path);
  if (!json) return Fail(Unreadable(json.error(), path));
  auto value = parse(*json);
  if (!value) return Fail(Unreadable(value.error(), path));
  return value;
}

// The text of a file of ours. What could not be read again must not be written.
Result<std::string> FileText(const Json& json, const std::string& what) {
  std::string text = DumpJson(json) + "\n";
  if (text.size() <= kMaxFile) return text;
  return Fail(Code::kInvalidArgument, what + " takes " + std::to_string(text.size()) + " bytes: at most " +
                                          std::to_string(kMaxFile) + " are kept");
}

Result<std::string> FileText(const PodConfig& config) {
  return FileText(ToJson(config), "the configuration of pod " + Quoted(config.id));
}

Result<std::string> FileText(const ContainerConfig& config) {
  return FileText(ToJson(config), "the configuration of container " + Quoted(config.id));
}

Result<std::string> FileText(const PodRecord& record) {
  return FileText(ToJson(record), "the state of the pod");
}

// The directory of a pod's sockets, whose paths may take 107 bytes: a long id is cut short and told from its
// like by its hash. No id has a '~'. The root's key tells the pods of two roots apart in one run directory.
std::string RunName(std::string_view key, std::string_view id) {
  constexpr size_t kLongest = 32, kHashDigits = 16;
  const std::string tag = std::string(key) + "-";
  if (id.size() <= kLongest) return tag + std::string(id);
  return tag + std::string(id.substr(0, kLongest - kHashDigits - 1)) + "~" + HexDigits(Hash(id));
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

Result<PodConfig> PodFiles::LoadConfig() const {
  return LoadAs(paths_.config(), [](const Json& json) { return PodConfigFromJson(json); });
}

Result<PodRecord> PodFiles::LoadRecord() const {
  return LoadAs(paths_.state(), [](const Json& json) { return PodRecordFromJson(json); });
}

Result<ContainerConfig> PodFiles::LoadContainer(std::string_view id) const {
  if (!IsValidId(id)) return Fail(Code::kNotFound, "no container " + Quoted(id));
  return LoadAs(paths_.container(id), [](const Json& json) { return ContainerConfigFromJson(json); });
}

Status PodFiles::SaveRecord(const PodRecord& record) const {
  VC_ASSIGN_OR_RETURN(const std::string text, FileText(record));
  return WriteFileAtomically(paths_.state(), text);
}

Status PodFiles::SaveContainer(const ContainerConfig& config) const {
  VC_RETURN_IF_ERROR(ValidateId("container", config.id));
  VC_ASSIGN_OR_RETURN(const std::string text, FileText(config));
  return WriteFileAtomically(paths_.container(config.id), text);
}

Status PodFiles::RemoveContainer(std::string_view id) const {
  if (!IsValidId(id)) return Fail(Code::kNotFound, "no container " + Quoted(id));
  if (::unlink(paths_.container(id).c_str()) != 0 && errno != ENOENT) {
    return FailErrno("remove " + Quoted(paths_.container(id)));
  }
  VC_RETURN_IF_ERROR(SyncDirectory(paths_.containers()));
  // "one.log", what it was before, "one.log.1" and so on, and how far it has come. "one.log.1.log" is another
  // container's.
  const Result<std::vector<std::string>> names = ListDirectory(paths_.logs());
  if (!names) return names.error().code() == Code::kNotFound ? Status() : Fail(names.error());
  const std::string log = std::string(id) + ".log";
  for (const std::string& name : *names) {
    if (!name.starts_with(log)) continue;
    const std::string_view age = std::string_view(name).substr(log.size());
    const bool aged =
        age.empty() || (age.front() == '.' && age.find_first_not_of("0123456789", 1) == age.npos);
    if (!aged && age != ".position") continue;
    const std::string path = paths_.logs() + "/" + name;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FailErrno("remove " + Quoted(path));
  }
  return {};
}

void PodFiles::Sweep(const PodRecord& record) const {
  // What cannot be removed is in nobody's way.
  for (const std::string& path : FindLeftovers(paths_, record)) ::unlink(path.c_str());
}

Result<Store> Store::Open(std::string root, std::string run) {
  for (const std::string* path : {&root, &run}) {
    if (path->empty() || path->front() != '/') {
      return Fail(Code::kInvalidArgument, "directory " + Quoted(*path) + " is not an absolute path");
    }
  }
  Status made = MakeDirectories(root + "/pods");
  if (made) made = MakeDirectories(root + "/trash");
  if (!made) {
    return Fail(std::move(made.error()).AddContext("open root directory " + Quoted(root)));
  }
  // Of a disk that has become read-only can still be told what is on it.
  if (::access((root + "/pods").c_str(), R_OK | W_OK | X_OK) != 0 && errno != EROFS) {
    return Fail(Code::kPermissionDenied,
                "root directory " + Quoted(root) + " cannot be written: choose another, or run as its owner");
  }
  // One root is one tag, by whatever name it is opened.
  char* resolved = ::realpath(root.c_str(), nullptr);
  if (resolved == nullptr) return FailErrno("open root directory " + Quoted(root));
  root = resolved;
  std::free(resolved);
  Result<std::string> key = LoadRootKey(root);
  if (!key) return Fail(std::move(key.error()).AddContext("open root directory " + Quoted(root)));
  // Of no use to anybody, and in nobody's way: what cannot be removed stays.
  for (const std::string& path : FindTrash(root + "/trash")) (void)RemoveTree(path);
  return Store(std::move(root), std::move(run), std::move(*key));
}

PodFiles Store::Pod(std::string_view id) const {
  const std::string name(id);
  return PodFiles(PodPaths{.dir = root_ + "/pods/" + name,
                           .run_dir = run_ + "/" + RunName(key_, id),
                           .mark = MarkPrefix() + name});
}

std::vector<std::string> Store::FindOrphans() const {
  std::set<std::string> owned;
  for (const std::string& id : ListPods().value_or(std::vector<std::string>())) {
    owned.insert(Pod(id).paths().run_dir);
  }
  std::vector<std::string> found;
  for (const std::string& name : ListDirectory(run_).value_or(std::vector<std::string>())) {
    const std::string path = run_ + "/" + name;
    if (name.starts_with(key_ + "-") && owned.count(path) == 0) found.push_back(path);
  }
  return found;
}

Result<FileLock> Store::LockPods(Deadline deadline) const {
  return FileLock::Acquire(root_ + "/lock", deadline);
}

bool Store::HasPod(std::string_view id) const { return IsValidId(id) && IsDirectory(Pod(id).paths().dir); }

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
  if (!HasPod(id)) return Fail(Code::kNotFound, "no pod " + Quoted(id));
  const PodFiles pod = Pod(id);
  VC_RETURN_IF_ERROR(RemoveTree(pod.paths().run_dir));
  std::string trash = TrashName(id);
  const Status moved = MoveDurably(root_ + "/pods", pod.paths().dir, trash, 0);
  if (!moved && moved.error().code() == Code::kNotFound) {
    return Fail(Code::kNotFound, "no pod " + Quoted(id));
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
