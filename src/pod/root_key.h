// What tells a root directory from every other, and its pods' things from theirs.

#ifndef VIRTCONTAINERS_SRC_POD_ROOT_KEY_H_
#define VIRTCONTAINERS_SRC_POD_ROOT_KEY_H_

#include <string>

#include "virtcontainers/error.h"

namespace virtcontainers {

struct RootKey {
  // `<id>@<device>.<inode>`, of `<root>/id`, which is made of random bytes when the root is first opened, and
  // of the root directory itself. A copy of a root has another inode or another device; a root that is moved
  // within its file system, or that is mounted at a second place, has the same. The id tells a root from a
  // later one that was given the same inode.
  std::string tag;
  // Sixteen hexadecimal digits made of the tag, for names.
  std::string digits;
};

// The key of the root directory `root`, whose path has no symbolic links. A missing or damaged id is found
// again in what the root's processes and its pods say, and else made anew: it has no use but to find them.
// Errors: those of reading and writing.
Result<RootKey> LoadRootKey(const std::string& root);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_ROOT_KEY_H_
