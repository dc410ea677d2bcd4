#include "guest/agent/container/guest_program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/errors.h"

namespace virtcontainers::guest {

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
  UniqueFd copy(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return FailErrno("memfd_create");
  for (off_t left = info.st_size; left > 0;) {
    const ssize_t count = ::sendfile(copy.get(), file.get(), nullptr, static_cast<size_t>(left));
    if (count <= 0) return FailErrno("copy " + Quoted(path));
    left -= count;
  }
  if (::fchmod(copy.get(), 0755) < 0 ||
      ::fcntl(copy.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
    return FailErrno("seal the copy of " + Quoted(path));
  }
  return copy;
}

}  // namespace virtcontainers::guest
