#include "log_lines.h"

#include <unistd.h>

#include <utility>

#include "base/errors.h"
#include "base/json.h"

namespace virtc {

using virtcontainers::DumpJson;
using virtcontainers::Json;
using virtcontainers::JsonReader;
using virtcontainers::LogFormat;
using virtcontainers::ParseJson;
using virtcontainers::Status;

namespace {

constexpr size_t kEnough = 64 << 10;

bool IsStderr(std::string_view stream) { return stream == "stderr"; }

//   2026-01-31T09:05:00.123456789Z stdout F text
std::optional<LogPiece> CriPiece(std::string_view line) {
  const size_t stream_at = line.find(' ') + 1;
  const std::string_view stream = stream_at == 0 ? "" : line.substr(stream_at, 7);
  const std::string_view tag = stream.size() == 7 ? line.substr(stream_at + 7, 2) : "";
  const bool known = (stream == "stdout " || stream == "stderr ") &&
                     (tag == "F " || tag == "P " || tag == "F" || tag == "P");
  if (!known) return std::nullopt;
  return LogPiece{.fd = IsStderr(stream.substr(0, 6)) ? STDERR_FILENO : STDOUT_FILENO,
                  .time = std::string(line.substr(0, stream_at - 1)),
                  .text = std::string(line.substr(stream_at + 7 + tag.size())),
                  .whole = tag.front() == 'F'};
}

//   {"log":"text\n","stream":"stdout","time":"2026-01-31T09:05:00.123456789Z"}
std::optional<LogPiece> DockerPiece(std::string_view line) {
  const auto json = ParseJson(line);
  if (!json || !json->is_object()) return std::nullopt;
  LogPiece piece;
  std::string stream;
  JsonReader reader(*json, "");
  reader.Read("log", piece.text);
  reader.Read("stream", stream);
  reader.Read("time", piece.time);
  if (!reader.status() || (stream != "stdout" && stream != "stderr")) return std::nullopt;
  if (IsStderr(stream)) piece.fd = STDERR_FILENO;
  piece.whole = piece.text.ends_with('\n');
  if (piece.whole) piece.text.pop_back();
  return piece;
}

}  // namespace

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
  return {};
}

Status LogDecoder::Line(std::string_view line) {
  std::optional<LogPiece> piece;
  if (format_ == LogFormat::kCri) piece = CriPiece(line);
  if (format_ == LogFormat::kJson) piece = DockerPiece(line);
  if (!piece) piece = LogPiece{.text = std::string(line)};
  return sink_(*std::move(piece));
}

Status LogDecoder::Pause() {
  if (format_ != LogFormat::kPlain || rest_.empty()) return {};
  return sink_(LogPiece{.text = std::exchange(rest_, {}), .whole = false});
}

LogPrinter::LogPrinter(LogPrintOptions options, Sink sink)
    : options_(options), sink_(std::move(sink)), holding_(options.tail.has_value()) {}

Status LogPrinter::Add(LogPiece piece) {
  if (holding_) return Hold(std::move(piece));
  VC_RETURN_IF_ERROR(Print(piece));
  return pending_.size() >= kEnough ? Flush() : Status();
}

Status LogPrinter::Pause() {
  if (holding_) {
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      if (has_open_[fd]) held_.push_back(std::move(open_[fd]));
      if (held_.size() > *options_.tail) held_.pop_front();
    }
    holding_ = false;
    for (const LogPiece& piece : held_) VC_RETURN_IF_ERROR(Print(piece));
    held_.clear();
  }
  return Flush();
}

Status LogPrinter::Hold(LogPiece piece) {
  const int fd = piece.fd;
  const bool whole = piece.whole;
  if (has_open_[fd]) {
    open_[fd].text += piece.text;
    open_[fd].whole = whole;
  } else {
    open_[fd] = std::move(piece);
  }
  has_open_[fd] = !whole;
  if (whole) held_.push_back(std::exchange(open_[fd], {}));
  if (held_.size() > *options_.tail) held_.pop_front();
  return {};
}

Status LogPrinter::Print(const LogPiece& piece) {
  const int fd = piece.fd;
  const int to = options_.json ? STDOUT_FILENO : fd;
  if (to != pending_fd_) VC_RETURN_IF_ERROR(Flush());
  pending_fd_ = to;
  if (options_.json) {
    pending_ += DumpJson(Json{{"time", piece.time.empty() ? Json() : Json(piece.time)},
                              {"stream", fd == STDERR_FILENO ? "stderr" : "stdout"},
                              {"log", piece.whole ? piece.text + "\n" : piece.text}},
                         false);
    pending_ += '\n';
    return {};
  }
  if (options_.timestamps && !within_line_[fd] && !piece.time.empty()) pending_ += piece.time + ' ';
  pending_ += piece.text;
  if (piece.whole) pending_ += '\n';
  within_line_[fd] = !piece.whole;
  return {};
}

Status LogPrinter::Flush() {
  if (pending_.empty()) return {};
  const std::string text = std::exchange(pending_, {});
  return sink_(pending_fd_, text);
}

}  // namespace virtc
