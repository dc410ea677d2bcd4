// Processes and files of pods that no process owns any more.

#ifndef VIRTCONTAINERS_GARBAGE_H_
#define VIRTCONTAINERS_GARBAGE_H_

#include <string>
#include <string_view>

namespace virtcontainers {

struct GarbageOptions {
  bool dry_run = false;  // report only, and change nothing
};

// Something that no pod owns any more.
struct Garbage {
  enum class Kind {
    kProcess,    // a monitor, VMM, virtiofsd or hook of a pod that does not run or does not exist
    kDirectory,  // a run directory of such a pod; the directory of a pod whose creation or removal was
                 // interrupted
    kFile,       // a temporary file of an interrupted write; a file of a container that its pod does not have
    kRecord,     // the record of a pod that says that the pod runs, although its VM has ended
  };

  Kind kind = Kind::kProcess;
  std::string what;   // "4711 (qemu-system-x86)", or a path
  std::string pod;    // the id of its pod; empty if unknown
  std::string error;  // why it was not removed; empty otherwise, and in a dry run
};

// "process", "directory", "file", "record".
std::string_view GarbageKindName(Garbage::Kind kind);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_GARBAGE_H_
