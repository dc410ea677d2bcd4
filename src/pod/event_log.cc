#include "pod/event_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/errors.h"
#include "base/json.h"
#include "base/time_format.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/own_file.h"
#include "pod/enum_names.h"

namespace virtcontainers {
namespace {

constexpr EnumName<EventType> kTypeNames[] = {
    {EventType::kPodCreated, "pod-created"},
    {EventType::kPodStarted, "pod-started"},
    {EventType::kPodPaused, "pod-paused"},
    {EventType::kPodResumed, "pod-resumed"},
    {EventType::kPodStopped, "pod-stopped"},
    {EventType::kPodDeleted, "pod-deleted"},
    {EventType::kContainerCreated, "container-created"},
    {EventType::kContainerStarted, "container-started"},
    {EventType::kContainerPaused, "container-paused"},
    {EventType::kContainerResumed, "container-resumed"},
    {EventType::kContainerUpdated, "container-updated"},
    {EventType::kContainerExited, "container-exited"},
    {EventType::kContainerOom, "container-oom"},
    {EventType::kContainerDeleted, "container-deleted"},
    {EventType::kProcessStarted, "process-started"},
    {EventType::kProcessExited, "process-exited"},
    {EventType::kLost, "lost"},
};

constexpr size_t kMaxReason = 2000;
// Longer than any line.
constexpr size_t kTail = 16 << 10;

}  // namespace

std::string_view EventTypeName(EventType type) { return NameOf(kTypeNames, type); }

std::string FormatEvent(const Event& event) {
  Json json = {{"sequence", event.sequence},
               {"time", FormatTime(event.time)},
               {"type", NameOf(kTypeNames, event.type)},
               {"pod", event.pod}};
  if (!event.container.empty()) json["container"] = event.container;
  if (!event.process.empty()) json["process"] = event.process;
  if (event.exit) json["exit"] = event.exit->code;
  if (!event.reason.empty()) json["reason"] = event.reason.substr(0, kMaxReason);
  return DumpJson(json, false);
}

Result<Event> ParseEvent(std::string_view line) {
  VC_ASSIGN_OR_RETURN(const Json json, ParseJson(line, {.bytes = kTail}));
  JsonReader reader(json, "");
  Event event;
  std::string type, time;
  std::optional<int> exit;
  reader.Read("sequence", event.sequence);
  reader.Read("time", time);
  reader.Read("type", type);
  reader.Read("pod", event.pod);
  reader.Read("container", event.container);
  reader.Read("process", event.process);
  reader.Read("exit", exit);
  reader.Read("reason", event.reason);
  VC_RETURN_IF_ERROR(reader.status());
  VC_ASSIGN_OR_RETURN(event.type, ValueOf(kTypeNames, type, "'type'"));
  VC_ASSIGN_OR_RETURN(event.time, ParseTime(time));
  if (event.sequence == 0) return Fail(Code::kInvalidArgument, "'sequence' is missing");
  if (exit) event.exit = ExitStatus{*exit};
  return event;
}

uint64_t LastSequence(const std::string& path) {
  const Result<std::string> tail = ReadOwnFileTail(path, kTail);
  if (!tail) return 0;
  std::string_view left = *tail;
  while (!left.empty()) {
    // What has no end yet, or is no event, is nobody's last.
    const size_t end = left.rfind('\n');
    if (end == std::string_view::npos) return 0;
    left = left.substr(0, end);
    const size_t begin = left.rfind('\n');
    const std::string_view line = begin == std::string_view::npos ? left : left.substr(begin + 1);
    if (const Result<Event> event = ParseEvent(line)) return event->sequence;
    if (begin == std::string_view::npos) return 0;
    left = left.substr(0, begin + 1);
  }
  return 0;
}

std::vector<Event> EventsOf(const EventLogPaths& paths, std::string_view pod) {
  std::vector<Event> events;
  for (const std::string& path : {paths.previous(), paths.current()}) {
    const std::string text = ReadOwnFileTail(path, EventLog::kMaxBytes + kTail).value_or("");
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      Result<Event> event = ParseEvent(std::string_view(text).substr(at, end - at));
      if (event && event->pod == pod) events.push_back(std::move(*event));
      at = end + 1;
    }
  }
  return events;
}

std::optional<Event> FirstEvent(const EventLogPaths& paths) {
  for (const std::string& path : {paths.previous(), paths.current()}) {
    const std::string text = ReadOwnFile(path, EventLog::kMaxBytes + kTail).value_or("");
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      if (Result<Event> event = ParseEvent(std::string_view(text).substr(at, end - at)))
        return std::move(*event);
      at = end + 1;
    }
  }
  return {};
}

Result<FileLock> EventLog::Lock() const {
  return FileLock::Acquire(paths_.lock(), Deadline::After(std::chrono::seconds(1)));
}

Status EventLog::Append(Event event) const {
  VC_ASSIGN_OR_RETURN(const FileLock lock, Lock());
  return AppendLocked(std::move(event));
}

Status EventLog::Append(Event event, const std::function<Status()>& change) const {
  const Result<FileLock> lock = Lock();
  VC_RETURN_IF_ERROR(change());
  if (lock) (void)AppendLocked(std::move(event));
  return {};
}

Status EventLog::AppendLocked(Event event) const {
  uint64_t last = LastSequence(paths_.current());
  if (last == 0) last = LastSequence(paths_.previous());
  event.sequence = last + 1;

  VC_ASSIGN_OR_RETURN(const UniqueFd file, OpenOrReplaceOwnFile(paths_.current(), O_RDWR | O_APPEND));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return FailErrno("stat " + Quoted(paths_.current()));
  std::string line = FormatEvent(event) + "\n";
  // Somebody died in the middle of a line.
  char end = '\n';
  if (info.st_size > 0 && ::pread(file.get(), &end, 1, info.st_size - 1) == 1 && end != '\n') {
    line.insert(0, "\n");
  }
  if (Status written = WriteAll(file.get(), line); !written) {
    // Not half of it.
    (void)!::ftruncate(file.get(), info.st_size);
    return written;
  }
  if (static_cast<uint64_t>(info.st_size) + line.size() < max_bytes_) return {};
  if (IsOwnDirectory(paths_.previous())) VC_RETURN_IF_ERROR(RemoveTree(paths_.previous()));
  if (::rename(paths_.current().c_str(), paths_.previous().c_str()) != 0) {
    return FailErrno("put away " + Quoted(paths_.current()));
  }
  return {};
}

}  // namespace virtcontainers
