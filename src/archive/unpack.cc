#include "archive/unpack.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/tar.h"
#include "base/unique_fd.h"

namespace virtcontainers {
namespace {

// Directories in one another; more make paths that no program can use.
constexpr size_t kMaxPath = 4096;

// A path of the archive as its names; nothing if it has a "..".
std::optional<std::vector<std::string>> SplitPath(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name == "..") return {};
    if (!name.empty() && name != ".") names.emplace_back(name);
  }
  return names;
}

class Unpacking {
 public:
  Unpacking(const ReadArchive& read, const std::string& base, int directory, const std::string& name,
            const CopyLimits& limits)
      : read_(read), base_(base), directory_(directory), name_(name), limits_(limits) {}

  Result<CopyReport> Run() {
    archive_.reset(archive_read_new());
    if (!archive_) return Fail(Code::kResourceExhausted, "unpack: out of memory");
    archive_read_support_format_tar(archive_.get());
    if (archive_read_open(archive_.get(), this, nullptr, &Unpacking::ReadSome, nullptr) != ARCHIVE_OK) {
      return Fails();
    }
    while (true) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(archive_.get(), &entry);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return Fails();
      VC_RETURN_IF_ERROR(Take(entry));
    }
    if (report_.entries + report_.skipped == 0) return Fail(Code::kDataLoss, "the archive is empty");
    VC_RETURN_IF_ERROR(FinishDirectories());
    // The archive's padding.
    while (true) {
      VC_ASSIGN_OR_RETURN(const size_t count, read_(buffer_));
      if (count == 0) return std::move(report_);
    }
  }

 private:
  struct Directory {
    std::string path;  // below the root
    mode_t mode;
    timespec modified;
  };

  static la_ssize_t ReadSome(archive* archive, void* self_pointer, const void** buffer) {
    auto& self = *static_cast<Unpacking*>(self_pointer);
    Result<size_t> count = self.read_(self.buffer_);
    if (!count) {
      self.read_error_ = std::move(count.error());
      archive_set_error(archive, EIO, "the archive cannot be read");
      return -1;
    }
    *buffer = self.buffer_.data();
    return static_cast<la_ssize_t>(*count);
  }

  tl::unexpected<Error> Fails() {
    if (read_error_) return Fail(*read_error_);
    return FailArchive("unpack", archive_.get(), Code::kDataLoss);
  }

  static tl::unexpected<Error> Outside(std::string_view path) {
    return Fail(Code::kPermissionDenied,
                "the archive has an entry outside of what was asked for: " + Quoted(path));
  }

  // The names of an entry below the root.
  Result<std::vector<std::string>> NamesOf(const char* path) const {
    if (path == nullptr) return Fail(Code::kDataLoss, "the archive has an entry without a name");
    if (std::string_view(path).size() > kMaxPath)
      return Fail(Code::kDataLoss, "the archive has an entry whose path is longer than 4096 bytes");
    auto names = SplitPath(path);
    if (!names) return Outside(path);
    if (!base_.empty()) {
      if (names->empty() || names->front() != base_) return Outside(path);
      names->erase(names->begin());
    }
    return *std::move(names);
  }

  // A directory below the root. No link is followed.
  Result<UniqueFd> OpenDirectory(const std::string& path) const {
    open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    if (!root_) return Fail(Code::kDataLoss, "the archive's first entry is no directory, and there are more");
    UniqueFd fd(static_cast<int>(
        ::syscall(SYS_openat2, root_.get(), path.empty() ? "." : path.c_str(), &how, sizeof(how))));
    if (!fd) return FailErrno("unpack: open directory " + Quoted(path));
    return fd;
  }

  // Where an entry is made.
  struct Place {
    UniqueFd opened;
    int directory = -1;
    std::string name;
    std::string path;  // below the root, for messages
  };
  Result<Place> PlaceOf(std::vector<std::string> names) const {
    Place place;
    if (names.empty()) {
      place.directory = directory_;
      place.name = name_;
      place.path = ".";
      return place;
    }
    place.name = std::move(names.back());
    names.pop_back();
    for (const std::string& name : names) place.path += name + "/";
    VC_ASSIGN_OR_RETURN(place.opened, OpenDirectory(place.path));
    place.directory = place.opened.get();
    place.path += place.name;
    return place;
  }

  Status Take(archive_entry* entry) {
    const char* const path = archive_entry_pathname(entry);
    VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesOf(path));
    const bool is_root = names.empty();
    VC_ASSIGN_OR_RETURN(const Place place, PlaceOf(names));
    if (report_.entries + report_.skipped >= limits_.entries) {
      return Fail(Code::kResourceExhausted,
                  "there are more than " + std::to_string(limits_.entries) +
                      " files, directories and links, the limit of the copy: raise it, or copy less");
    }
    const timespec modified{.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)};
    const mode_t mode = archive_entry_perm(entry) & 0777;
    const auto type = archive_entry_filetype(entry);
    // An archive may have an entry twice: the later one counts, as when it is unpacked by tar.
    if (type != AE_IFDIR && !is_root && ::unlinkat(place.directory, place.name.c_str(), 0) < 0 &&
        errno != ENOENT) {
      return FailErrno("unpack: replace " + Quoted(place.path));
    }
    if (const char* const target = archive_entry_hardlink(entry)) {
      VC_RETURN_IF_ERROR(MakeLink(place, target));
    } else if (type == AE_IFREG) {
      VC_RETURN_IF_ERROR(MakeFile(place, entry, mode, modified));
    } else if (type == AE_IFDIR) {
      VC_RETURN_IF_ERROR(MakeDirectory(place, is_root));
      directories_.push_back({is_root ? "" : place.path, mode, modified});
    } else if (type == AE_IFLNK) {
      const char* const symlink = archive_entry_symlink(entry);
      if (symlink == nullptr || ::symlinkat(symlink, place.directory, place.name.c_str()) < 0) {
        return FailErrno("unpack: make symbolic link " + Quoted(place.path));
      }
      const timespec times[] = {modified, modified};
      (void)::utimensat(place.directory, place.name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    } else {
      Skip(report_, place.path);
      return {};
    }
    ++report_.entries;
    return {};
  }

  Status MakeDirectory(const Place& place, bool is_root) {
    if (::mkdirat(place.directory, place.name.c_str(), 0700) < 0 && (errno != EEXIST || is_root)) {
      return FailErrno("unpack: make directory " + Quoted(place.path));
    }
    if (!is_root) {
      // What is there may be something else; FinishDirectories and OpenDirectory find out.
      return {};
    }
    root_.reset(::openat(place.directory, place.name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root_) return FailErrno("unpack: open directory " + Quoted(place.path));
    return {};
  }

  Status MakeLink(const Place& place, const char* target) {
    VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesOf(target));
    if (names.empty()) return Outside(target);
    VC_ASSIGN_OR_RETURN(const Place to, PlaceOf(names));
    if (::linkat(to.directory, to.name.c_str(), place.directory, place.name.c_str(), 0) < 0) {
      return FailErrno("unpack: link " + Quoted(place.path) + " to " + Quoted(to.path));
    }
    return {};
  }

  Status MakeFile(const Place& place, archive_entry* entry, mode_t mode, timespec modified) {
    const int64_t size = archive_entry_size(entry);
    if (size < 0 || static_cast<uint64_t>(size) > limits_.bytes - report_.bytes) {
      return Fail(Code::kResourceExhausted, "there are more than " + std::to_string(limits_.bytes) +
                                                " bytes, the limit of the copy: raise it, or copy less");
    }
    const UniqueFd file(::openat(place.directory, place.name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return FailErrno("unpack: make file " + Quoted(place.path));
    while (true) {
      const void* data = nullptr;
      size_t count = 0;
      la_int64_t offset = 0;
      const int status = archive_read_data_block(archive_.get(), &data, &count, &offset);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK) return Fails();
      if (offset < 0 || offset > size || count > static_cast<uint64_t>(size - offset)) {
        return Fail(Code::kDataLoss, "the archive has more of " + Quoted(place.path) + " than it says");
      }
      VC_RETURN_IF_ERROR(WriteAt(file.get(), static_cast<const char*>(data), count, offset, place.path));
    }
    const timespec times[] = {modified, modified};
    if (::ftruncate(file.get(), size) < 0 || ::fchmod(file.get(), mode) < 0 ||
        ::futimens(file.get(), times) < 0) {
      return FailErrno("unpack: finish file " + Quoted(place.path));
    }
    report_.bytes += static_cast<uint64_t>(size);
    return {};
  }

  static Status WriteAt(int fd, const char* data, size_t size, off_t offset, const std::string& path) {
    while (size > 0) {
      const ssize_t count = ::pwrite(fd, data, size, offset);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return FailErrno("unpack: write " + Quoted(path));
      data += count;
      offset += count;
      size -= static_cast<size_t>(count);
    }
    return {};
  }

  // Once all is in them: a directory may take no writes, and its time is that of the last one.
  Status FinishDirectories() {
    for (auto directory = directories_.rbegin(); directory != directories_.rend(); ++directory) {
      VC_ASSIGN_OR_RETURN(const UniqueFd found, OpenDirectory(directory->path));
      const UniqueFd fd(::openat(found.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      const timespec times[] = {directory->modified, directory->modified};
      if (!fd || ::fchmod(fd.get(), directory->mode) < 0 || ::futimens(fd.get(), times) < 0) {
        return FailErrno("unpack: finish directory " + Quoted(directory->path));
      }
    }
    return {};
  }

  const ReadArchive& read_;
  const std::string& base_;
  const int directory_;
  const std::string& name_;
  const CopyLimits& limits_;
  std::array<char, kArchiveBuffer> buffer_;
  std::optional<Error> read_error_;
  ArchivePointer archive_;
  UniqueFd root_;
  std::vector<Directory> directories_;
  CopyReport report_;
};

}  // namespace

Result<CopyReport> Unpack(const ReadArchive& read, const std::string& base, int directory,
                          const std::string& name, const CopyLimits& limits) {
  return std::make_unique<Unpacking>(read, base, directory, name, limits)->Run();
}

}  // namespace virtcontainers
