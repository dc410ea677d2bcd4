// Errors of mount calls. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_MOUNT_ERROR_H_
#define VIRTCONTAINERS_SRC_STORAGE_MOUNT_ERROR_H_

#include <string>

#include "base/errors.h"

namespace virtcontainers {

// The error in errno; one of missing rights says which.
inline tl::unexpected<Error> FailMount(const std::string& what) {
  Error error = ErrnoError(what);
  if (error.code() != Code::kPermissionDenied) return Fail(std::move(error));
  return Fail(error.code(), error.message() + ": run as root (CAP_SYS_ADMIN)");
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_MOUNT_ERROR_H_
