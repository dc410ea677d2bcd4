// A container's log, made into what the container wrote. The formats are those of virtcontainers::LogFormat.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_LOG_LINES_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_LOG_LINES_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtc {

// A line, or a part of one that the next piece of the same descriptor goes on with.
struct LogPiece {
  int fd = 1;        // 1 or 2
  std::string time;  // RFC 3339; empty if the log does not say
  std::string text;  // without its end of line
  bool whole = true;
};

// Makes pieces out of the bytes of a log. A line of another form comes out as it is. Not thread-safe.
class LogDecoder {
 public:
  using Sink = std::function<virtcontainers::Status(LogPiece piece)>;

  LogDecoder(virtcontainers::LogFormat format, Sink sink) : format_(format), sink_(std::move(sink)) {}

  // The next bytes of the log, cut anywhere. What has no end of line yet is kept. The sink's first error ends
  // it.
  virtcontainers::Status Feed(std::string_view bytes);

  // This is all there is for now: a plain log's line without an end is passed on.
  virtcontainers::Status Pause();

 private:
  virtcontainers::Status Line(std::string_view line);

  const virtcontainers::LogFormat format_;
  const Sink sink_;
  std::string rest_;  // a line without its end
};

struct LogPrintOptions {
  bool timestamps = false;       // every line begins with its time
  bool json = false;             // a JSON object for every piece, all on standard output
  std::optional<uint32_t> tail;  // of what is there at first, so many lines
};

// Prints pieces, each where it was written to. Not thread-safe.
class LogPrinter {
 public:
  // Takes a piece of output, for the descriptor that it is written to: 1 or 2.
  using Sink = std::function<virtcontainers::Status(int fd, std::string_view text)>;

  LogPrinter(LogPrintOptions options, Sink sink);

  virtcontainers::Status Add(LogPiece piece);

  // This is all there is for now: prints what was held back.
  virtcontainers::Status Pause();

 private:
  virtcontainers::Status Hold(LogPiece piece);
  virtcontainers::Status Print(const LogPiece& piece);
  virtcontainers::Status Flush();

  const LogPrintOptions options_;
  const Sink sink_;
  bool holding_;               // until the first Pause, of a tail
  std::deque<LogPiece> held_;  // the last lines
  LogPiece open_[3];           // by descriptor: the line that is not whole yet, while holding
  bool has_open_[3] = {};      // whether there is one
  bool within_line_[3] = {};   // by descriptor: what was printed last is no whole line
  std::string pending_;        // of the output
  int pending_fd_ = 1;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_LOG_LINES_H_
