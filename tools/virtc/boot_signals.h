// Signals that reach virtc while a VM boots.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_BOOT_SIGNALS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_BOOT_SIGNALS_H_

#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "terminal.h"

namespace virtc {

// Watches for signals while a VM boots, which nothing interrupts: the first one is kept for when it has, the
// second ends virtc where it stands.
class BootSignals {
 public:
  BootSignals(SignalPipe& signals, std::string pod);
  ~BootSignals();
  BootSignals(const BootSignals&) = delete;
  BootSignals& operator=(const BootSignals&) = delete;

  // The signal that came, or 0. The watch ends with it.
  int Finish();

 private:
  void Watch();

  SignalPipe& signals_;
  const std::string pod_;
  int signal_ = 0;
  virtcontainers::UniqueFd stop_;
  std::thread thread_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_BOOT_SIGNALS_H_
