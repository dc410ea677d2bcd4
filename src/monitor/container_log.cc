#include "monitor/container_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/errors.h"
#include "base/json.h"
#include "base/time_format.h"
#include "os/own_file.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxLine = 16 << 10;
constexpr char kPositionSuffix[] = ".position";
constexpr size_t kMinLine = 64;
constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND;

// So long that a record of it fits into one file, whatever bytes there are in it.
size_t MaxLine(const LogConfig& config) {
  constexpr uint64_t kCriFrame = 48;    // time, stream, tag
  constexpr uint64_t kJsonFrame = 80;   // time, stream, names
  constexpr uint64_t kJsonEscaped = 6;  // "\u0000" for one byte
  uint64_t fits = config.max_size.count;
  if (config.format == LogFormat::kJson)
    fits = (fits - std::min(fits, kJsonFrame)) / kJsonEscaped;
  else
    fits -= std::min(fits, kCriFrame);
  return std::clamp<uint64_t>(fits, kMinLine, kMaxLine);
}

// How much of `line` is a part of at most `most` bytes: in JSON no character is torn, as its halves would be
// none.
size_t PartOf(std::string_view line, size_t most, LogFormat format) {
  if (format != LogFormat::kJson) return most;
  size_t end = most;
  while (end + 3 > most && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80 ? most : end;
}

// How much of `data` goes into a file that has `room`: a file ends with a line where there is one that does.
size_t LinesIn(std::string_view data, size_t room) {
  if (data.size() <= room) return data.size();
  const size_t line_end = data.substr(0, room).rfind('\n');
  return line_end == std::string_view::npos ? 0 : line_end + 1;
}

std::string_view NameOf(OutputStream stream) { return stream == OutputStream::kStdout ? "stdout" : "stderr"; }

}  // namespace

ContainerLog::ContainerLog(std::string path, const LogConfig& config, LogPositionFile position, UniqueFd fd,
                           uint64_t size)
    : path_(std::move(path)),
      config_(config),
      max_line_(MaxLine(config)),
      position_(std::move(position)),
      fd_(std::move(fd)),
      size_(size) {}

Result<std::unique_ptr<ContainerLog>> ContainerLog::Open(std::string path, const LogConfig& config) {
  VC_ASSIGN_OR_RETURN(LogPositionFile position, LogPositionFile::Open(path + kPositionSuffix));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<ContainerLog> log, Make(std::move(path), config, std::move(position)));
  log->SavePosition();
  return log;
}

Result<std::unique_ptr<ContainerLog>> ContainerLog::Resume(std::string path, const LogConfig& config) {
  VC_ASSIGN_OR_RETURN(LogPositionFile file, LogPositionFile::Open(path + kPositionSuffix));
  const std::optional<LogPosition> position = file.Read();
  if (position) VC_RETURN_IF_ERROR(RestoreLog(path, config.max_files, *position));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<ContainerLog> log, Make(std::move(path), config, std::move(file)));
  for (const int stream : {0, 1}) {
    log->next_[stream].reset();
    if (!position || position->offsets[stream] == kUnknownOffset) continue;
    log->next_[stream] = log->recorded_[stream] = log->acknowledged_[stream] = position->offsets[stream];
  }
  if (position) log->lost_ = position->lost;
  // A file that is new may have the number of one that is gone: it is not to be taken for that one.
  if (position) log->SavePosition();
  if (!position) std::fprintf(stderr, "log '%s': how far it had come is not known\n", log->path_.c_str());
  return log;
}

Result<std::unique_ptr<ContainerLog>> ContainerLog::Make(std::string path, const LogConfig& config,
                                                         LogPositionFile position) {
  Result<UniqueFd> fd = OpenOwnFile(path, kFlags);
  if (!fd) return Fail(std::move(fd.error()).AddContext("open log " + Quoted(path)));
  struct stat info;
  if (::fstat(fd->get(), &info) != 0) return FailErrno("open log " + Quoted(path));
  return std::unique_ptr<ContainerLog>(new ContainerLog(std::move(path), config, std::move(position),
                                                        std::move(*fd), static_cast<uint64_t>(info.st_size)));
}

std::optional<uint64_t> ContainerLog::next(OutputStream stream) const {
  const std::lock_guard lock(mutex_);
  return next_[static_cast<int>(stream)];
}

uint64_t ContainerLog::acknowledged(OutputStream stream) const {
  const std::lock_guard lock(mutex_);
  return acknowledged_[static_cast<int>(stream)];
}

void ContainerLog::SavePosition() {
  struct stat info {};
  LogPosition position;
  if (::fstat(fd_.get(), &info) == 0) position.inode = info.st_ino;
  position.size = size_;
  position.lost = lost_;
  for (const int stream : {0, 1}) {
    position.offsets[stream] = next_[stream] ? recorded_[stream] : kUnknownOffset;
    // Also where that cannot be written: a container is not held up for it.
    if (next_[stream]) acknowledged_[stream] = recorded_[stream];
  }
  if (const Status written = position_.Write(position); !written) {
    std::fprintf(stderr, "log '%s': %s\n", path_.c_str(), written.error().ToString().c_str());
  }
}

void ContainerLog::Forget(OutputStream stream) {
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "log '%s': some of its output is lost\n", path_.c_str());
  next_[static_cast<int>(stream)].reset();
  acknowledged_[static_cast<int>(stream)] = 0;
}

