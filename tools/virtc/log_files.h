// The files of a log that is renamed when it is full: "<log>" is the newest, "<log>.1" was it before.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_LOG_FILES_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_LOG_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtc {

// Reads all of them once, oldest first, and then what is added, however often they are renamed meanwhile.
class LogFiles {
 public:
  using Sink = std::function<virtcontainers::Status(std::string_view bytes)>;

  LogFiles(std::string path, uint32_t max_files, Sink sink)
      : path_(std::move(path)), max_files_(max_files), sink_(std::move(sink)) {}

  // Passes on everything that has been written since the last call. A log that is not there is empty.
  virtcontainers::Status Read();

 private:
  // Those newer than the one that is being read, newest first.
  virtcontainers::Result<std::vector<virtcontainers::UniqueFd>> OpenNewer() const;
  virtcontainers::Status Drain(int fd);

  const std::string path_;
  const uint32_t max_files_;
  const Sink sink_;
  virtcontainers::UniqueFd current_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_LOG_FILES_H_
