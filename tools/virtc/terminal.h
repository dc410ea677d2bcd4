// The caller's terminal, and the signals that reach virtc while a process is attached to it.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_TERMINAL_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_TERMINAL_H_

#include <cstdint>
#include <optional>

#include "base/unique_fd.h"
#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtc {

struct TerminalSize {
  uint16_t rows = 0;
  uint16_t columns = 0;
};

// Of whichever of the standard descriptors is a terminal.
std::optional<TerminalSize> GetTerminalSize();

// For a process that is to have a terminal: its size, and the kind that this one is. Refuses an input that is
// none.
virtcontainers::Status PrepareTerminal(virtcontainers::ProcessConfig& process, bool interactive);

// Standard input's terminal in raw mode, every key passed on as it is; as it was before when this goes, and
// also when virtc crashes. At most one.
class RawMode {
 public:
  RawMode();
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
};

// SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGWINCH as bytes in a pipe, instead of what they do by default. At
// most one.
class SignalPipe {
 public:
  SignalPipe();
  ~SignalPipe();
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;

  // Readable when a signal has come.
  int fd() const { return read_.get(); }

  // The next signal; 0 if there is none. Never blocks.
  int Take();

 private:
  virtcontainers::UniqueFd read_, write_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_TERMINAL_H_
