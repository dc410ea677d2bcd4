#include "pod/pod_mark.h"

#include <utility>

namespace virtcontainers {

std::optional<PodMark> ParsePodMark(std::string_view mark) {
  constexpr std::string_view kPods = "/pods/";
  const size_t colon = mark.find(':');
  const size_t pods = mark.rfind(kPods);
  if (colon == mark.npos || pods == mark.npos || pods < colon) return {};
  const std::string_view pod = mark.substr(pods + kPods.size());
  if (colon == 0 || pod.empty() || pod.find('/') != pod.npos) return {};
  return PodMark{.tag = std::string(mark.substr(0, colon)),
                 .root = std::string(mark.substr(colon + 1, pods - colon - 1)),
                 .pod = std::string(pod)};
}

bool IsSamePod(std::string_view mark, std::string_view other) {
  const std::optional<PodMark> one = ParsePodMark(mark), two = ParsePodMark(other);
  return one && two && one->tag == two->tag && one->pod == two->pod;
}

MarkFilter ProcessesOfPod(std::string mark) {
  return [mark = std::move(mark)](std::string_view found) { return IsSamePod(mark, found); };
}

}  // namespace virtcontainers
