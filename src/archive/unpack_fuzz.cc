// An archive of any content: nothing outside of its place is made or changed.

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "archive/test_tar.h"
#include "archive/unpack.h"
#include "base/unique_fd.h"
#include "os/file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace virtcontainers;
  std::string directory = std::filesystem::temp_directory_path() / "unpack_fuzz.XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) std::abort();
  if (!WriteNewFile(directory + "/secret", "secret")) std::abort();
  if (::mkdir((directory + "/in").c_str(), 0700) != 0) std::abort();
  {
    const UniqueFd in(::open((directory + "/in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const CopyLimits limits{.bytes = 1 << 20, .entries = 100};
    const auto report = Unpack(ReaderOf(bytes), "b", in.get(), "copy", limits);
    if (report && (report->bytes > limits.bytes || report->entries > limits.entries)) std::abort();
  }
  if (ReadFile(directory + "/secret", 100).value_or("") != "secret") std::abort();
  const auto entries = ListDirectory(directory);
  if (!entries || entries->size() != 2) std::abort();
  const auto made = ListDirectory(directory + "/in");
  if (!made || made->size() > 1 || (made->size() == 1 && made->front() != "copy")) std::abort();
  if (!RemoveTree(directory)) std::abort();
  return 0;
}
