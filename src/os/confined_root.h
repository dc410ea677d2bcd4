// A root directory of a process's own, made of parts of the host's. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_CONFINED_ROOT_H_
#define VIRTCONTAINERS_SRC_OS_CONFINED_ROOT_H_

#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers {

// Absolute paths, under which the same things are found inside.
struct ConfinedRoot {
  // Read-only with all that is mounted below. What is a symbolic link here is the same link inside.
  std::vector<std::string> directories;
  std::vector<std::string> files;    // read-only
  std::vector<std::string> devices;  // character devices, for any user
};

// The directories of this host that programs and their libraries are in.
std::vector<std::string> ProgramDirectories();

// Whether a path is inside or below one of the directories. By its words alone.
bool IsBelow(std::string_view path, const std::vector<std::string>& directories);

// Moves this process, which has one thread and a mount namespace of its own, into such a root; it is
// read-only, and nothing else of the host's can be reached from there. It is no mount's root: who is in a
// chroot makes no user namespace, whatever the host allows. (user_namespaces(7)) Needs CAP_SYS_ADMIN and
// CAP_SYS_CHROOT. Errors name the path; after one the process is somewhere in between and had better end.
Status EnterConfinedRoot(const ConfinedRoot& root);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_CONFINED_ROOT_H_
