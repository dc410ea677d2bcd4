// Reading and durably writing files and directories. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_FILE_H_
#define VIRTCONTAINERS_SRC_OS_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// The directory that a path's last part is in.
std::string ParentOf(const std::string& path);

// What is left to read of an open file: all of it, or at most its last `max` bytes. `path` is for errors.
// Errors: ResourceExhausted for more than `max` bytes, of ReadAll.
Result<std::string> ReadAll(int fd, const std::string& path, size_t max);
Result<std::string> ReadTail(int fd, const std::string& path, size_t max);

// The whole of a file of at most `max` bytes. Errors: NotFound; InvalidArgument for a directory, a fifo or a
// device; ResourceExhausted for a larger one.
Result<std::string> ReadFile(const std::string& path, size_t max);

// At most the last `max` bytes. Errors: as ReadFile.
Result<std::string> ReadFileTail(const std::string& path, size_t max);

// Replaces or makes a file, in place of anything but a directory: whoever reads sees all
// of the old or all of the new, also after a crash. No part of the path may be a symbolic link. The umask
// takes nothing away from what `mode` gives to others. (write to a temporary file, fsync, rename, fsync of
// the directory)
Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode = 0600);

// Writes a new file and fsyncs it; for files in a directory nobody sees yet. Otherwise as
// WriteFileAtomically. Errors: AlreadyExists.
Status WriteNewFile(const std::string& path, std::string_view content, mode_t mode = 0600);

// Writes all of `bytes`.
Status WriteAll(int fd, std::string_view bytes);

// Makes `path` and the directories above that are missing.
Status MakeDirectories(const std::string& path, mode_t mode = 0700);

// fsync of a directory: what was renamed into it stays.
Status SyncDirectory(const std::string& path);

// The names in a directory, sorted, without . and ...
Result<std::vector<std::string>> ListDirectory(const std::string& path);
// The same of one that is open; `path` names it in errors.
Result<std::vector<std::string>> ListDirectory(UniqueFd opened, const std::string& path);

// Removes a file or a whole tree. Follows no link, in no part of the path, and enters no mount, be it of the
// same file system: one that was left in it makes it fail with FailedPrecondition, rather than take away what
// is mounted there. What is not there is no error. Errors: InvalidArgument for a path that ends in "." or
// ".."; DataLoss for one that leads over a symbolic link.
Status RemoveTree(const std::string& path);

bool FileExists(const std::string& path);
// Whether anything lies at the path, be it a link that leads nowhere.
bool EntryExists(const std::string& path);
bool IsDirectory(const std::string& path);
bool IsExecutable(const std::string& path);

// The absolute path of a program: of a name in $PATH, or `name` itself if it has a slash. Empty if there is
// none.
std::string FindProgram(const std::string& name);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_FILE_H_
