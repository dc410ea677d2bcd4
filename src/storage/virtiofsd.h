// virtiofsd: the programs of that name, and how each is called. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_VIRTIOFSD_H_
#define VIRTCONTAINERS_SRC_STORAGE_VIRTIOFSD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

enum class VirtiofsdFlavor {
  kC,     // part of QEMU up to 7.2
  kRust,  // the project that took its place
};

// How many descriptors it is given if the host lets it, and with how many it is not even started: a
// container's first program alone may take a hundred.
inline constexpr uint64_t kWantedDescriptors = 1'000'000, kLeastDescriptors = 512;

// What virtiofsd confines itself to.
enum class VirtiofsdSandbox {
  kNamespace,  // mount, pid and network namespaces of its own, with the share as root
  kChroot,     // the share as root; for hosts that are containers and may not make namespaces
};

struct Virtiofsd {
  std::string path;
  VirtiofsdFlavor flavor = VirtiofsdFlavor::kC;
  std::string version;
};

// `configured`, or the first there is of $PATH and the places where Debian and Fedora put it. Runs it to
// learn which one it is. Errors: NotFound, naming the packages that bring it; Aborted for a program that is
// something else.
Result<Virtiofsd> FindVirtiofsd(const std::string& configured, Deadline deadline);

// What is said by `virtiofsd --version`, understood. Errors: Aborted.
Result<Virtiofsd> IdentifyVirtiofsd(const std::string& path, std::string_view version_output);

// The arguments with which it serves `directory` on the listening socket `fd`.
std::vector<std::string> VirtiofsdArguments(const Virtiofsd& program, const std::string& directory, int fd,
                                            VirtiofsdSandbox sandbox);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_VIRTIOFSD_H_
