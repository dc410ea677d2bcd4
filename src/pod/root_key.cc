#include "pod/root_key.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <vector>

#include "base/errors.h"
#include "base/hash.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/own_file.h"
#include "os/random_name.h"
#include "pod/pod_mark.h"
#include "pod/record.h"
#include "pod/store.h"

namespace virtcontainers {
namespace {

constexpr size_t kIdDigits = 16;

// How long others may take to look for a lost id.
constexpr std::chrono::seconds kLooking{30};

bool IsId(std::string_view text) {
  return text.size() == kIdDigits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// Errors: NotFound for a missing id; DataLoss for what is none.
Result<std::string> ReadId(const std::string& path) {
  VC_ASSIGN_OR_RETURN(std::string id, ReadOwnFile(path, kIdDigits + 1));
  if (id.empty() || id.back() != '\n' || !IsId(std::string_view(id).substr(0, id.size() - 1))) {
    return Fail(Code::kDataLoss, Quoted(path) + " is not the id of a root directory");
  }
  id.pop_back();
  return id;
}

// The id in a mark of a process that was started under the root at `place`.
std::optional<std::string> IdIn(std::string_view mark, const std::string& place) {
  const std::optional<PodMark> parsed = ParsePodMark(mark);
  if (!parsed || parsed->tag.size() <= kIdDigits || parsed->tag.substr(kIdDigits) != "@" + place) return {};
  std::string id = parsed->tag.substr(0, kIdDigits);
  return IsId(id) ? std::optional(std::move(id)) : std::nullopt;
}

// By the processes that run, and by the pods that are said to.
Result<std::optional<std::string>> FindLostId(const std::string& root, const std::string& place) {
  VC_ASSIGN_OR_RETURN(
      const std::vector<MarkedProcess> processes,
      FindMarkedProcesses([&](std::string_view mark) { return IdIn(mark, place).has_value(); }));
  if (!processes.empty()) return IdIn(processes.front().mark, place);
  for (const std::string& pod : ListOwnDirectory(root + "/pods").value_or(std::vector<std::string>())) {
    const Result<PodRecord> record =
        PodFiles({.dir = root + "/pods/" + pod, .run_dir = "", .mark = ""}).LoadRecord();
    if (!record || !record->vm) continue;
    if (std::optional<std::string> id = IdIn(record->vm->mark, place)) return id;
  }
  return std::optional<std::string>();
}

Result<std::string> LoadId(const std::string& root, const std::string& place) {
  const std::string path = root + "/id";
  const auto is_lost = [](const Result<std::string>& id) {
    return !id && (id.error().code() == Code::kNotFound || id.error().code() == Code::kDataLoss);
  };
  Result<std::string> id = ReadId(path);
  if (!is_lost(id)) return id;
  // Of a disk that has become read-only can still be told what is on it.
  const bool readonly = ::access(root.c_str(), W_OK) != 0 && errno == EROFS;
  std::optional<FileLock> lock;
  if (!readonly) {
    VC_ASSIGN_OR_RETURN(lock, FileLock::Acquire(root + "/lock", Deadline::After(kLooking)));
    // Somebody else has been here first.
    id = ReadId(path);
    if (!is_lost(id)) return id;
  }
  VC_ASSIGN_OR_RETURN(const std::optional<std::string> found, FindLostId(root, place));
  const std::string made = found ? *found : RandomName();
  if (readonly) return made;
  // Also what somebody who died here had begun to write.
  for (const std::string& name : ListOwnDirectory(root).value_or(std::vector<std::string>())) {
    if (name == "id" || name.starts_with("id.tmp.")) VC_RETURN_IF_ERROR(RemoveTree(root + "/" + name));
  }
  VC_RETURN_IF_ERROR(WriteFileAtomically(path, made + "\n"));
  return made;
}

}  // namespace

Result<RootKey> LoadRootKey(const std::string& root) {
  struct stat info {};
  if (::stat(root.c_str(), &info) != 0) return FailErrno("stat " + Quoted(root));
  const std::string place = std::to_string(info.st_dev) + "." + std::to_string(info.st_ino);
  VC_ASSIGN_OR_RETURN(const std::string id, LoadId(root, place));
  RootKey key;
  key.tag = id + "@" + place;
  key.digits = HexDigits(Hash(key.tag));
  return key;
}

}  // namespace virtcontainers
