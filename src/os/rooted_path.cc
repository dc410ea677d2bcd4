#include "os/rooted_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "base/errors.h"

namespace virtcontainers {
namespace {

// The kernel answers EAGAIN when something was renamed while it looked: a hostile tree can keep that up.
constexpr int kMaxAttempts = 64;
// (path_resolution(7))
constexpr int kMaxLinks = 40;
constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;

int OpenInRoot(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, name, &how, sizeof(how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return static_cast<int>(fd);
  }
  return -1;
}

Status CheckPath(std::string_view path) {
  if (path.size() >= PATH_MAX) return Fail(Code::kInvalidArgument, "a path is longer than 4095 bytes");
  if (path.find('\0') != std::string_view::npos) return Fail(Code::kInvalidArgument, "a path holds a NUL");
  return {};
}

// What has just been made has the umask taken off its mode. Bits that came from its directory stay.
Status SetMode(int fd, mode_t mode, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) < 0) return FailErrno("look at " + Quoted(path));
  const mode_t wanted = (info.st_mode & 07000) | mode;
  if ((info.st_mode & 07777) == wanted) return {};
  if (::fchmod(fd, wanted) < 0) return FailErrno("set the mode of " + Quoted(path));
  return {};
}

// Goes from the root to a path, a name at a time, and follows links by itself: so it comes to a place that is
// not there, where the kernel would only say ENOENT. Each name is looked up in a directory that is held open,
// so that nothing that changes meanwhile leads out of the root.
class Walk {
 public:
  // The modes are those of the directories it makes: the one at the end, and the others.
  Walk(int root, std::string_view path, mode_t mode, mode_t last_mode, const std::set<std::string>* covered)
      : root_(root), mode_(mode), last_mode_(last_mode), covered_(covered) {
    Push(path);
  }

  // To the end, or to a covered path; what is missing is made. Links are followed.
  Status Go(RootedPath::Kind kind) {
    VC_RETURN_IF_ERROR(Return());
    while (!ahead_.empty() && !IsCovered()) {
      const std::string name = std::move(ahead_.back());
      ahead_.pop_back();
      if (name == "..") {
        if (!names_.empty()) names_.pop_back();
        if (missing_ > 0) {
          --missing_;
        } else {
          VC_RETURN_IF_ERROR(Return());
        }
      } else if (missing_ > 0) {
        names_.push_back(name);
        ++missing_;
      } else {
        VC_RETURN_IF_ERROR(Enter(name, kind));
      }
    }
    return Make(kind);
  }

  UniqueFd TakeFd() { return std::move(here_); }
  std::string Path() const { return Path(names_.size()); }

 private:
  void Push(std::string_view path) {
    std::vector<std::string> names;
    while (!path.empty()) {
      const std::string_view name = path.substr(0, path.find('/'));
      path.remove_prefix(std::min(name.size() + 1, path.size()));
      if (!name.empty() && name != ".") names.emplace_back(name);
    }
    ahead_.insert(ahead_.end(), names.rbegin(), names.rend());
  }

  std::string Path(size_t count) const {
    std::string path;
    for (size_t i = 0; i < count; ++i) path += "/" + names_[i];
    return path.empty() ? "/" : path;
  }

  bool IsCovered() const {
    return covered_ != nullptr && missing_ == 0 && !names_.empty() && covered_->count(Path()) != 0;
  }

  // Opens names_ anew, none of which is missing.
  Status Return() {
    here_.reset(OpenInRoot(root_, Path(), O_PATH | O_DIRECTORY));
    if (!here_) return FailErrno("open directory " + Quoted(Path()));
    return {};
  }

