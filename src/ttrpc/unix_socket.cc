#include "ttrpc/unix_socket.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/errors.h"

namespace virtcontainers::ttrpc {
namespace {

constexpr int kBacklog = 128;
constexpr std::chrono::milliseconds kBusyPause{2};

struct Address {
  sockaddr_un raw{};
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
};

// The address of what an O_PATH descriptor stands for, or of a name in its directory. sun_path holds 107
// bytes, and a root directory may be longer.
Address AddressOf(int fd, const std::string& name = "") {
  Address address;
  address.raw.sun_family = AF_UNIX;
  std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (!name.empty()) path += "/" + name;
  path.copy(address.raw.sun_path, sizeof(address.raw.sun_path) - 1);
  return address;
}

// One try. EAGAIN: the listener's queue is full.
int TryConnect(const UniqueFd& socket, const UniqueFd& target) {
  const Address address = AddressOf(target.get());
  return ::connect(socket.get(), address.get(), sizeof(address.raw)) == 0 ? 0 : errno;
}

UniqueFd MakeSocket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// Nothing if `name` may be replaced.
Status CheckReplaceable(const UniqueFd& directory, const std::string& name, const std::string& path) {
  const UniqueFd target(::openat(directory.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!target) {
    if (errno == ENOENT) return {};
    return FailErrno("open " + Quoted(path));
  }
  struct stat info {};
  if (::fstat(target.get(), &info) != 0) return FailErrno("stat of " + Quoted(path));
  if (!S_ISSOCK(info.st_mode)) return Fail(Code::kAlreadyExists, Quoted(path) + " exists and is no socket");
  const UniqueFd probe = MakeSocket();
  if (!probe) return FailErrno("socket");
  if (TryConnect(probe, target) == ECONNREFUSED) return {};
  return Fail(Code::kAlreadyExists, "another process listens at " + Quoted(path));
}

}  // namespace

UnixListener::~UnixListener() {
  if (!fd_) return;
  struct stat info {};
  // Another process may have put its own there since.
  if (::fstatat(directory_.get(), name_.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_ino == inode_) {
    ::unlinkat(directory_.get(), name_.c_str(), 0);
  }
}

Result<UnixListener> ListenUnix(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (name.empty()) return Fail(Code::kInvalidArgument, Quoted(path) + " is no path of a socket");
  UniqueFd directory(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return FailErrno("open " + Quoted(parent));
  VC_RETURN_IF_ERROR(CheckReplaceable(directory, name, path));

  UniqueFd socket = MakeSocket();
  if (!socket) return FailErrno("socket");
  // Made under a name of this thread's own and then renamed: nobody sees it with other permissions, or not
  // listening, and the name may have any length.
  const std::string temporary = ".listen-" + std::to_string(::gettid());
  ::unlinkat(directory.get(), temporary.c_str(), 0);
  const Address address = AddressOf(directory.get(), temporary);
  if (::bind(socket.get(), address.get(), sizeof(address.raw)) != 0) return FailErrno("bind " + Quoted(path));
  struct stat info {};
  if (::fchmodat(directory.get(), temporary.c_str(), 0600, 0) != 0 || ::listen(socket.get(), kBacklog) != 0 ||
      ::fstatat(directory.get(), temporary.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) != 0) {
    const Error error = ErrnoError("listen at " + Quoted(path));
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    return Fail(error);
  }
  return UnixListener(std::move(socket), std::move(directory), name, path, info.st_ino);
}

Result<UniqueFd> ConnectUnix(const std::string& path, Deadline deadline) {
  // A socket that a symbolic link leads to is another's.
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const UniqueFd target(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  struct stat info {};
  const bool missing = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
  if (!target && !missing) return FailErrno("open " + Quoted(path));
  if (!target || (::fstat(target.get(), &info) == 0 && !S_ISSOCK(info.st_mode))) {
    return Fail(Code::kUnavailable, "no socket is at " + Quoted(path));
  }
  UniqueFd socket = MakeSocket();
  if (!socket) return FailErrno("socket");
  while (const int error = TryConnect(socket, target)) {
    if (error == ECONNREFUSED) return Fail(Code::kUnavailable, "nobody listens at " + Quoted(path));
    if (error != EAGAIN && error != EINTR) return FailErrno("connect to " + Quoted(path), error);
    if (deadline.passed())
      return Fail(Code::kDeadlineExceeded, "the listener at " + Quoted(path) + " is busy");
    // There is nothing to poll for: a full queue is seen only by trying.
    std::this_thread::sleep_for(kBusyPause);
  }
  return socket;
}

Result<ucred> UnixPeer(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return FailErrno("SO_PEERCRED");
  return peer;
}

}  // namespace virtcontainers::ttrpc
