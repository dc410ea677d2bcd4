#include "progress.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <string_view>

#include "os/thread.h"
#include "report.h"

namespace virtc {

namespace {

using Clock = std::chrono::steady_clock;

// Something that is over at once needs no line that flashes up.
constexpr auto kPatience = std::chrono::milliseconds(200);
constexpr auto kInterval = std::chrono::milliseconds(100);

bool CanErase() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

}  // namespace

Progress::Progress(std::string what) : what_(std::move(what)) {
  if (!CanErase()) return;
  // Where no thread can be had, it is done in silence.
  if (auto thread = virtcontainers::StartThread([this] { Show(); })) thread_ = std::move(*thread);
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Progress::Show() {
  const auto begin = Clock::now();
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, kPatience, [this] { return done_; })) return;
  do {
    const auto tenths = (Clock::now() - begin) / std::chrono::milliseconds(100);
    (void)WriteAll(STDERR_FILENO, fmt::format("\r{} {}.{} s", what_, tenths / 10, tenths % 10));
  } while (!changed_.wait_for(lock, kInterval, [this] { return done_; }));
  (void)WriteAll(STDERR_FILENO, "\r\033[K");
}

}  // namespace virtc
