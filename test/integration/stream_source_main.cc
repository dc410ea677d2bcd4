// A program for containers: writes or checks numbers that follow from a seed, as fast as it can. Static.
//
//   stream_source write SEED BYTES     to standard output; then ends with 7
//   stream_source check SEED BYTES     from standard input to its end; 0 if it was that, 1 if not
//
// stream_source.h has the same sequence for the other end.

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "stream_source.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  virtcontainers::test::StreamSource source(std::strtoull(argv[2], nullptr, 10));
  uint64_t left = std::strtoull(argv[3], nullptr, 10);
  static std::array<char, 64 << 10> expected, buffer;
  if (std::string_view(argv[1]) == "write") {
    while (left > 0) {
      const size_t size = std::min<uint64_t>(left, expected.size());
      source.Fill(expected.data(), size);
      left -= size;
      for (size_t at = 0; at < size;) {
        const ssize_t count = ::write(STDOUT_FILENO, expected.data() + at, size - at);
        if (count <= 0) return 3;
        at += static_cast<size_t>(count);
      }
    }
    return 7;
  }
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 || static_cast<uint64_t>(count) > left) return 3;
    if (count == 0) return left == 0 ? 0 : 1;
    source.Fill(expected.data(), static_cast<size_t>(count));
    if (std::memcmp(expected.data(), buffer.data(), static_cast<size_t>(count)) != 0) return 1;
    left -= static_cast<uint64_t>(count);
  }
}