void ContainerLog::Append(OutputStream stream, uint64_t offset, std::string_view data, Time now) {
  const std::lock_guard lock(mutex_);
  std::optional<uint64_t>& next = next_[static_cast<int>(stream)];
  if (next && offset < *next) {
    data.remove_prefix(std::min<uint64_t>(*next - offset, data.size()));
    offset = *next;
  }
  if (data.empty()) return;
  // After a gap.
  if (next != offset) recorded_[static_cast<int>(stream)] = offset;
  next = offset + data.size();
  if (config_.format == LogFormat::kPlain) {
    AppendPlain(stream, data, now);
  } else {
    AppendLines(stream, data, now);
  }
  SavePosition();
}

void ContainerLog::AppendLines(OutputStream stream, std::string_view data, Time now) {
  std::string& open_line = open_line_[static_cast<int>(stream)];
  uint64_t& recorded = recorded_[static_cast<int>(stream)];
  while (!data.empty()) {
    const size_t end = data.find('\n');
    const std::string_view piece = data.substr(0, end);
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
    open_line += piece;
    size_t done = 0;
    while (open_line.size() - done > max_line_) {
      const std::string_view rest = std::string_view(open_line).substr(done);
      const size_t part = PartOf(rest, max_line_, config_.format);
      WriteLine(stream, false, rest.substr(0, part), now);
      done += part;
      recorded += part;
    }
    open_line.erase(0, done);
    if (end != std::string_view::npos) {
      WriteLine(stream, true, open_line, now);
      recorded += open_line.size() + 1;
      open_line.clear();
    }
  }
}

void ContainerLog::Flush(Time now) {
  const std::lock_guard lock(mutex_);
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    std::string& open_line = open_line_[static_cast<int>(stream)];
    if (open_line.empty()) continue;
    WriteLine(stream, false, open_line, now);
    recorded_[static_cast<int>(stream)] += open_line.size();
    open_line.clear();
  }
  NoteLoss(now);
  SavePosition();
}

void ContainerLog::AppendPlain(OutputStream stream, std::string_view data, Time now) {
  const uint64_t most = std::max<uint64_t>(config_.max_size.count, 1);
  while (!data.empty()) {
    NoteLoss(now);
    size_t fits = LinesIn(data, most - std::min(size_, most));
    if (fits == 0 && lost_ == 0 && Rotate()) fits = LinesIn(data, most);
    if (fits == 0) fits = std::min<uint64_t>(data.size(), most);
    if (lost_ > 0 || !WriteRecord(data.substr(0, fits))) lost_ += fits;
    recorded_[static_cast<int>(stream)] += fits;
    data.remove_prefix(fits);
  }
}

void ContainerLog::NoteLoss(Time now) {
  if (lost_ == 0) return;
  const std::string note =
      "[" + std::to_string(lost_) + " bytes of output were lost here: there was no room for them]";
  if (WriteRecord(Record(OutputStream::kStderr, true, note, now))) lost_ = 0;
}

std::string ContainerLog::Record(OutputStream stream, bool whole, std::string_view line, Time now) const {
  std::string record;
  switch (config_.format) {
    case LogFormat::kCri:
      record = FormatTime(now);
      record += ' ';
      record += NameOf(stream);
      record += whole ? " F " : " P ";
      record += line;
      break;
    case LogFormat::kJson: {
      std::string text(line);
      if (whole) text += '\n';
      record = DumpJson(Json{{"log", std::move(text)}, {"stream", NameOf(stream)}, {"time", FormatTime(now)}},
                        false);
      break;
    }
    case LogFormat::kPlain:
      record = line;
      break;
  }
  record += '\n';
  return record;
}

void ContainerLog::WriteLine(OutputStream stream, bool whole, std::string_view line, Time now) {
  NoteLoss(now);
  // Nothing comes after a gap before the gap has been noted.
  if (lost_ > 0 || !WriteRecord(Record(stream, whole, line, now))) lost_ += line.size() + (whole ? 1 : 0);
}

bool ContainerLog::WriteRecord(std::string_view record) {
  if (size_ > 0 && size_ + record.size() > config_.max_size.count && !Rotate()) return false;
  const ssize_t written = ::write(fd_.get(), record.data(), record.size());
  if (written == static_cast<ssize_t>(record.size())) {
    size_ += record.size();
    return true;
  }
  // Half a record would garble the next one.
  if (written > 0 && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
    size_ += static_cast<uint64_t>(written);
  return false;
}

bool ContainerLog::Rotate() {
  // Done by halves when there was no room for the new file: it is to be made then.
  if (!moved_) {
    SavePosition();
    if (!MoveAside()) return false;
  }
  moved_ = true;
  Result<UniqueFd> fresh = OpenOwnFile(path_, kFlags);
  if (!fresh) return false;
  fd_ = std::move(*fresh);
  size_ = 0;
  moved_ = false;
  return true;
}

// Each file takes the next one's name, up to the first name that is free, so that an attempt which failed in
// the middle is continued by the next one. A reader that has a file open goes on with it.
bool ContainerLog::MoveAside() {
  const auto name = [this](uint32_t age) { return age == 0 ? path_ : path_ + "." + std::to_string(age); };
  if (config_.max_files <= 1) return ::unlink(path_.c_str()) == 0 || errno == ENOENT;
  uint32_t oldest = 1;
  while (oldest < config_.max_files - 1 && ::access(name(oldest).c_str(), F_OK) == 0) ++oldest;
  for (uint32_t age = oldest; age-- > 0;) {
    if (::rename(name(age).c_str(), name(age + 1).c_str()) != 0 && errno != ENOENT) return false;
  }
  return true;
}

}  // namespace virtcontainers
