#include "monitor/log_position.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/errors.h"
#include "os/own_file.h"

namespace virtcontainers {
namespace {

constexpr uint64_t kMagic = 0x31736f70676f6c76;  // "vlogpos1"

struct Record {
  uint64_t magic = kMagic;
  LogPosition position;
  uint64_t checksum = 0;
};

// (FNV-1a) Against a file that was torn or is another's, not against anybody.
uint64_t Checksum(const LogPosition& position) {
  const uint64_t fields[] = {position.inode, position.size, position.offsets[0], position.offsets[1],
                             position.lost};
  uint64_t sum = 0xcbf29ce484222325;
  for (const uint64_t field : fields) {
    for (int shift = 0; shift < 64; shift += 8) sum = (sum ^ (field >> shift & 0xff)) * 0x100000001b3;
  }
  return sum;
}

std::string Aged(const std::string& path, uint32_t age) {
  return age == 0 ? path : path + "." + std::to_string(age);
}

}  // namespace

Result<LogPositionFile> LogPositionFile::Open(const std::string& path) {
  VC_ASSIGN_OR_RETURN(UniqueFd fd, OpenOrReplaceOwnFile(path, O_RDWR));
  return LogPositionFile(std::move(fd));
}

Status LogPositionFile::Write(const LogPosition& position) const {
  const Record record{.magic = kMagic, .position = position, .checksum = Checksum(position)};
  const ssize_t written = ::pwrite(fd_.get(), &record, sizeof record, 0);
  if (written == static_cast<ssize_t>(sizeof record)) return {};
  if (written >= 0) errno = ENOSPC;
  Status failed = FailErrno("write the position of a log");
  (void)!::ftruncate(fd_.get(), 0);
  return failed;
}

std::optional<LogPosition> LogPositionFile::Read() const {
  Record record;
  if (::pread(fd_.get(), &record, sizeof record, 0) != static_cast<ssize_t>(sizeof record)) return {};
  if (record.magic != kMagic || record.checksum != Checksum(record.position)) return {};
  return record.position;
}

Status RestoreLog(const std::string& path, uint32_t max_files, const LogPosition& position) {
  for (uint32_t age = 0; age == 0 || age < max_files; ++age) {
    struct stat info {};
    if (::lstat(Aged(path, age).c_str(), &info) != 0 || info.st_ino != position.inode) continue;
    // Only files that were begun since are newer.
    for (uint32_t newer = 0; newer < age; ++newer) ::unlink(Aged(path, newer).c_str());
    for (uint32_t moved = age; age > 0 && moved < max_files; ++moved) {
      if (::rename(Aged(path, moved).c_str(), Aged(path, moved - age).c_str()) != 0 && errno != ENOENT) {
        return FailErrno("rename log " + Quoted(Aged(path, moved)));
      }
    }
    if (static_cast<uint64_t>(info.st_size) > position.size &&
        ::truncate(path.c_str(), static_cast<off_t>(position.size)) != 0) {
      return FailErrno("cut log " + Quoted(path));
    }
    return {};
  }
  // A log of one file starts anew when it is full.
  if (max_files <= 1 && ::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return FailErrno("remove log " + Quoted(path));
  }
  return {};
}

}  // namespace virtcontainers
