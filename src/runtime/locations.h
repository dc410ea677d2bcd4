// Where the parts of an installation are. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_LOCATIONS_H_
#define VIRTCONTAINERS_SRC_RUNTIME_LOCATIONS_H_

#include "virtcontainers/runtime.h"

namespace virtcontainers {

// `options` with its empty fields filled in and its paths made absolute. Looks at the environment, at this
// program's own place (a build tree has everything beside it), and at last where the library was installed
// to.
Result<RuntimeOptions> ResolveLocations(RuntimeOptions options);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_LOCATIONS_H_
