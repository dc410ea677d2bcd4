// What a container's mount is.

#ifndef VIRTCONTAINERS_SRC_POD_MOUNTS_H_
#define VIRTCONTAINERS_SRC_POD_MOUNTS_H_

#include <algorithm>

#include "virtcontainers/config.h"

namespace virtcontainers {

inline bool HasOption(const Mount& mount, const char* option) {
  return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
}

// Of the host's files. Every other mount is made by the guest's kernel of nothing.
inline bool IsBindMount(const Mount& mount) {
  return mount.type == "bind" || HasOption(mount, "bind") || HasOption(mount, "rbind");
}

// The directory that is made for it has mode 01777, which is what a tmpfs has that does not say.
inline bool IsTmpfsWithoutMode(const Mount& mount) {
  return mount.type == "tmpfs" && !IsBindMount(mount) &&
         std::none_of(mount.options.begin(), mount.options.end(),
                      [](const std::string& option) { return option.rfind("mode=", 0) == 0; });
}

// The last of the options that contradict each other wins, as in mount(8).
inline bool IsReadonlyMount(const Mount& mount) {
  bool readonly = false;
  for (const std::string& option : mount.options) {
    if (option == "ro" || option == "rro") readonly = true;
    if (option == "rw" || option == "rrw") readonly = false;
  }
  return readonly;
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_MOUNTS_H_
