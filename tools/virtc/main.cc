// virtc: the demonstration of virtcontainers on the command line.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "cli.h"

namespace {

// A caller may close 0, 1 or 2, and the next file opened would then be taken for them. What stands in is
// opened the wrong way round, so that using it is an error, as it would be with nothing there.
void KeepStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free descriptor is the one that is missing.
    (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace

int main(int argc, char** argv) {
  KeepStandardDescriptors();
  // A handler that does nothing, and not SIG_IGN: that would survive the exec of what the library starts.
  struct sigaction nothing = {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  (void)::sigaction(SIGPIPE, &nothing, nullptr);
  return virtc::Main(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
