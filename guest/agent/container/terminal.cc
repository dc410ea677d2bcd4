#include "guest/agent/container/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>

#include "base/errors.h"
#include "guest/agent/os/mount.h"

namespace virtcontainers::guest {

namespace {

bool IsTerminalMultiplexer(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == ::makedev(5, 2);
}

}  // namespace

Result<Terminal> OpenTerminal(const RootedPath& root, const grpc::Box& size) {
  Terminal terminal;
  // The check comes before the real open: whatever else the container put there might act on being opened.
  const auto multiplexer = root.Open("/dev/pts/ptmx", O_PATH | O_NOFOLLOW);
  if (multiplexer && IsTerminalMultiplexer(multiplexer->get())) {
    VC_ASSIGN_OR_RETURN(terminal.master, root.Open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW));
  } else {
    terminal.master.reset(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!terminal.master) return FailErrno("open '/dev/ptmx'");
  }
  int unlock = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &unlock) < 0) return FailErrno("unlock a terminal");
  // By the master, not by name: /dev/pts may be anything in there.
  terminal.slave.reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) return FailErrno("open a terminal");
  if (size.height() != 0 && size.width() != 0) {
    VC_RETURN_IF_ERROR(SetTerminalSize(terminal.master.get(), size.height(), size.width()));
  }
  return terminal;
}

Status SetTerminalSize(int fd, uint32_t rows, uint32_t columns) {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(std::min<uint32_t>(rows, UINT16_MAX));
  size.ws_col = static_cast<unsigned short>(std::min<uint32_t>(columns, UINT16_MAX));
  if (::ioctl(fd, TIOCSWINSZ, &size) < 0) return FailErrno("set the size of a terminal");
  return {};
}

Status BindConsole(const RootedPath& root, int slave) {
  VC_ASSIGN_OR_RETURN(const UniqueFd target, root.MakeFile("/dev/console"));
  VC_ASSIGN_OR_RETURN(const UniqueFd mount, CloneMount(slave, false));
  return AttachMount(mount.get(), target.get());
}

Status TakeTerminal(int slave) {
  if (::ioctl(slave, TIOCSCTTY, 0) < 0) return FailErrno("take a terminal");
  return {};
}

}  // namespace virtcontainers::guest
