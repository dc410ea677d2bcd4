// The configuration files of the OCI runtime specification 1.x, as bundles have them and as engines hand them
// to a runtime: read into the library's own configurations.
//
// docs/oci-config.md lists the fields, and where each takes effect. Every function is pure but those that
// read a file, and checks what it reads as Runtime's calls do. Fields that the specification does not know
// are ignored, as it demands.
//
// Errors of all of them: InvalidArgument, naming the field, for a malformed value, or one that a container in
// a VM cannot have; ResourceExhausted for a text of more than 4 MiB.

#ifndef VIRTCONTAINERS_OCI_H_
#define VIRTCONTAINERS_OCI_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/config.h"

namespace virtcontainers {

// What becomes of a field that says something about the host, and nothing about a container in a VM: labels
// of AppArmor and SELinux, paths of namespaces, Intel RDT, network devices, a seccomp listener, limits that
// only cgroups v1 have.
enum class OciHostFields {
  kRefuse,  // it is an error: whoever wrote it expects something that will not be
  kDrop,    // it is left out and reported: engines write it for every runtime
};

struct OciOptions {
  // The absolute path of a directory, from which relative paths are taken: the bundle.
  std::string base;
  OciHostFields host_fields = OciHostFields::kRefuse;
};

// A field that was left out, for the caller's log.
struct OciDroppedField {
  std::string field;  // "linux.resources.memory.kernel"
  std::string why;    // "is of cgroups v1, ...", to be read after the field

  friend bool operator==(const OciDroppedField&, const OciDroppedField&) = default;
};

struct OciConfig {
  ContainerConfig container;
  // With kDrop: the paths of namespaces on the host that the container was to join, by their types. The
  // container has the pod's namespaces of these types instead, and its own mount and cgroup namespaces. A
  // path of type "network" is what a network of kind kNamespace takes.
  std::map<std::string, std::string> namespace_paths;
  std::vector<OciDroppedField> dropped;
};

struct OciProcess {
  ProcessConfig process;
  std::vector<OciDroppedField> dropped;
};

struct OciResources {
  ContainerResources resources;
  std::vector<OciDroppedField> dropped;
};

// The text of a config.json, as the configuration of container `id`. (config.md, config-linux.md)
Result<OciConfig> ParseOciConfig(std::string_view text, const std::string& id, const OciOptions& options);

// The text of a process.json: an object as config.json's "process", which engines give a runtime to execute
// (`runc exec --process`). Without capabilities in it, ProcessConfig::capabilities is not set, and a process
// that enters a container has the container's.
Result<OciProcess> ParseOciProcess(std::string_view text, const OciOptions& options);

// The text of an object as config.json's "linux.resources", which engines give a runtime to update a
// container
// (`runc update --resources`).
Result<OciResources> ParseOciResources(std::string_view text, const OciOptions& options);

// The configuration of container `id` read from `<bundle>/config.json`, with kRefuse and relative to the
// bundle. Errors: also NotFound without the file.
Result<ContainerConfig> LoadOciBundle(const std::string& bundle, const std::string& id);

// A process for Runtime::EnterContainer, read from `file` as ParseOciProcess reads its text, with kRefuse.
// Errors: also NotFound without the file.
Result<ProcessConfig> LoadOciProcess(const std::string& file);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_OCI_H_
