// Finding and becoming a program, with errors that tell "there is none" (a shell's 127) from "it cannot be
// run" (126): NOT_FOUND and PERMISSION_DENIED.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_EXECUTABLE_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_EXECUTABLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers::guest {

inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The PATH in `environment`, or kDefaultPath.
std::string_view SearchPath(const std::vector<std::string>& environment);

// The file `name` stands for in the caller's root: itself with a slash in it, else the first executable file
// of that name in `search_path`.
Result<std::string> FindExecutable(const std::string& name, std::string_view search_path);

// Replaces the caller by the program, looking it up as it goes. Returns only an error.
Error Execute(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

// The same with the program that `program` is open for. (execveat(2))
Error ExecuteFile(int program, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_EXECUTABLE_H_
