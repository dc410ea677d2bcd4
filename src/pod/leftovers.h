// What writers that died have left among the files of a root.

#ifndef VIRTCONTAINERS_SRC_POD_LEFTOVERS_H_
#define VIRTCONTAINERS_SRC_POD_LEFTOVERS_H_

#include <string>
#include <vector>

#include "pod/paths.h"
#include "pod/record.h"

namespace virtcontainers {

// Files in a pod's directory that nobody refers to: halves of replacements, containers that the record does
// not have, their logs. The caller has the pod: nobody else writes. Paths, sorted.
std::vector<std::string> FindLeftovers(const PodPaths& paths, const PodRecord& record);

// Directories in `<root>/trash` whose maker is dead. Paths, sorted.
std::vector<std::string> FindTrash(const std::string& trash);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_LEFTOVERS_H_
