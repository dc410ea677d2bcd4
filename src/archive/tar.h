// What reading and writing tar archives share: errors of libarchive, and what is skipped. Host only.

#ifndef VIRTCONTAINERS_SRC_ARCHIVE_TAR_H_
#define VIRTCONTAINERS_SRC_ARCHIVE_TAR_H_

#include <archive.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/errors.h"
#include "virtcontainers/copy.h"

namespace virtcontainers {

inline constexpr size_t kArchiveBuffer = 64 << 10;

struct FreeArchive {
  void operator()(archive* archive) const { archive_free(archive); }
};
using ArchivePointer = std::unique_ptr<archive, FreeArchive>;

// "unpack: Truncated tar archive".
inline tl::unexpected<Error> FailArchive(const std::string& what, archive* archive, Code code) {
  const char* const message = archive_error_string(archive);
  return Fail(code, what + ": " + (message != nullptr ? message : "unknown error"));
}

// Notes what is not copied.
inline void Skip(CopyReport& report, std::string path) {
  constexpr size_t kNamed = 100;
  ++report.skipped;
  if (report.skipped_paths.size() < kNamed) report.skipped_paths.push_back(std::move(path));
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_ARCHIVE_TAR_H_
