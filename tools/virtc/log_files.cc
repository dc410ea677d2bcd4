#include "log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fmt/format.h>
#include <utility>

#include "base/errors.h"
#include "os/own_file.h"

namespace virtc {

using virtcontainers::FailErrno;
using virtcontainers::Result;
using virtcontainers::Status;
using virtcontainers::UniqueFd;

namespace {

// Invalid for a file that is not there.
Result<UniqueFd> OpenIfThere(const std::string& path) {
  Result<UniqueFd> fd = virtcontainers::OpenOwnFile(path, O_RDONLY);
  if (!fd && fd.error().code() == virtcontainers::Code::kNotFound) return UniqueFd();
  return fd;
}

bool SameFile(int a, int b) {
  struct stat one, other;
  return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

}  // namespace

Status LogFiles::Read() {
  while (true) {
    VC_ASSIGN_OR_RETURN(std::vector<UniqueFd> newer, OpenNewer());
    // Once there is a newer one, nothing is added to this one.
    if (current_) VC_RETURN_IF_ERROR(Drain(current_.get()));
    if (newer.empty()) return {};
    while (!newer.empty()) {
      current_ = std::move(newer.back());
      newer.pop_back();
      VC_RETURN_IF_ERROR(Drain(current_.get()));
    }
  }
}

Result<std::vector<UniqueFd>> LogFiles::OpenNewer() const {
  std::vector<UniqueFd> newer;
  for (uint32_t age = 0; age < max_files_; ++age) {
    VC_ASSIGN_OR_RETURN(UniqueFd fd, OpenIfThere(age == 0 ? path_ : fmt::format("{}.{}", path_, age)));
    if (!fd) {
      if (age == 0 && current_) break;  // in the middle of being renamed: it is there the next time
      continue;
    }
    if (current_ && SameFile(fd.get(), current_.get())) break;
    // A file that was renamed after it had been opened is met again.
    if (!newer.empty() && SameFile(fd.get(), newer.back().get())) continue;
    newer.push_back(std::move(fd));
  }
  return newer;
}

Status LogFiles::Drain(int fd) {
  std::vector<char> buffer(64 << 10);
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno(fmt::format("read '{}'", path_));
    if (count == 0) return {};
    VC_RETURN_IF_ERROR(sink_({buffer.data(), static_cast<size_t>(count)}));
  }
}

}  // namespace virtc
