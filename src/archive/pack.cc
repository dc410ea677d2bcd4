#include "archive/pack.h"

#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "archive/tar.h"
#include "base/unique_fd.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

// Directories in one another: each has a descriptor while what is below it is packed.
constexpr int kMaxDepth = 256;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

class Packing {
 public:
  Packing(const CopyOptions& options, const WriteArchive& write) : options_(options), write_(write) {}
  // An archive that is given up gets no end. libarchive leaks memory if a write fails: it is told of none.
  ~Packing() { given_up_ = true; }
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;

  Result<CopyReport> Run(int directory, const std::string& path, const std::string& base) {
    archive_.reset(archive_write_new());
    entry_.reset(archive_entry_new());
    if (!archive_ || !entry_) return Fail(Code::kResourceExhausted, "pack: out of memory");
    // What is understood by busybox, with names of any length and bytes.
    archive_write_set_format_gnutar(archive_.get());
    if (archive_write_open(archive_.get(), this, nullptr, &Packing::WriteSome, nullptr) != ARCHIVE_OK) {
      return Fails(path);
    }
    struct stat info {};
    if (::fstat(directory, &info) < 0) return FailErrno("stat " + Quoted(path));
    VC_RETURN_IF_ERROR(AddHeader(info, path, base));
    VC_RETURN_IF_ERROR(AddContent(directory, path, base, 0));
    if (archive_write_close(archive_.get()) != ARCHIVE_OK || write_error_) return Fails(path);
    return std::move(report_);
  }

 private:
  static la_ssize_t WriteSome(archive*, void* self_pointer, const void* data, size_t size) {
    auto& self = *static_cast<Packing*>(self_pointer);
    if (!self.given_up_) {
      if (const Status written = self.write_({static_cast<const char*>(data), size}); !written) {
        self.write_error_ = written.error();
        self.given_up_ = true;
      }
    }
    return static_cast<la_ssize_t>(size);
  }

  tl::unexpected<Error> Fails(const std::string& path) {
    if (write_error_) return Fail(*write_error_);
    return FailArchive("pack " + Quoted(path), archive_.get(), Code::kInvalidArgument);
  }

  Status AddHeader(const struct stat& info, const std::string& path, const std::string& name,
                   const char* symlink = nullptr) {
    archive_entry* const entry = archive_entry_clear(entry_.get());
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, info.st_mode & S_IFMT);
    archive_entry_set_perm(entry, info.st_mode & 07777);
    archive_entry_set_uid(entry, options_.uid);
    archive_entry_set_gid(entry, options_.gid);
    archive_entry_set_mtime(entry, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    archive_entry_set_size(entry, S_ISREG(info.st_mode) ? info.st_size : 0);
    if (symlink != nullptr) archive_entry_set_symlink(entry, symlink);
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
      const auto [first, is_new] = links_.try_emplace({info.st_dev, info.st_ino}, name);
      if (!is_new) {
        archive_entry_set_size(entry, 0);
        archive_entry_set_hardlink(entry, first->second.c_str());
      }
    }
    if (archive_write_header(archive_.get(), entry) != ARCHIVE_OK || write_error_) return Fails(path);
    ++report_.entries;
    return {};
  }

  // All that is in a directory.
  Status AddContent(int directory, const std::string& path, const std::string& name, int depth) {
    if (depth >= kMaxDepth) {
      return Fail(Code::kInvalidArgument, Quoted(path) + " is below " + std::to_string(kMaxDepth) +
                                              " directories: copy them in parts");
    }
    UniqueFd again(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!again) return FailErrno("open " + Quoted(path));
    VC_ASSIGN_OR_RETURN(std::vector<std::string> entries, ListDirectory(std::move(again), path));
    std::sort(entries.begin(), entries.end());
    for (const std::string& entry : entries) {
      VC_RETURN_IF_ERROR(AddEntry(directory, entry, path + "/" + entry, name + "/" + entry, depth));
    }
    return {};
  }

  Status AddEntry(int directory, const std::string& entry, const std::string& path, const std::string& name,
                  int depth) {
    struct stat info {};
    if (::fstatat(directory, entry.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) return {};  // removed meanwhile
      return FailErrno("stat " + Quoted(path));
    }
    if (S_ISLNK(info.st_mode)) {
      char target[PATH_MAX];
      const ssize_t length = ::readlinkat(directory, entry.c_str(), target, sizeof(target) - 1);
      if (length < 0) return FailErrno("readlink " + Quoted(path));
      target[length] = '\0';
      return AddHeader(info, path, name, target);
    }
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) {
      Skip(report_, name.substr(name.find('/') + 1));
      return {};
    }
    const int kind = S_ISDIR(info.st_mode) ? O_DIRECTORY : O_NONBLOCK | O_NOCTTY;
    const UniqueFd opened(::openat(directory, entry.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind));
    if (!opened) return FailErrno("open " + Quoted(path));
    struct stat now {};
    if (::fstat(opened.get(), &now) < 0) return FailErrno("stat " + Quoted(path));
    if ((now.st_mode & S_IFMT) != (info.st_mode & S_IFMT)) {
      return Fail(Code::kAborted, Quoted(path) + " became another kind of file while it was copied");
    }
    if (S_ISDIR(now.st_mode)) {
      VC_RETURN_IF_ERROR(AddHeader(now, path, name));
      return AddContent(opened.get(), path, name, depth + 1);
    }
    VC_RETURN_IF_ERROR(AddHeader(now, path, name));
    if (archive_entry_hardlink(entry_.get()) != nullptr) return {};
    return AddData(opened.get(), path, static_cast<uint64_t>(now.st_size));
  }

  Status AddData(int file, const std::string& path, uint64_t size) {
    uint64_t done = 0;
    while (done < size) {
      const ssize_t count = ::read(file, buffer_.data(), std::min<uint64_t>(buffer_.size(), size - done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return FailErrno("read " + Quoted(path));
      if (count == 0) return Fail(Code::kAborted, Quoted(path) + " became shorter while it was copied");
      if (archive_write_data(archive_.get(), buffer_.data(), static_cast<size_t>(count)) < 0 || write_error_)
        return Fails(path);
      done += static_cast<uint64_t>(count);
    }
    report_.bytes += size;
    return {};
  }

  const CopyOptions& options_;
  const WriteArchive& write_;
  std::array<char, kArchiveBuffer> buffer_;
  std::optional<Error> write_error_;
  bool given_up_ = false;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;  // the first name of each file that has several
  ArchivePointer archive_;
  std::unique_ptr<archive_entry, FreeEntry> entry_;
  CopyReport report_;
};

}  // namespace

Result<CopyReport> Pack(int directory, const std::string& path, const std::string& base,
                        const CopyOptions& options, const WriteArchive& write) {
  return std::make_unique<Packing>(options, write)->Run(directory, path, base);
}

}  // namespace virtcontainers
