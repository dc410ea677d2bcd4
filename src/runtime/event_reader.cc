#include "runtime/event_reader.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/errors.h"
#include "os/own_file.h"
#include "os/poll.h"

namespace virtcontainers {
namespace {

// No line of ours is longer.
constexpr size_t kMaxLine = 64 << 10;

// Nothing without a file of ours: there is none to read then, and there may be one later.
UniqueFd OpenLog(const std::string& path) {
  Result<UniqueFd> file = OpenOwnFile(path, O_RDONLY);
  return file ? std::move(*file) : UniqueFd();
}

bool IsSame(int fd, const std::string& path) {
  struct stat open {
  }, named{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

}  // namespace

Result<std::unique_ptr<EventStream>> EventReader::Open(const std::string& root,
                                                       std::optional<uint64_t> after) {
  UniqueFd notify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!notify) return FailErrno("watch events: inotify_init1");
  // The directory: the file itself comes and goes.
  if (::inotify_add_watch(notify.get(), root.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
    return FailErrno("watch events: inotify_add_watch " + Quoted(root));
  }
  auto reader = std::unique_ptr<EventReader>(new EventReader(EventLogPaths(root), std::move(notify)));
  if (after) {
    reader->last_ = *after;
    reader->file_ = OpenLog(reader->paths_.previous());
  } else {
    // From here on: of what is in the files only the numbers count.
    reader->last_ = std::max(LastSequence(reader->paths_.previous()), LastSequence(reader->paths_.current()));
  }
  return std::unique_ptr<EventStream>(std::move(reader));
}

void EventReader::Take(std::string_view line) {
  const Result<Event> event = ParseEvent(line);
  // Half a line of somebody who died.
  if (!event || event->sequence <= last_) return;
  // Of a reader that wants all there is, nothing is missing before the first one.
  if (last_ != 0 && event->sequence > last_ + 1) {
    Event lost;
    lost.sequence = event->sequence - 1;
    lost.time = event->time;
    lost.reason = std::to_string(event->sequence - last_ - 1) + " events are missing";
    events_.push_back(lost);
  }
  last_ = event->sequence;
  events_.push_back(*event);
}

Status EventReader::ReadFile() {
  char buffer[16 << 10];
  while (true) {
    const ssize_t count = ::read(file_.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("read " + Quoted(paths_.current()));
    if (count == 0) return {};
    partial_.append(buffer, static_cast<size_t>(count));
    size_t begin = 0;
    for (size_t end; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      Take(std::string_view(partial_).substr(begin, end - begin));
    }
    partial_.erase(0, begin);
    if (partial_.size() > kMaxLine) partial_.clear();
  }
}

Status EventReader::Fill() {
  if (!file_) file_ = OpenLog(paths_.current());
  while (file_) {
    // Asked before the read: a file that is put away after it is still read to its end the next time.
    const bool current = IsSame(file_.get(), paths_.current());
    VC_RETURN_IF_ERROR(ReadFile());
    if (current) return {};
    partial_.clear();
    file_ = OpenLog(paths_.current());
  }
  return {};
}

void EventReader::DrainNotifications() {
  alignas(inotify_event) char buffer[4096];
  while (::read(notify_.get(), buffer, sizeof buffer) > 0) {
  }
}

Result<std::optional<Event>> EventReader::Next(Deadline deadline) {
  while (true) {
    if (events_.empty()) {
      // In this order: what is written after the read is notified of again.
      DrainNotifications();
      VC_RETURN_IF_ERROR(Fill());
    }
    if (!events_.empty()) {
      Event event = std::move(events_.front());
      events_.pop_front();
      return std::optional<Event>(std::move(event));
    }
    VC_ASSIGN_OR_RETURN(const bool more, WaitReadable(notify_.get(), deadline));
    if (!more) return std::optional<Event>();
  }
}

}  // namespace virtcontainers
