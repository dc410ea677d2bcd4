#include "monitor/console_limit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "base/errors.h"
#include "os/own_file.h"
#include "os/thread.h"

namespace virtcontainers {
namespace {

constexpr std::string_view kNote =
    "\n[virtcontainers: the console said too much to be kept: there is a gap here]\n";

// A guest that writes without end makes us look this often, and no oftener.
constexpr int kPauseMilliseconds = 200;

}  // namespace

Result<std::unique_ptr<ConsoleLimit>> ConsoleLimit::Watch(const std::string& path, Limits limits) {
  VC_ASSIGN_OR_RETURN(UniqueFd file, OpenOwnFile(path, O_WRONLY | O_APPEND | O_CREAT));
  UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events || ::inotify_add_watch(events.get(), path.c_str(), IN_MODIFY) < 0) {
    return FailErrno("watch the console's file " + Quoted(path));
  }
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return FailErrno("make an eventfd");
  std::unique_ptr<ConsoleLimit> made(
      new ConsoleLimit(std::move(file), std::move(events), std::move(stop), limits));
  VC_ASSIGN_OR_RETURN(made->thread_, StartThread([self = made.get()] { self->Run(); }));
  return made;
}

ConsoleLimit::ConsoleLimit(UniqueFd file, UniqueFd events, UniqueFd stop, Limits limits)
    : file_(std::move(file)), events_(std::move(events)), stop_(std::move(stop)), limits_(limits) {}

ConsoleLimit::~ConsoleLimit() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(stop_.get(), &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
  // What was written in the last pause.
  Cut();
}

bool ConsoleLimit::Stopped(int milliseconds, bool or_changed) const {
  std::array<pollfd, 2> fds{{{stop_.get(), POLLIN, 0}, {events_.get(), POLLIN, 0}}};
  ::poll(fds.data(), or_changed ? 2 : 1, milliseconds);
  return fds[0].revents != 0;
}

void ConsoleLimit::Run() {
  // What was there before the watch.
  Cut();
  while (!Stopped(-1, true)) {
    alignas(inotify_event) std::array<char, 4096> events;
    while (::read(events_.get(), events.data(), events.size()) > 0) {
    }
    Cut();
    if (Stopped(kPauseMilliseconds, false)) return;
  }
}

void ConsoleLimit::Cut() const {
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0 || static_cast<uint64_t>(info.st_size) <= limits_.size) return;
  // What the writer adds in between comes before the note, or is lost: there is a gap in any case.
  if (::ftruncate(file_.get(), static_cast<off_t>(limits_.kept)) != 0) return;
  [[maybe_unused]] const ssize_t ignored = ::write(file_.get(), kNote.data(), kNote.size());
}

}  // namespace virtcontainers
