// The mark of a pod's processes (os/marked_process.h): `<tag>:<root>/pods/<pod>`.

#ifndef VIRTCONTAINERS_SRC_POD_POD_MARK_H_
#define VIRTCONTAINERS_SRC_POD_POD_MARK_H_

#include <optional>
#include <string>
#include <string_view>

#include "os/marked_process.h"

namespace virtcontainers {

struct PodMark {
  std::string tag;   // of the root directory that the pod is in (root_key.h)
  std::string root;  // the path of that directory when the mark was made: for people
  std::string pod;

  std::string Format() const { return tag + ":" + root + "/pods/" + pod; }
};

// Nothing for a text that Format never made.
std::optional<PodMark> ParsePodMark(std::string_view mark);

// Whether two marks are of one pod. The paths in them may differ: a root directory can be moved, and seen at
// several places.
bool IsSamePod(std::string_view mark, std::string_view other);

// The processes of the pod that has this mark.
MarkFilter ProcessesOfPod(std::string mark);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_POD_MARK_H_
