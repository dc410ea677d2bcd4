// A directory for one test. For tests only.

#ifndef VIRTCONTAINERS_SRC_OS_TEST_DIRECTORY_H_
#define VIRTCONTAINERS_SRC_OS_TEST_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace virtcontainers {

// Made in $TMPDIR, and gone with the object. Throws where the test cannot go on.
class TestDirectory {
 public:
  TestDirectory() {
    path_ = std::filesystem::canonical(std::filesystem::temp_directory_path()) / "vc-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp " + path_);
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  // A file of that name, with the directories above it; answers its path.
  std::string Write(std::string_view name, std::string_view content = "") const {
    const std::string file = *this / name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

  // How many entries the directory, or one below it, has.
  size_t Entries(std::string_view below = "") const {
    const std::filesystem::directory_iterator begin(below.empty() ? path_ : *this / below);
    return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator()));
  }

  static std::string Read(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

 private:
  std::string path_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_TEST_DIRECTORY_H_
