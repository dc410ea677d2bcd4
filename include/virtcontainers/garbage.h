// What dead processes have left behind of the pods of a root.

#ifndef VIRTCONTAINERS_GARBAGE_H_
#define VIRTCONTAINERS_GARBAGE_H_

#include <string>
#include <string_view>

namespace virtcontainers {

struct GarbageOptions {
  bool dry_run = false;  // find it, and leave it alone
};

// A thing that no pod owns any more.
struct Garbage {
  enum class Kind {
    kProcess,    // a monitor, a VMM, virtiofsd, a hook, of a pod that does not run or is not there
    kDirectory,  // a run directory of such a pod; a pod that was half made, or half removed
    kFile,       // a draft of a file that was to be replaced; a container's that its pod does not have
    kRecord,     // a pod that is said to run on disk, and whose VM has ended with nobody there to see it
  };

  Kind kind = Kind::kProcess;
  std::string what;   // "4711 (qemu-system-x86)", or a path
  std::string pod;    // the id of the pod that it was of; empty if that is not known
  std::string error;  // why it is left alone or could not be removed; else empty, also in a dry run
};

// "process", "directory", "file", "record".
std::string_view GarbageKindName(Garbage::Kind kind);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_GARBAGE_H_
