// Archives made by hand. For tests only.

#ifndef VIRTCONTAINERS_SRC_ARCHIVE_TEST_TAR_H_
#define VIRTCONTAINERS_SRC_ARCHIVE_TEST_TAR_H_

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "archive/unpack.h"

namespace virtcontainers {

// Writes what it is told, be it legal or not.
class TestTar {
 public:
  // `type`: '0' file, '1' hard link, '2' symbolic link, '3' character device, '5' directory, '6' fifo.
  TestTar& Add(const std::string& path, char type = '0', const std::string& data = "",
               const std::string& target = "", unsigned mode = 0644) {
    Header(path, type, data.size(), target, mode);
    bytes_ += data;
    bytes_.resize((bytes_.size() + 511) / 512 * 512, '\0');
    return *this;
  }

  // A header whose file never comes.
  TestTar& Header(const std::string& path, char type, size_t size, const std::string& target = "",
                  unsigned mode = 0644) {
    std::string header(512, '\0');
    const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    const auto octal = [](unsigned long long number, int width) {
      char text[32];
      std::snprintf(text, sizeof(text), "%0*llo", width, number);
      return std::string(text);
    };
    put(0, path.substr(0, 100));
    put(100, octal(mode, 7));
    put(108, octal(1000, 7));
    put(116, octal(1000, 7));
    put(124, octal(size, 11));
    put(136, octal(1'600'000'000, 11));
    put(148, "        ");
    header[156] = type;
    put(157, target.substr(0, 100));
    put(257, std::string("ustar\00000", 8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + std::string("\0 ", 2));
    bytes_ += header;
    return *this;
  }

  std::string End() const { return bytes_ + std::string(1024, '\0'); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads `bytes`, which outlive it, in pieces.
inline ReadArchive ReaderOf(std::string_view bytes, size_t piece = 1000) {
  return [bytes, piece, at = size_t{0}](std::span<char> buffer) mutable -> Result<size_t> {
    const size_t count = std::min({buffer.size(), piece, bytes.size() - at});
    bytes.substr(at).copy(buffer.data(), count);
    at += count;
    return count;
  };
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_ARCHIVE_TEST_TAR_H_
