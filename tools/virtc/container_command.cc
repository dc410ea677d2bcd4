#include "container_command.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::Result;
using virtcontainers::Runtime;

void DeclareContainer(Options& options, std::string& pod, std::string& container) {
  options.Argument("POD", pod, "the container's pod; also POD/CONTAINER")
      .OptionalArgument("CONTAINER", container, "the container (the pod's only one)");
}

Result<std::string> ContainerOf(Runtime& runtime, const std::string& pod, const std::string& container) {
  if (!container.empty()) return container;
  VC_ASSIGN_OR_RETURN(const auto status, runtime.PodStatus(pod));
  const auto& containers = status.containers;
  if (containers.size() == 1) return containers.front().id;
  if (containers.empty()) return Fail(Code::kNotFound, fmt::format("pod '{}' has no container", pod));
  std::string names;
  for (const auto& one : containers) names += fmt::format("{}'{}'", names.empty() ? "" : ", ", one.id);
  return Fail(Code::kInvalidArgument, fmt::format("pod '{}' has {} containers, {}: name one, such as '{}/{}'",
                                                  pod, containers.size(), names, pod, containers.front().id));
}

}  // namespace virtc
