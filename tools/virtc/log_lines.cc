#include "log_lines.h"

#include <unistd.h>

#include "base/errors.h"

namespace virtc {

using virtcontainers::Status;

Status LogDecoder::Feed(std::string_view bytes) {
  while (true) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    if (rest_.empty()) {
      VC_RETURN_IF_ERROR(Line(bytes.substr(0, end)));
    } else {
      rest_ += bytes.substr(0, end);
      const std::string line = std::exchange(rest_, {});
      VC_RETURN_IF_ERROR(Line(line));
    }
    bytes.remove_prefix(end + 1);
  }
  rest_ += bytes;
  return Flush();
}

Status LogDecoder::Line(std::string_view line) {
  const size_t stream_at = line.find(' ') + 1;
  const std::string_view stream = stream_at == 0 ? "" : line.substr(stream_at, 7);
  const std::string_view tag = stream.size() == 7 ? line.substr(stream_at + 7, 2) : "";
  const bool known = (stream == "stdout " || stream == "stderr ") &&
                     (tag == "F " || tag == "P " || tag == "F" || tag == "P");
  const int fd = stream == "stderr " ? STDERR_FILENO : STDOUT_FILENO;
  if (fd != pending_fd_) VC_RETURN_IF_ERROR(Flush());
  pending_fd_ = fd;

  if (!known) {
    pending_ += line;
    pending_ += '\n';
    return {};
  }
  if (timestamps_ && !within_line_[fd]) pending_ += line.substr(0, stream_at);
  pending_ += line.substr(stream_at + 7 + tag.size());
  within_line_[fd] = tag.front() == 'P';
  if (!within_line_[fd]) pending_ += '\n';
  return {};
}

Status LogDecoder::Flush() {
  if (pending_.empty()) return {};
  const std::string text = std::exchange(pending_, {});
  return sink_(pending_fd_, text);
}

}  // namespace virtc
