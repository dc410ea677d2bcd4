// The mounts of a container, made from inside its mount namespace before it moves into its root.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_MOUNTS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_MOUNTS_H_

#include "oci.pb.h"
#include "os/rooted_path.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Mounts one entry of the spec below `root`, making the place for it if there is none.
Status MakeContainerMount(const RootedPath& root, const grpc::Mount& mount);

// Covers the paths so that nothing of them can be read: files with /dev/null, directories with an empty,
// read-only one. What does not exist is left out.
Status MaskPaths(const RootedPath& root, const google::protobuf::RepeatedPtrField<std::string>& paths);

// Makes the paths, and what is below them, read-only. What does not exist is left out.
Status MakePathsReadOnly(const RootedPath& root,
                         const google::protobuf::RepeatedPtrField<std::string>& paths);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_MOUNTS_H_
