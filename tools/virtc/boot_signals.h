// Signals that reach virtc while a VM boots.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_BOOT_SIGNALS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_BOOT_SIGNALS_H_

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "terminal.h"
#include "virtcontainers/deadline.h"

namespace virtc {

// Watches for signals while a VM boots: the first one cancels the start, the second ends virtc where it
// stands.
class BootSignals {
 public:
  BootSignals(SignalPipe& signals, std::string pod);
  ~BootSignals();
  BootSignals(const BootSignals&) = delete;
  BootSignals& operator=(const BootSignals&) = delete;

  // For the start: as long as the library would wait, or until a signal comes.
  virtcontainers::Deadline deadline() const {
    return virtcontainers::Deadline::After(std::chrono::seconds(120)).OrStopped(source_.get_token());
  }

  // The signal that came, or 0. The watch ends with it.
  int Finish();

 private:
  void Watch();

  SignalPipe& signals_;
  const std::string pod_;
  int signal_ = 0;
  std::stop_source source_;
  virtcontainers::UniqueFd stop_;
  std::thread thread_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_BOOT_SIGNALS_H_
