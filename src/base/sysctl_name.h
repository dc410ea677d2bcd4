// The names of kernel parameters. Shared by host and guest. (sysctl(8), sysctl.d(5))

#ifndef VIRTCONTAINERS_SRC_BASE_SYSCTL_NAME_H_
#define VIRTCONTAINERS_SRC_BASE_SYSCTL_NAME_H_

#include <algorithm>
#include <string>
#include <string_view>

namespace virtcontainers {

// The path of a parameter below /proc/sys. The first separator decides what separates:
// "net.ipv4.conf.eth0/1.rp_filter" and "net/ipv4/conf/eth0.1/rp_filter" are the same parameter, of the
// interface eth0.1. Empty for what is no name: nothing that is answered leads out of /proc/sys.
inline std::string SysctlPath(std::string_view name) {
  const size_t first = name.find_first_of("./");
  std::string path(name);
  if (first != std::string_view::npos && name[first] == '.') {
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = std::string_view(path).substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos) return {};
    begin = end + 1;
  }
  return path;
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_SYSCTL_NAME_H_
