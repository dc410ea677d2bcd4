#include "monitor/container_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/errors.h"
#include "base/time_format.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxLine = 16 << 10;
constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;

}  // namespace

Result<std::unique_ptr<ContainerLog>> ContainerLog::Open(std::string path, uint64_t max_bytes) {
  UniqueFd fd(::open(path.c_str(), kFlags, 0600));
  if (!fd) return FailErrno("open log " + Quoted(path));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return FailErrno("open log " + Quoted(path));
  return std::unique_ptr<ContainerLog>(
      new ContainerLog(std::move(path), std::move(fd), static_cast<uint64_t>(info.st_size), max_bytes));
}

void ContainerLog::Append(OutputStream stream, std::string_view data, Time now) {
  const std::lock_guard lock(mutex_);
  std::string& open_line = open_line_[static_cast<int>(stream)];
  while (!data.empty()) {
    const size_t end = data.find('\n');
    const std::string_view piece = data.substr(0, end);
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
    open_line += piece;
    while (open_line.size() > kMaxLine) {
      WriteLine(stream, false, std::string_view(open_line).substr(0, kMaxLine), now);
      open_line.erase(0, kMaxLine);
    }
    if (end != std::string_view::npos) {
      WriteLine(stream, true, open_line, now);
      open_line.clear();
    }
  }
}

void ContainerLog::Flush(Time now) {
  const std::lock_guard lock(mutex_);
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    std::string& open_line = open_line_[static_cast<int>(stream)];
    if (!open_line.empty()) WriteLine(stream, false, open_line, now);
    open_line.clear();
  }
  NoteLoss(FormatTime(now));
}

void ContainerLog::NoteLoss(const std::string& time) {
  if (lost_ > 0 && WriteRecord(time + " stderr F [" + std::to_string(lost_) +
                               " bytes of output were lost here: there was no room for them]\n")) {
    lost_ = 0;
  }
}

void ContainerLog::WriteLine(OutputStream stream, bool whole, std::string_view line, Time now) {
  std::string record = FormatTime(now);
  NoteLoss(record);
  record += stream == OutputStream::kStdout ? " stdout " : " stderr ";
  record += whole ? "F " : "P ";
  record += line;
  record += '\n';
  // Nothing comes after a gap before the gap has been noted.
  if (lost_ > 0 || !WriteRecord(record)) lost_ += line.size() + (whole ? 1 : 0);
}

bool ContainerLog::WriteRecord(const std::string& record) {
  if (size_ > 0 && size_ + record.size() > max_bytes_ && !Rotate()) return false;
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
  if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0 && errno != ENOENT) return false;
  UniqueFd fresh(::open(path_.c_str(), kFlags, 0600));
  if (!fresh) return false;
  fd_ = std::move(fresh);
  size_ = 0;
  return true;
}

}  // namespace virtcontainers
