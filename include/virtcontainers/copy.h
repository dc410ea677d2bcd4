// Copying files and directories into containers and out of them.

#ifndef VIRTCONTAINERS_COPY_H_
#define VIRTCONTAINERS_COPY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace virtcontainers {

// Of what is copied into a container.
struct CopyOptions {
  // Permission bits of a file; default: the source's. What is in a directory keeps its own.
  std::optional<uint32_t> mode;
  uint32_t uid = 0, gid = 0;  // of every file and directory, by the container's numbers
};

// What a copy out of a container may take on the host.
struct CopyLimits {
  uint64_t bytes = uint64_t{1} << 30;  // the sizes of all files together
  uint64_t entries = 100'000;          // files, directories and links
};

// What was copied.
struct CopyReport {
  uint64_t entries = 0;  // files, directories and links
  uint64_t bytes = 0;    // the sizes of all files together
  // Sockets, pipes and devices, which are not copied: their number, and the first 100 of their paths,
  // relative to the directory that was copied. A container's sockets are not even counted.
  uint64_t skipped = 0;
  std::vector<std::string> skipped_paths;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_COPY_H_
