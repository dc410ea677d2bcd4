#include "pod/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/errors.h"
#include "base/json.h"
#include "os/file.h"
#include "os/own_file.h"
#include "pod/enum_names.h"
#include "pod/json_fields.h"

namespace virtcontainers {
namespace {

enum class Phase { kBegin, kDone, kEnd };

constexpr EnumName<Phase> kPhaseNames[] = {
    {Phase::kBegin, "begin"}, {Phase::kDone, "done"}, {Phase::kEnd, "end"}};

constexpr EnumName<EffectKind> kKindNames[] = {
    {EffectKind::kProcess, "process"},     {EffectKind::kSocket, "socket"},
    {EffectKind::kDirectory, "directory"}, {EffectKind::kNamespace, "namespace"},
    {EffectKind::kMount, "mount"},         {EffectKind::kDevice, "device"},
    {EffectKind::kNetwork, "network"}};

constexpr size_t kMaxLine = 16 << 10;
constexpr size_t kMaxJournal = 4 << 20;
// A journal that is longer is written anew, with what is open alone.
constexpr size_t kCompactAt = 64 << 10;

std::string FormatLine(Phase phase, const Effect& effect) {
  Json json = {
      {"step", NameOf(kPhaseNames, phase)}, {"kind", NameOf(kKindNames, effect.kind)}, {"what", effect.what}};
  if (effect.process) json["process"] = ToJson(*effect.process);
  return DumpJson(json, false) + "\n";
}

std::string FormatOpen(const std::vector<Effect>& open) {
  std::string text;
  for (const Effect& effect : open) {
    text += FormatLine(Phase::kBegin, {effect.kind, effect.what, false, {}});
    if (effect.done) text += FormatLine(Phase::kDone, effect);
  }
  return text;
}

std::vector<Effect>::iterator FindIn(std::vector<Effect>& open, EffectKind kind, std::string_view what) {
  return std::find_if(open.begin(), open.end(),
                      [&](const Effect& effect) { return effect.kind == kind && effect.what == what; });
}

void Apply(std::vector<Effect>& open, Phase phase, Effect effect) {
  const auto found = FindIn(open, effect.kind, effect.what);
  switch (phase) {
    case Phase::kBegin:
      // One that is made again may be there already, and is not the one that was seen.
      if (found != open.end()) open.erase(found);
      open.push_back({effect.kind, std::move(effect.what), false, {}});
      break;
    case Phase::kDone:
      if (found == open.end()) break;
      found->done = true;
      found->process = std::move(effect.process);
      break;
    case Phase::kEnd:
      if (found != open.end()) open.erase(found);
      break;
  }
}

Status ReadLine(std::string_view line, std::vector<Effect>& open) {
  VC_ASSIGN_OR_RETURN(const Json json, ParseJson(line, {.bytes = kMaxLine}));
  JsonReader reader(json, "");
  std::string step, kind;
  Effect effect;
  reader.Read("step", step);
  reader.Read("kind", kind);
  reader.Read("what", effect.what);
  ReadObject(reader, "process",
             [&](JsonReader& process) { ReadIdentity(process, effect.process.emplace()); });
  VC_RETURN_IF_ERROR(reader.status());
  VC_ASSIGN_OR_RETURN(const Phase phase, ValueOf(kPhaseNames, step, "'step'"));
  VC_ASSIGN_OR_RETURN(effect.kind, ValueOf(kKindNames, kind, "'kind'"));
  Apply(open, phase, std::move(effect));
  return {};
}

}  // namespace

JournalState ReadJournal(std::string_view text) {
  JournalState state;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    // A line without an end was cut off, whatever it says.
    if (end == std::string_view::npos || !ReadLine(text.substr(0, end), state.open)) state.damaged = true;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return state;
}

JournalState LoadJournal(const std::string& path) {
  const Result<std::string> text = ReadOwnFile(path, kMaxJournal);
  if (text) return ReadJournal(*text);
  JournalState state;
  state.damaged = text.error().code() != Code::kNotFound;
  return state;
}

Journal::Journal(std::string path, UniqueFd fd, JournalState state)
    : path_(std::move(path)), fd_(std::move(fd)), open_(std::move(state.open)) {}

Result<std::unique_ptr<Journal>> Journal::Open(const std::string& path) {
  VC_ASSIGN_OR_RETURN(UniqueFd fd, OpenOrReplaceOwnFile(path, O_WRONLY | O_APPEND));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return FailErrno("stat " + Quoted(path));
  const std::string last = ReadOwnFileTail(path, 1).value_or("");
  std::unique_ptr<Journal> journal(new Journal(path, std::move(fd), LoadJournal(path)));
  journal->size_ = static_cast<size_t>(info.st_size);
  journal->torn_ = !last.empty() && last != "\n";
  // A file with another name is somebody else's journal, too.
  if (info.st_nlink > 1) journal->Compact();
  return journal;
}

// One write, so that whoever dies leaves the line or nothing of it, as far as the kernel can help it.
Status Journal::Write(std::string line) {
  if (torn_) line.insert(0, "\n");
  const ssize_t written = ::write(fd_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    size_ += line.size();
    torn_ = false;
    return {};
  }
  if (written >= 0) {
    // Not half of it.
    torn_ = written > 0 && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0;
    errno = ENOSPC;
  }
  return FailErrno("write " + Quoted(path_));
}

Status Journal::Begin(EffectKind kind, std::string_view what) {
  const std::lock_guard lock(mutex_);
  Effect effect{kind, std::string(what), false, {}};
  VC_RETURN_IF_ERROR(Write(FormatLine(Phase::kBegin, effect)));
  Apply(open_, Phase::kBegin, std::move(effect));
  return {};
}

void Journal::Done(EffectKind kind, std::string_view what, std::optional<ProcessIdentity> process) {
  const std::lock_guard lock(mutex_);
  Effect effect{kind, std::string(what), true, std::move(process)};
  if (const Status written = Write(FormatLine(Phase::kDone, effect)); !written) {
    std::fprintf(stderr, "%s\n", written.error().ToString().c_str());
  }
  Apply(open_, Phase::kDone, std::move(effect));
}

void Journal::End(EffectKind kind, std::string_view what) {
  const std::lock_guard lock(mutex_);
  const auto found = FindIn(open_, kind, what);
  if (found == open_.end()) return;
  Effect effect = std::move(*found);
  open_.erase(found);
  if (open_.empty()) {
    if (const Status emptied = Truncate(); !emptied) {
      std::fprintf(stderr, "%s\n", emptied.error().ToString().c_str());
    }
    return;
  }
  effect.process.reset();
  if (const Status written = Write(FormatLine(Phase::kEnd, effect)); !written) {
    std::fprintf(stderr, "%s\n", written.error().ToString().c_str());
  }
  if (size_ > kCompactAt) Compact();
}

Status Journal::Clear() {
  const std::lock_guard lock(mutex_);
  open_.clear();
  return Truncate();
}

Status Journal::Truncate() {
  if (size_ == 0 && !torn_) return {};
  if (::ftruncate(fd_.get(), 0) != 0) return FailErrno("empty " + Quoted(path_));
  size_ = 0;
  torn_ = false;
  return {};
}

void Journal::Compact() {
  const std::string text = FormatOpen(open_);
  // Swept as half of a replacement, if this dies with it.
  const std::string fresh = path_ + ".tmp." + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  Status written = WriteNewFile(fresh, text);
  // Before it takes the old one's place: without a descriptor of it, the next lines would be in no file.
  UniqueFd fd;
  if (written) {
    Result<UniqueFd> opened = OpenOwnFile(fresh, O_WRONLY | O_APPEND);
    if (!opened) {
      written = Fail(opened.error());
    } else if (::rename(fresh.c_str(), path_.c_str()) != 0) {
      written = FailErrno("replace " + Quoted(path_));
    } else {
      fd = std::move(*opened);
    }
  }
  if (!written) {
    // The long one says the same.
    ::unlink(fresh.c_str());
    std::fprintf(stderr, "%s\n", written.error().ToString().c_str());
    return;
  }
  fd_ = std::move(fd);
  size_ = text.size();
}

std::vector<Effect> Journal::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace virtcontainers
