#include "guest/agent/container/executable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

constexpr std::string_view kPathVariable = "PATH=";

std::string In(std::string_view directory, const std::string& name) {
  // An empty element of PATH is the current directory.
  return directory.empty() ? "./" + name : std::string(directory) + "/" + name;
}

// Tries `attempt` (0 or an errno) on every file `name` may stand for until one is neither missing nor
// forbidden.
int ForEachCandidate(const std::string& name, std::string_view search_path,
                     const std::function<int(const std::string&)>& attempt) {
  if (name.find('/') != std::string::npos) return attempt(name);
  if (name.empty()) return ENOENT;
  // A later directory may have one that works, but if none has this is what the caller is to hear of.
  int forbidden = 0;
  for (;;) {
    const size_t colon = search_path.find(':');
    const int error = attempt(In(search_path.substr(0, colon), name));
    if (error == EACCES || error == EISDIR) {
      forbidden = error;
    } else if (error != ENOENT && error != ENOTDIR) {
      return error;
    }
    if (colon == std::string_view::npos) return forbidden != 0 ? forbidden : ENOENT;
    search_path.remove_prefix(colon + 1);
  }
}

int CheckExecutable(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) < 0) return errno;
  if (S_ISDIR(info.st_mode)) return EISDIR;
  return (info.st_mode & 0111) == 0 ? EACCES : 0;
}

Error ExecError(const std::string& name, int error) {
  const std::string what = "exec " + Quoted(name);
  const bool searched = name.find('/') == std::string::npos;
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      if (searched)
        return Error(Code::kNotFound, Reason::kCommandNotFound, what + ": not found in the container's PATH");
      return Error(Code::kNotFound, Reason::kCommandNotFound, what + ": no such file in the container");
    case EISDIR:
    case EACCES:
      return Error(Code::kPermissionDenied, Reason::kCommandNotExecutable, what + ": not executable");
    case ENOEXEC:
      return Error(Code::kPermissionDenied, Reason::kCommandNotExecutable,
                   what + ": not executable: neither a program for this processor nor a script with '#!'");
    case EPERM:
    case ELOOP:
    case ETXTBSY:
      return Error(Code::kPermissionDenied, Reason::kCommandNotExecutable,
                   what + ": not executable: " + ::strerror(error));
    default:
      return ErrnoError(what, error);
  }
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::string_view SearchPath(const std::vector<std::string>& environment) {
  for (const std::string& variable : environment) {
    if (variable.compare(0, kPathVariable.size(), kPathVariable) == 0) {
      return std::string_view(variable).substr(kPathVariable.size());
    }
  }
  return kDefaultPath;
}

Result<std::string> FindExecutable(const std::string& name, std::string_view search_path) {
  std::string found;
  const int error = ForEachCandidate(name, search_path, [&](const std::string& path) {
    found = path;
    return CheckExecutable(path);
  });
  if (error != 0) return Fail(ExecError(name, error));
  return found;
}

Error Execute(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  bool exists = false;
  const int error = ForEachCandidate(arguments[0], SearchPath(environment), [&](const std::string& path) {
    ::execve(path.c_str(), argv.data(), envp.data());
    const int failure = errno;
    // The file may be there and its interpreter not: the kernel has one errno for both.
    exists = failure == ENOENT && ::access(path.c_str(), F_OK) == 0;
    return exists ? ELIBACC : failure;
  });
  if (exists) {
    return Error(
        Code::kNotFound, Reason::kCommandNotFound,
        "exec " + Quoted(arguments[0]) + ": the interpreter or the loader it names is not in the container");
  }
  return ExecError(arguments[0], error);
}

Error ExecuteFile(int program, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment) {
  ::syscall(SYS_execveat, program, "", Pointers(arguments).data(), Pointers(environment).data(),
            AT_EMPTY_PATH);
  return ExecError(arguments[0], errno);
}

}  // namespace virtcontainers::guest
