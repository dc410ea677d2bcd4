// What writers that died have left among the files of a root.

#ifndef VIRTCONTAINERS_SRC_POD_LEFTOVERS_H_
#define VIRTCONTAINERS_SRC_POD_LEFTOVERS_H_

#include <string>
#include <vector>

#include "pod/paths.h"
#include "pod/record.h"

namespace virtcontainers {

// What lies in a pod's directory and belongs to nothing: drafts of replaced files, containers that the record
// does not have, their logs. Directories that are links have nothing of the pod's in them. The caller has the
// pod: nobody else writes. Paths, sorted.
std::vector<std::string> FindLeftovers(const PodPaths& paths, const PodRecord& record);

// What lies in `<root>/trash` and whose maker is dead. Paths, sorted.
std::vector<std::string> FindTrash(const std::string& trash);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_LEFTOVERS_H_
