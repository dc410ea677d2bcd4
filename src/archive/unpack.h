// Unpacking a tar archive that somebody hostile may have made. Host only.

#ifndef VIRTCONTAINERS_SRC_ARCHIVE_UNPACK_H_
#define VIRTCONTAINERS_SRC_ARCHIVE_UNPACK_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "virtcontainers/copy.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// The next bytes of an archive; 0 is its end.
using ReadArchive = std::function<Result<size_t>(std::span<char> buffer)>;

// Makes `name` in `directory`, where nothing has that name, from an archive of `base`: its first entry is
// `base` itself, a file, a link or a directory, and all others are below (an empty `base` is the directory
// that the archive was made in). Reads the archive to its end. What has been made when it fails is left for
// the caller.
//
// Nothing outside of `name` is made, changed or opened, whatever the archive says: no link is followed. Files
// and directories belong to the caller, with the archive's modification times and permissions, but no
// set-user-id, set-group-id or sticky bit. Symbolic links are made as they are, and may point anywhere.
// Sockets, pipes and devices are skipped.
//
// Errors: those of `read`; DataLoss for what is no tar archive; PermissionDenied for an entry outside of
// `base`; ResourceExhausted for more than `limits`, before it is written; those of the file system.
Result<CopyReport> Unpack(const ReadArchive& read, const std::string& base, int directory,
                          const std::string& name, const CopyLimits& limits);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_ARCHIVE_UNPACK_H_
