// Unix sockets at paths of any length. Host only.

#ifndef VIRTCONTAINERS_SRC_TTRPC_UNIX_SOCKET_H_
#define VIRTCONTAINERS_SRC_TTRPC_UNIX_SOCKET_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// A listening socket, which takes its path away when it goes. Move-only; not thread-safe.
class UnixListener {
 public:
  UnixListener(UnixListener&&) = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  // Closes this process's descriptor and leaves the path, since another process listens there.
  void Leave() { fd_.reset(); }

 private:
  friend Result<UnixListener> ListenUnix(const std::string& path);
  UnixListener(UniqueFd fd, UniqueFd directory, std::string name, std::string path, ino_t inode)
      : fd_(std::move(fd)),
        directory_(std::move(directory)),
        name_(std::move(name)),
        path_(std::move(path)),
        inode_(inode) {}

  UniqueFd fd_;
  UniqueFd directory_;
  std::string name_;
  std::string path_;
  ino_t inode_ = 0;
};

// Makes a socket that only the user may connect to. The parent directory exists. Whoever sees the path can
// connect at once; a socket there that nobody listens at is replaced. The descriptor is non-blocking. Errors:
// ALREADY_EXISTS if somebody listens there, or it is something other than a socket; those of the system.
Result<UnixListener> ListenUnix(const std::string& path);

// Connects; blocks until `deadline` if the listener is busy. No part of the path may be a symbolic link.
// Errors: UNAVAILABLE if no socket is there, or nobody listens; DEADLINE_EXCEEDED; PERMISSION_DENIED; those
// of the system.
Result<UniqueFd> ConnectUnix(const std::string& path, Deadline deadline);

// Who is at the other end of a connected unix socket.
Result<ucred> UnixPeer(int fd);

// Only the user itself and root may command what the user runs.
inline bool MayCommand(uid_t peer, uid_t self) { return peer == self || peer == 0; }

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_UNIX_SOCKET_H_