  Status Enter(const std::string& name, RootedPath::Kind kind) {
    names_.push_back(name);
    UniqueFd next(::openat(here_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT) {
      missing_ = 1;
      return {};
    }
    struct stat info {};
    if (!next || ::fstat(next.get(), &info) < 0) return FailErrno("open " + Quoted(Path()));
    if (S_ISLNK(info.st_mode)) return Follow(next.get());
    const bool is_last = ahead_.empty();
    if (!S_ISDIR(info.st_mode) && (!is_last || kind == RootedPath::Kind::kDirectory)) {
      return FailErrno("open directory " + Quoted(Path()), ENOTDIR);
    }
    here_ = std::move(next);
    return {};
  }

  Status Follow(int link) {
    if (++links_ > kMaxLinks) return FailErrno("follow " + Quoted(Path()), ELOOP);
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
    if (size < 0) return FailErrno("read link " + Quoted(Path()));
    const std::string_view text(target.data(), static_cast<size_t>(size));
    names_.pop_back();
    if (text.empty() || text[0] != '/') {
      Push(text);
      return {};
    }
    names_.clear();
    Push(text);
    return Return();
  }

  Status Make(RootedPath::Kind kind) {
    for (; missing_ > 0; --missing_) {
      const size_t count = names_.size() - missing_ + 1;
      const bool is_file = missing_ == 1 && kind == RootedPath::Kind::kFile;
      VC_RETURN_IF_ERROR(is_file ? MakeFile(names_[count - 1], Path(count))
                                 : MakeDirectory(names_[count - 1], Path(count)));
    }
    return {};
  }

  // Somebody else may make the same at this moment: that is as good. What he makes is opened without
  // following.
  Status MakeDirectory(const std::string& name, const std::string& path) {
    const mode_t mode = missing_ == 1 ? last_mode_ : mode_;
    const bool made = ::mkdirat(here_.get(), name.c_str(), mode) == 0;
    if (!made && errno != EEXIST) return FailErrno("make directory " + Quoted(path));
    constexpr int kFlags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (made) {
      const UniqueFd directory(::openat(here_.get(), name.c_str(), O_RDONLY | kFlags));
      if (!directory) return FailErrno("open directory " + Quoted(path));
      VC_RETURN_IF_ERROR(SetMode(directory.get(), mode, path));
    }
    UniqueFd next(::openat(here_.get(), name.c_str(), O_PATH | kFlags));
    if (!next) return FailErrno("open directory " + Quoted(path));
    here_ = std::move(next);
    return {};
  }

  Status MakeFile(const std::string& name, const std::string& path) {
    const UniqueFd made(
        ::openat(here_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!made && errno != EEXIST) return FailErrno("create " + Quoted(path));
    if (made) VC_RETURN_IF_ERROR(SetMode(made.get(), kFileMode, path));
    UniqueFd next(::openat(here_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return FailErrno("open " + Quoted(path));
    here_ = std::move(next);
    return {};
  }

  const int root_;
  const mode_t mode_, last_mode_;
  const std::set<std::string>* const covered_;
  UniqueFd here_;                   // names_ without the missing ones
  std::vector<std::string> names_;  // no links, and no dots
  size_t missing_ = 0;              // so many of the last ones are not there
  std::vector<std::string> ahead_;  // the next one last
  int links_ = 0;
};

}  // namespace

Result<RootedPath> RootedPath::Open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FailErrno("open " + Quoted(path));
  return RootedPath(std::move(fd));
}

Result<UniqueFd> RootedPath::Open(std::string_view path, int flags) const {
  VC_RETURN_IF_ERROR(CheckPath(path));
  UniqueFd fd(OpenInRoot(fd_.get(), std::string(path), flags));
  if (!fd) return FailErrno("open " + Quoted(path));
  return fd;
}

Result<UniqueFd> RootedPath::MakeDirectory(std::string_view path, mode_t mode, mode_t last_mode) const {
  VC_RETURN_IF_ERROR(CheckPath(path));
  UniqueFd found(OpenInRoot(fd_.get(), std::string(path), O_PATH | O_DIRECTORY));
  if (found) return found;
  if (errno != ENOENT) return FailErrno("open directory " + Quoted(path));
  Walk walk(fd_.get(), path, mode, last_mode, nullptr);
  VC_RETURN_IF_ERROR(walk.Go(Kind::kDirectory));
  return walk.TakeFd();
}

Result<UniqueFd> RootedPath::MakeFile(std::string_view path) const {
  VC_RETURN_IF_ERROR(CheckPath(path));
  UniqueFd found(OpenInRoot(fd_.get(), std::string(path), O_PATH));
  if (found) return found;
  if (errno != ENOENT) return FailErrno("open " + Quoted(path));
  Walk walk(fd_.get(), path, kDirectoryMode, kDirectoryMode, nullptr);
  VC_RETURN_IF_ERROR(walk.Go(Kind::kFile));
  return walk.TakeFd();
}

Result<UniqueFd> RootedPath::MakeParent(std::string_view path, std::string* name) const {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  *name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (name->empty() || *name == "." || *name == "..") {
    return Fail(Code::kInvalidArgument, Quoted(path) + " does not name a file");
  }
  return MakeDirectory(slash == std::string_view::npos ? "" : path.substr(0, slash));
}

Result<std::string> RootedPath::MakePlace(std::string_view path, Kind kind,
                                          const std::set<std::string>& covered, mode_t last_mode) const {
  VC_RETURN_IF_ERROR(CheckPath(path));
  Walk walk(fd_.get(), path, kDirectoryMode, last_mode, &covered);
  VC_RETURN_IF_ERROR(walk.Go(kind));
  return walk.Path();
}

}  // namespace virtcontainers
