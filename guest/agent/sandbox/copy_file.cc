#include "guest/agent/sandbox/copy_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "guest/agent/sandbox/ids.h"
#include "os/rooted_path.h"

namespace virtcontainers::guest {

namespace {

Status SetOwner(int parent, const std::string& name, const grpc::CopyFileRequest& request) {
  const auto uid = static_cast<uid_t>(request.uid());
  const auto gid = static_cast<gid_t>(request.gid());
  if (::fchownat(parent, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) < 0) return FailErrno("set the owner");
  return {};
}

Status CopyDirectory(int parent, const std::string& name, const grpc::CopyFileRequest& request) {
  const mode_t mode = request.file_mode() & 07777;
  if (::mkdirat(parent, name.c_str(), mode) < 0 && errno != EEXIST) return FailErrno("make the directory");
  UniqueFd made(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made) return FailErrno("open the directory");
  if (::fchmod(made.get(), mode) < 0) return FailErrno("set the mode");
  return SetOwner(parent, name, request);
}

Status CopyLink(int parent, const std::string& name, const grpc::CopyFileRequest& request) {
  // As an update of a mounted secret does it: a new link in the place of the old.
  if (::unlinkat(parent, name.c_str(), 0) < 0 && errno != ENOENT) return FailErrno("remove the old link");
  if (::symlinkat(request.data().c_str(), parent, name.c_str()) < 0) return FailErrno("make the link");
  return SetOwner(parent, name, request);
}

Status WriteAt(int fd, std::string_view data, int64_t offset) {
  while (!data.empty()) {
    const ssize_t count = ::pwrite(fd, data.data(), data.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("write");
    data.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

Status CopyPiece(int parent, const std::string& name, const grpc::CopyFileRequest& request) {
  const int64_t size = request.file_size();
  const auto piece = static_cast<int64_t>(request.data().size());
  if (size < 0 || request.offset() < 0 || request.offset() > size || piece > size - request.offset()) {
    return Fail(Code::kInvalidArgument, "a piece of " + std::to_string(piece) + " bytes at " +
                                            std::to_string(request.offset()) + " is not in a file of " +
                                            std::to_string(size));
  }
  const std::string unfinished = name + ".tmp";
  UniqueFd file(::openat(parent, unfinished.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return FailErrno("create the file");
  if (request.offset() == 0 && ::ftruncate(file.get(), 0) < 0) return FailErrno("empty the file");
  VC_RETURN_IF_ERROR(WriteAt(file.get(), request.data(), request.offset()));
  struct stat info;
  if (::fstat(file.get(), &info) < 0) return FailErrno("look at the file");
  if (info.st_size < size) return {};
  VC_RETURN_IF_ERROR(SetOwner(parent, unfinished, request));
  // After the owner, whose change would take the set-user-id bit away.
  if (::fchmod(file.get(), request.file_mode() & 07777) < 0) return FailErrno("set the mode");
  if (::renameat(parent, unfinished.c_str(), parent, name.c_str()) < 0) return FailErrno("name the file");
  return {};
}

}  // namespace

Status CopyFile(const std::string& shared, const grpc::CopyFileRequest& request) {
  VC_RETURN_IF_ERROR(CheckPathInside(request.path(), shared));
  const auto copy = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(const RootedPath root, RootedPath::Open(shared));
    const std::string below = request.path().substr(shared.size());
    const size_t slash = below.rfind('/');
    const mode_t mode = request.dir_mode() == 0 ? 0755 : request.dir_mode() & 07777;
    VC_ASSIGN_OR_RETURN(const UniqueFd parent, root.MakeDirectory(below.substr(0, slash), mode));
    const std::string name = below.substr(slash + 1);
    if (name.empty()) return Fail(Code::kInvalidArgument, "the path ends in '/'");
    switch (request.file_mode() & S_IFMT) {
      case S_IFDIR:
        return CopyDirectory(parent.get(), name, request);
      case S_IFLNK:
        return CopyLink(parent.get(), name, request);
      case 0:
      case S_IFREG:
        return CopyPiece(parent.get(), name, request);
      default:
        return Fail(Code::kInvalidArgument, "neither a file, nor a directory, nor a link");
    }
  };
  if (auto status = copy(); !status) {
    return Fail(std::move(status.error()).AddContext("copy file " + Quoted(request.path())));
  }
  return {};
}

}  // namespace virtcontainers::guest
