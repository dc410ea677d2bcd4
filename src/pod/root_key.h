// What tells the things of one root from those of every other.

#ifndef VIRTCONTAINERS_SRC_POD_ROOT_KEY_H_
#define VIRTCONTAINERS_SRC_POD_ROOT_KEY_H_

#include <string>

#include "virtcontainers/error.h"

namespace virtcontainers {

// Sixteen hexadecimal digits that no other root has: of `<root>/id`, which is made of random bytes when the
// root is first opened, and of the root's path. So neither a copy of a root, nor a root of the same path in
// another mount namespace, is taken for it. `root` has no symbolic links. Errors: DataLoss for an id that
// cannot be understood.
Result<std::string> LoadRootKey(const std::string& root);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_ROOT_KEY_H_
