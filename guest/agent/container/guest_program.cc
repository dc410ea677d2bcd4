#include "guest/agent/container/guest_program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <map>
#include <utility>

#include "base/errors.h"

namespace virtcontainers::guest {
namespace {

// The copies that were made, by device and inode: all processes that execute a program share its memory. They
// are kept, as most programs are executed again. The programs of busybox are one file.
std::map<std::pair<dev_t, ino_t>, UniqueFd>& Copies() {
  static auto* const copies = new std::map<std::pair<dev_t, ino_t>, UniqueFd>;
  return *copies;
}

Result<UniqueFd> SealedCopy(const std::string& name, int file, off_t size) {
  UniqueFd copy(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return FailErrno("memfd_create");
  for (off_t left = size; left > 0;) {
    const ssize_t count = ::sendfile(copy.get(), file, nullptr, static_cast<size_t>(left));
    if (count <= 0) return FailErrno("copy the guest program " + Quoted(name));
    left -= count;
  }
  if (::fchmod(copy.get(), 0755) < 0 ||
      ::fcntl(copy.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
    return FailErrno("seal the copy of the guest program " + Quoted(name));
  }
  return copy;
}

}  // namespace

Result<UniqueFd> OpenGuestProgram(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return Fail(Code::kInvalidArgument, "guest program " + Quoted(name) + " is not a file name");
  }
  const std::string path = "/bin/" + name;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) {
    return Fail(Code::kNotFound, Reason::kCommandNotFound,
                "the guest image has no program " + Quoted(name) + " in /bin");
  }
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) < 0) return FailErrno("open " + Quoted(path));
  UniqueFd& copy = Copies()[{info.st_dev, info.st_ino}];
  if (!copy) {
    VC_ASSIGN_OR_RETURN(copy, SealedCopy(name, file.get(), info.st_size));
  }
  UniqueFd program(::fcntl(copy.get(), F_DUPFD_CLOEXEC, 0));
  if (!program) return FailErrno("fcntl F_DUPFD_CLOEXEC");
  return program;
}

}  // namespace virtcontainers::guest
