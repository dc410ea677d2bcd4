// A directory for the length of a test.

#ifndef VIRTCONTAINERS_GUEST_AGENT_TESTING_TEMP_DIR_H_
#define VIRTCONTAINERS_GUEST_AGENT_TESTING_TEMP_DIR_H_

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace virtcontainers::guest {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/virtcontainers-agent-test-XXXXXX";
    if (::mkdtemp(name) != nullptr) path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_TESTING_TEMP_DIR_H_
