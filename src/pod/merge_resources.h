// Limits changed while they hold. Pure.

#ifndef VIRTCONTAINERS_SRC_POD_MERGE_RESOURCES_H_
#define VIRTCONTAINERS_SRC_POD_MERGE_RESOURCES_H_

#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// What `changes` give, and the rest of `base`. The result is valid. Errors: InvalidArgument for changes that
// do not go with what is there, such as a memory limit above the limit of memory and swap together.
Result<ContainerResources> MergeResources(const ContainerResources& base, const ContainerResources& changes);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_MERGE_RESOURCES_H_
