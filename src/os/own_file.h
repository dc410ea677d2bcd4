// Files of this user's in directories that nobody else can write to. Host only.
//
// Such a file may be damaged: a link, a fifo, a directory or another user's file may lie in its place. The
// functions here follow no symbolic link in any part of a path, never block, and open no device: what they
// read or change is in the directory that the path names, or nothing.

#ifndef VIRTCONTAINERS_SRC_OS_OWN_FILE_H_
#define VIRTCONTAINERS_SRC_OS_OWN_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Opens a directory for reading. Errors: NotFound; DataLoss for a path that is a symbolic link, or leads over
// one, or is no directory.
Result<UniqueFd> OpenOwnDirectory(const std::string& path);

// Opens a regular file that belongs to this process's effective user. `flags` as of open(2); with O_CREAT one
// that is missing is made, with `mode`. Errors: NotFound for a missing file or directory; DataLoss for
// anything else in its place, and for a file that may not be opened.
Result<UniqueFd> OpenOwnFile(const std::string& path, int flags, mode_t mode = 0600);

// The same for writing, where the content is worth less than the call: whatever OpenOwnFile refuses is
// removed, and a new file takes its place. With O_TRUNC the file is always a new one.
Result<UniqueFd> OpenOrReplaceOwnFile(const std::string& path, int flags);

// The whole of a file of at most `max` bytes. Errors: as OpenOwnFile; DataLoss for a larger one.
Result<std::string> ReadOwnFile(const std::string& path, size_t max);

// At most the last `max` bytes. Errors: as OpenOwnFile.
Result<std::string> ReadOwnFileTail(const std::string& path, size_t max);

// The names in a directory, sorted, without . and ... Errors: as OpenOwnDirectory.
Result<std::vector<std::string>> ListOwnDirectory(const std::string& path);

// Whether a directory, a symbolic link not being one, lies at `path`.
bool IsOwnDirectory(const std::string& path);

// Refuses a directory to which anybody but its owner can write, or whose owner is not this process's
// effective user: all that is below it could be another's. `what` names it in the error: "root directory
// '/x'". Errors: PermissionDenied, InvalidArgument for what is no directory.
Status CheckPrivateDirectory(const std::string& path, const std::string& what);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_OWN_FILE_H_
