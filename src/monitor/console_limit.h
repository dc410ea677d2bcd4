// A bound on the file that a VM's console is written to. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_CONSOLE_LIMIT_H_
#define VIRTCONTAINERS_SRC_MONITOR_CONSOLE_LIMIT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Watches a file to which another process appends (O_APPEND), which is the VMM, and which a guest makes as
// large as it likes. Once it is larger than `size`, it is cut down to its first `kept` bytes (the boot,
// mostly) and a line that says so; the writer goes on behind that. A thread, that sleeps while nothing is
// written.
class ConsoleLimit {
 public:
  struct Limits {
    size_t size = 4 << 20;
    size_t kept = 1 << 20;
  };

  // Creates the file if it is not there.
  static Result<std::unique_ptr<ConsoleLimit>> Watch(const std::string& path, Limits limits);
  static Result<std::unique_ptr<ConsoleLimit>> Watch(const std::string& path) {
    return Watch(path, Limits());
  }

  // Ends the thread.
  ~ConsoleLimit();
  ConsoleLimit(const ConsoleLimit&) = delete;
  ConsoleLimit& operator=(const ConsoleLimit&) = delete;

 private:
  ConsoleLimit(UniqueFd file, UniqueFd events, UniqueFd stop, Limits limits);
  void Run();
  void Cut() const;
  // Whether the destructor has been called, waiting for that at most so long; for a change, too, if asked.
  bool Stopped(int milliseconds, bool or_changed) const;

  const UniqueFd file_, events_, stop_;
  const Limits limits_;
  std::thread thread_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_CONSOLE_LIMIT_H_
