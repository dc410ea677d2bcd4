// Programs that see, own and may do next to nothing. Host only.
//
// What makes a process so must happen in it before its program runs, and a library in a program with threads
// runs nothing of its own between fork and exec. So it is a program that starts, confines itself and becomes
// the other:
//
//   monitor --confine --user=… --file=… -- /usr/bin/qemu-system-x86_64 …
//
// and the process that was started is the process that stays.

#ifndef VIRTCONTAINERS_SRC_OS_CONFINE_H_
#define VIRTCONTAINERS_SRC_OS_CONFINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "os/confined_root.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// What is left to a program. Beside this: no capability and no way to get one, no group, no environment but
// ConfinedEnvironment, and namespaces of its own for mounts, IPC, the host's name, and the network.
struct Confinement {
  uint32_t user = 0;  // and the group of the same number
  ConfinedRoot root;  // all its files
  // It stays in this process's network namespace, where its user may have sockets of IPv4 and IPv6.
  bool host_network = false;
  // No file that it writes becomes larger; it is told so by an error, not by a signal.
  std::optional<uint64_t> max_file_size;
};

// What this process lacks that Confine takes, for a person: "not root", "no CAP_SYS_ADMIN". Empty if nothing.
std::string ObstacleToConfining();

// The command that confines itself with `program` (one whose main function calls ConfineMain) and then
// becomes `command`, whose first word is a path. How the first part went is said on the descriptor
// `report_fd` of the command's, which the second does not have.
std::vector<std::string> ConfineCommand(const std::string& program, const Confinement& confinement,
                                        int report_fd, const std::vector<std::string>& command);

// What a ConfineCommand says.
struct ConfineOrder {
  Confinement confinement;
  int report_fd = -1;
  std::vector<std::string> command;
};

// Whether a program was started by ConfineCommand.
bool IsConfineCommand(int argc, char** argv);

// Errors: InvalidArgument for anything but what ConfineCommand makes.
Result<ConfineOrder> ParseConfineCommand(int argc, char** argv);

// Does what ConfineCommand says; to be called first of all, with one thread. Returns, with the status to exit
// with, only if it failed.
int ConfineMain(int argc, char** argv);

// Confines this process, which has one thread, and goes on in it: for a program that has something to do
// first, and that executes no other. Descriptors stay open. Needs the rights of ObstacleToConfining. After an
// error the process is confined in part and had better end.
Status ConfineThisProcess(const Confinement& confinement);

// Blocks until the command at the other end of a pipe, whose writing end only it has, runs or has failed.
// Errors: what failed, naming the step; DeadlineExceeded.
Status AwaitConfined(int report_fd, Deadline deadline);

// The variables of this process's environment that a program needs to run and to be found by kPodMark. The
// rest of a caller's may be secrets.
std::vector<std::string> ConfinedEnvironment();

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_CONFINE_H_
