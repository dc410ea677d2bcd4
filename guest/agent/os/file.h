// Small files, as /proc, /sys and cgroups are made of.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_FILE_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_FILE_H_

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

inline constexpr size_t kMaxSmallFile = 1 << 20;

// The whole file, `limit` bytes at most (RESOURCE_EXHAUSTED beyond). `path` is relative to `dir`.
Result<std::string> ReadFileAt(int dir, const std::string& path, size_t limit = kMaxSmallFile);
Result<std::string> ReadFile(const std::string& path, size_t limit = kMaxSmallFile);
// What is left to read from `fd`.
Result<std::string> ReadAll(int fd, size_t limit = kMaxSmallFile);

// Writes in one write(2), as kernel files want it. The file must exist.
Status WriteFileAt(int dir, const std::string& path, std::string_view content);
Status WriteFile(const std::string& path, std::string_view content);
// Makes or replaces an ordinary file.
Status CreateFile(const std::string& path, std::string_view content, mode_t mode = 0644);

// All missing directories of an absolute path in the agent's own root. Not for paths a container has a hand
// in.
Status MakeDirectories(const std::string& path, mode_t mode = 0755);

// Removes a directory and what is below it, following no link and crossing no mount. Already gone is fine.
Status RemoveTree(const std::string& path);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_FILE_H_
