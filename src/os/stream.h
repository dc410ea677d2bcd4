// A byte stream between two processes, whatever carries it. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_STREAM_H_
#define VIRTCONTAINERS_SRC_OS_STREAM_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "virtcontainers/error.h"

namespace virtcontainers {

// One thread may read while others write; writers serialise themselves.
class Stream {
 public:
  virtual ~Stream() = default;

  // Blocks until at least one byte is there. 0 is the end of the stream.
  virtual Result<size_t> Read(std::span<char> buffer) = 0;

  // Blocks until all of it is taken.
  virtual Status Write(std::string_view bytes) = 0;

  // Makes every Read and Write, under way or to come, return (an end or an error). From any thread;
  // idempotent.
  virtual void Shutdown() = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_STREAM_H_
