// Files the host sends by the agent, where nothing is shared.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_COPY_FILE_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_COPY_FILE_H_

#include <string>

#include "agent.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Carries out one request: a directory, a symbolic link (its target in data), or a piece of an ordinary file,
// which gets its name when the last piece has come. The path is below `shared`, and links in there do not
// lead out of it.
Status CopyFile(const std::string& shared, const grpc::CopyFileRequest& request);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_COPY_FILE_H_
