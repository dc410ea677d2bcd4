#include "pod/pod_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/errors.h"
#include "os/file.h"
#include "os/own_file.h"
#include "pod/config_json.h"
#include "pod/leftovers.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxFile = 4 << 20;

// What is there but cannot be understood is lost data, whatever the reader found wrong with it. What the
// reader lacks says nothing of the file.
Error Unreadable(const Error& error, const std::string& path) {
  if (error.code() == Code::kNotFound || error.code() == Code::kResourceExhausted) return error;
  return Error(Code::kDataLoss, Quoted(path) + " cannot be read: " + error.ToString() +
                                    ": restore the file, or delete the pod");
}

template <typename F>
auto Parse(const Result<Json>& json, const std::string& path, F parse)
    -> decltype(parse(std::declval<const Json&>())) {
  if (!json) return Fail(json.error());
  auto value = parse(*json);
  if (!value) return Fail(Unreadable(value.error(), path));
  return value;
}

// A file that was copied from another's place.
Status CheckId(const std::string& id, std::string_view expected) {
  if (id == expected) return {};
  return Fail(Code::kInvalidArgument, "'id' is " + Quoted(id) + ", and this is " + Quoted(expected));
}

Result<std::string> Text(const Json& json, const std::string& what) {
  std::string text = DumpJson(json) + "\n";
  if (text.size() <= kMaxFile) return text;
  return Fail(Code::kInvalidArgument, what + " takes " + std::to_string(text.size()) + " bytes: at most " +
                                          std::to_string(kMaxFile) + " are kept");
}

bool IsSameDirectory(const struct stat& one, const struct stat& other) {
  return one.st_ino == other.st_ino && one.st_dev == other.st_dev &&
         one.st_ctim.tv_sec == other.st_ctim.tv_sec && one.st_ctim.tv_nsec == other.st_ctim.tv_nsec;
}

}  // namespace

Result<std::string> FileText(const PodConfig& config) {
  return Text(ToJson(config), "the configuration of pod " + Quoted(config.id));
}

Result<std::string> FileText(const ContainerConfig& config) {
  return Text(ToJson(config), "the configuration of container " + Quoted(config.id));
}

Result<std::string> FileText(const PodRecord& record) { return Text(ToJson(record), "the state of the pod"); }

// A pod appears and disappears as a whole: a file that is missing from a directory which was there before and
// after is damage, and else the pod is gone.
Result<Json> PodFiles::LoadJson(const std::string& path) const {
  struct stat before {
  }, after{};
  const bool was_there = ::lstat(paths_.dir.c_str(), &before) == 0;
  const Result<std::string> text = ReadOwnFile(path, kMaxFile);
  if (!text && text.error().code() == Code::kNotFound && was_there &&
      ::lstat(paths_.dir.c_str(), &after) == 0 && IsSameDirectory(before, after)) {
    return Fail(Unreadable(Error(Code::kDataLoss, "it is missing"), path));
  }
  if (!text) return Fail(Unreadable(text.error(), path));
  Result<Json> json = ParseJson(*text, {.bytes = kMaxFile});
  if (!json) return Fail(Unreadable(json.error(), path));
  return json;
}

Result<PodConfig> PodFiles::LoadConfig() const {
  return Parse(LoadJson(paths_.config()), paths_.config(), [this](const Json& json) -> Result<PodConfig> {
    VC_ASSIGN_OR_RETURN(PodConfig config, PodConfigFromJson(json));
    VC_RETURN_IF_ERROR(CheckId(config.id, id()));
    return config;
  });
}

Result<PodRecord> PodFiles::LoadRecord() const {
  return Parse(LoadJson(paths_.state()), paths_.state(), PodRecordFromJson);
}

Result<ContainerConfig> PodFiles::LoadContainer(std::string_view id) const {
  if (!IsValidId(id)) return Fail(Code::kNotFound, Reason::kContainerNotFound, "no container " + Quoted(id));
  const std::string path = paths_.container(id);
  // Containers come and go while their pod stays: one without a file is not there.
  const Result<std::string> text = ReadOwnFile(path, kMaxFile);
  if (!text) return Fail(Unreadable(text.error(), path));
  Result<Json> json = ParseJson(*text, {.bytes = kMaxFile});
  if (!json) return Fail(Unreadable(json.error(), path));
  return Parse(json, path, [&](const Json& parsed) -> Result<ContainerConfig> {
    VC_ASSIGN_OR_RETURN(ContainerConfig config, ContainerConfigFromJson(parsed));
    VC_RETURN_IF_ERROR(CheckId(config.id, id));
    return config;
  });
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
  if (!IsValidId(id)) return Fail(Code::kNotFound, Reason::kContainerNotFound, "no container " + Quoted(id));
  VC_RETURN_IF_ERROR(RemoveTree(paths_.container(id)));
  if (IsOwnDirectory(paths_.containers())) VC_RETURN_IF_ERROR(SyncDirectory(paths_.containers()));
  // "one.log", what it was before, "one.log.1" and so on, and how far it has come. "one.log.1.log" is another
  // container's.
  const Result<std::vector<std::string>> names = ListOwnDirectory(paths_.logs());
  if (!names) {
    const bool none = names.error().code() == Code::kNotFound || names.error().code() == Code::kDataLoss;
    return none ? Status() : Fail(names.error());
  }
  const std::string log = std::string(id) + ".log";
  for (const std::string& name : *names) {
    if (!name.starts_with(log)) continue;
    const std::string_view age = std::string_view(name).substr(log.size());
    const bool aged =
        age.empty() || (age.front() == '.' && age.find_first_not_of("0123456789", 1) == age.npos);
    if (aged || age == ".position") VC_RETURN_IF_ERROR(RemoveTree(paths_.logs() + "/" + name));
  }
  return {};
}

Status PodFiles::Sweep(const PodRecord& record) const {
  Status swept;
  for (const std::string& path : FindLeftovers(paths_, record)) {
    if (Status removed = RemoveTree(path); !removed && swept) swept = std::move(removed);
  }
  return swept;
}

}  // namespace virtcontainers
