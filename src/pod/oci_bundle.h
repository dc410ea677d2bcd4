// The configuration of an OCI bundle as a container's. Pure; LoadOciBundle and LoadOciProcess (config.h) read
// the files.

#ifndef VIRTCONTAINERS_SRC_POD_OCI_BUNDLE_H_
#define VIRTCONTAINERS_SRC_POD_OCI_BUNDLE_H_

#include <string>
#include <string_view>

#include "virtcontainers/config.h"

namespace virtcontainers {

// `text` is config.json's, of at most 4 MiB; `bundle` is an absolute path, from which a relative root.path is
// taken. A field that would change what the container is, and that a VM's container cannot have, is refused,
// never left out; fields that the specification does not know are ignored, as it demands.
// Errors: InvalidArgument, naming the field; ResourceExhausted for a longer text.
// (OCI runtime-spec 1.x, config.md and config-linux.md)
Result<ContainerConfig> ParseOciConfig(std::string_view text, const std::string& bundle,
                                       const std::string& id);

// As LoadOciProcess (config.h), of the file's text.
Result<ProcessConfig> ParseOciProcess(std::string_view text);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_OCI_BUNDLE_H_
