#include "log_lines.h"

#include <gtest/gtest.h>

namespace virtc {
namespace {

constexpr std::string_view kLog =
    "2026-01-31T09:05:00.1Z stdout F one\n"
    "2026-01-31T09:05:00.2Z stderr F  two words \n"
    "2026-01-31T09:05:00.3Z stdout P half\n"
    "2026-01-31T09:05:00.4Z stdout F , whole\n"
    "2026-01-31T09:05:00.5Z stdout F \n"
    "not of this form\n"
    "2026-01-31T09:05:00.6Z stdout P no end of line\n";

struct Streams {
  std::string out, err;
};

Streams Decode(std::string_view log, size_t chunk, bool timestamps = false) {
  Streams streams;
  LogDecoder decoder(
      [&](int fd, std::string_view text) {
        (fd == 2 ? streams.err : streams.out) += text;
        return virtcontainers::Status();
      },
      timestamps);
  for (size_t at = 0; at < log.size(); at += chunk) EXPECT_TRUE(decoder.Feed(log.substr(at, chunk)));
  return streams;
}

TEST(LogDecoder, GivesBackWhatWasWrittenHoweverTheLogIsCut) {
  for (size_t chunk = 1; chunk <= kLog.size(); ++chunk) {
    const Streams streams = Decode(kLog, chunk);
    EXPECT_EQ(streams.out, "one\nhalf, whole\n\nnot of this form\nno end of line") << chunk;
    EXPECT_EQ(streams.err, " two words \n") << chunk;
  }
}

TEST(LogDecoder, OneTimeForEachLine) {
  EXPECT_EQ(Decode(kLog, 7, true).out,
            "2026-01-31T09:05:00.1Z one\n2026-01-31T09:05:00.3Z half, whole\n2026-01-31T09:05:00.5Z \n"
            "not of this form\n2026-01-31T09:05:00.6Z no end of line");
}

TEST(LogDecoder, LinesThatOnlyBeginLikeThisForm) {
  for (const std::string_view line :
       {"", " ", "  ", "x", "x stdout", "x stdout ", "x stdout X y", "x stdout Fy", "x stdxxx F y"})
    EXPECT_EQ(Decode(std::string(line) + "\n", 1).out, std::string(line) + "\n");
  EXPECT_EQ(Decode("x stdout F\n", 1).out, "\n");
}

}  // namespace
}  // namespace virtc
