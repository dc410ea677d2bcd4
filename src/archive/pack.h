// Packing a directory of the host into a tar archive. Host only.

#ifndef VIRTCONTAINERS_SRC_ARCHIVE_PACK_H_
#define VIRTCONTAINERS_SRC_ARCHIVE_PACK_H_

#include <functional>
#include <string>
#include <string_view>

#include "virtcontainers/copy.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Takes the next bytes of an archive.
using WriteArchive = std::function<Status(std::string_view bytes)>;

// Packs the directory that `directory` is open for, as `base`. Every entry belongs to `options`' user and
// group, and has its own permissions; options.mode does not count. Links are packed as links, hard links of
// one file as such, and sockets, pipes and devices are skipped. `path` is the directory's, for messages.
//
// Errors: those of `write` and of the file system; Aborted for a file that shrinks meanwhile.
Result<CopyReport> Pack(int directory, const std::string& path, const std::string& base,
                        const CopyOptions& options, const WriteArchive& write);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_ARCHIVE_PACK_H_
