#include "os/own_program.h"

#include <limits.h>
#include <unistd.h>

#include "base/errors.h"
#include "os/file.h"

#ifndef VIRTCONTAINERS_LIBEXECDIR
#define VIRTCONTAINERS_LIBEXECDIR "/usr/local/libexec/virtcontainers"
#endif

namespace virtcontainers {

std::string ProgramDirectory() {
  char program[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", program, sizeof(program));
  if (length <= 0) return {};
  const std::string path(program, static_cast<size_t>(length));
  return path.substr(0, path.rfind('/'));
}

std::string OwnProgram(const std::string& name) {
  const std::string here = ProgramDirectory();
  for (const char* place : {"/", "/../bin/", "/../libexec/virtcontainers/"}) {
    if (std::string path = here + place + name; IsExecutable(path)) return path;
  }
  return std::string(VIRTCONTAINERS_LIBEXECDIR) + "/" + name;
}

Result<std::string> FindOwnProgram(const std::string& name) {
  std::string path = OwnProgram(name);
  if (IsExecutable(path)) return path;
  return Fail(Code::kNotFound, "the program " + Quoted(path) +
                                   " does not exist, nor is it beside the running program: install "
                                   "virtcontainers as a whole");
}

}  // namespace virtcontainers
