// passt: which versions are of use, and how it is called. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_PASST_H_
#define VIRTCONTAINERS_SRC_NETWORK_PASST_H_

#include <string>
#include <string_view>
#include <vector>

#include "network/usernet_options.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

struct Passt {
  std::string path;
  std::string version;  // "2025_05_03"
};

// The first line of `passt --version`, understood. passt has no release numbers but days: its own name of a
// version is "2025_05_03.587980c", and Debian's is "0.0~git20250503.587980c-2". Errors: FailedPrecondition
// for a version up to that day, the newest that was tried, and for one that does not say which it is. It cuts
// every second transfer of 100 MB to a guest that has closed its half of the connection short; in those of
// March 2023 a forwarded connection stalls if the server speaks first, and one from the guest that nobody
// accepts is not refused.
Result<std::string> PasstVersion(std::string_view version_output);

// The one in $PATH. Errors: NotFound; as PasstVersion; those of running it.
Result<Passt> FindPasst(Deadline deadline);

// The arguments with which it serves `fd`, a connected stream socket of QEMU's kind, in the foreground. As
// root it becomes options.user.
std::vector<std::string> PasstArguments(const Passt& passt, const UsernetOptions& options, int fd);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_PASST_H_
