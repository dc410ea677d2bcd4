// A container's log, as lines of the form that Kubernetes' container runtimes write:
//   2026-01-31T09:05:00.123456789Z stdout F a whole line
//   2026-01-31T09:05:00.123456789Z stderr P a part of one, which the next line of this stream goes on with

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_LOG_LINES_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_LOG_LINES_H_

#include <functional>
#include <string>
#include <string_view>

#include "virtcontainers/error.h"

namespace virtc {

// Makes what the container wrote out of the bytes of its log. A line of another form comes out as it is. Not
// thread-safe.
class LogDecoder {
 public:
  // Takes a piece of output, for the descriptor that it was written to: 1 or 2.
  using Sink = std::function<virtcontainers::Status(int fd, std::string_view text)>;

  // With `timestamps`, every line begins with its time.
  LogDecoder(Sink sink, bool timestamps) : sink_(std::move(sink)), timestamps_(timestamps) {}

  // The next bytes of the log, cut anywhere. What has no end of line yet is kept. The sink's first error ends
  // it.
  virtcontainers::Status Feed(std::string_view bytes);

 private:
  virtcontainers::Status Line(std::string_view line);
  virtcontainers::Status Flush();

  const Sink sink_;
  const bool timestamps_;
  std::string rest_;     // of the log: a line without its end
  std::string pending_;  // of the output
  int pending_fd_ = 1;
  bool within_line_[3] = {};  // by descriptor: the last piece was a part
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_LOG_LINES_H_
