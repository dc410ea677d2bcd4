#include "log_lines.h"

#include <gtest/gtest.h>

namespace virtc {
namespace {

using virtcontainers::LogFormat;

constexpr std::string_view kCri =
    "2026-01-31T09:05:00.1Z stdout F one\n"
    "2026-01-31T09:05:00.2Z stderr F  two words \n"
    "2026-01-31T09:05:00.3Z stdout P half\n"
    "2026-01-31T09:05:00.4Z stdout F , whole\n"
    "2026-01-31T09:05:00.5Z stdout F \n"
    "not of this form\n"
    "2026-01-31T09:05:00.6Z stdout P no end of line\n";

constexpr std::string_view kDocker =
    R"({"log":"one\n","stream":"stdout","time":"2026-01-31T09:05:00.1Z"})"
    "\n"
    R"({"log":" two words \n","stream":"stderr","time":"2026-01-31T09:05:00.2Z"})"
    "\n"
    R"({"log":"half","stream":"stdout","time":"2026-01-31T09:05:00.3Z"})"
    "\n"
    R"({"log":", whole\n","stream":"stdout","time":"2026-01-31T09:05:00.4Z"})"
    "\n"
    R"({"log":"\n","stream":"stdout","time":"2026-01-31T09:05:00.5Z"})"
    "\nnot of this form\n"
    R"({"log":"no end of line","stream":"stdout","time":"2026-01-31T09:05:00.6Z"})"
    "\n";

struct Streams {
  std::string out, err;
};

Streams Print(LogFormat format, std::string_view log, size_t chunk, LogPrintOptions options = {},
              std::string_view later = "") {
  Streams streams;
  LogPrinter printer(options, [&](int fd, std::string_view text) {
    (fd == 2 ? streams.err : streams.out) += text;
    return virtcontainers::Status();
  });
  LogDecoder decoder(format, [&](LogPiece piece) { return printer.Add(std::move(piece)); });
  const auto pause = [&] {
    EXPECT_TRUE(decoder.Pause());
    EXPECT_TRUE(printer.Pause());
  };
  for (size_t at = 0; at < log.size(); at += chunk) EXPECT_TRUE(decoder.Feed(log.substr(at, chunk)));
  pause();
  EXPECT_TRUE(decoder.Feed(later));
  pause();
  return streams;
}

TEST(LogLines, Print_LogCutAnywhere_IsTheOutput) {
  for (const auto& [format, log] : {std::pair{LogFormat::kCri, kCri}, {LogFormat::kJson, kDocker}}) {
    for (size_t chunk = 1; chunk <= log.size(); ++chunk) {
      const Streams streams = Print(format, log, chunk);
      EXPECT_EQ(streams.out, "one\nhalf, whole\n\nnot of this form\nno end of line") << chunk;
      EXPECT_EQ(streams.err, " two words \n") << chunk;
    }
  }
  EXPECT_EQ(Print(LogFormat::kPlain, kCri, 7).out, kCri);
  EXPECT_EQ(Print(LogFormat::kPlain, "one\nno end", 3, {}, "ing\n").out, "one\nno ending\n");
}

TEST(LogLines, Print_WithTimes_HasOnePerLine) {
  for (const auto& [format, log] : {std::pair{LogFormat::kCri, kCri}, {LogFormat::kJson, kDocker}}) {
    EXPECT_EQ(Print(format, log, 7, {.timestamps = true}).out,
              "2026-01-31T09:05:00.1Z one\n2026-01-31T09:05:00.3Z half, whole\n2026-01-31T09:05:00.5Z \n"
              "not of this form\n2026-01-31T09:05:00.6Z no end of line");
  }
}

TEST(LogLines, Print_MalformedLines_AreKept) {
  for (const std::string_view line :
       {"", " ", "  ", "x", "x stdout", "x stdout ", "x stdout X y", "x stdout Fy", "x stdxxx F y"})
    EXPECT_EQ(Print(LogFormat::kCri, std::string(line) + "\n", 1).out, std::string(line) + "\n");
  EXPECT_EQ(Print(LogFormat::kCri, "x stdout F\n", 1).out, "\n");
  for (const std::string_view line :
       {"", "{", "[]", "{}", "1", R"({"log":1,"stream":"stdout"})", R"({"log":"x","stream":"stdin"})"})
    EXPECT_EQ(Print(LogFormat::kJson, std::string(line) + "\n", 1).out, std::string(line) + "\n");
}

TEST(LogLines, Print_Tail_HasLastLines) {
  const auto tail = [](uint32_t lines, std::string_view later = "") {
    return Print(LogFormat::kCri, kCri, 9, {.tail = lines}, later);
  };
  EXPECT_EQ(tail(0).out + tail(0).err, "");
  EXPECT_EQ(tail(1).out, "no end of line");
  EXPECT_EQ(tail(4).out, "half, whole\n\nnot of this form\nno end of line");
  EXPECT_EQ(tail(4).err, "");
  EXPECT_EQ(tail(5).err, " two words \n");
  EXPECT_EQ(tail(100).out, Print(LogFormat::kCri, kCri, 9).out);
  // What comes later is not counted.
  EXPECT_EQ(tail(1, "t stdout F , after all\nt stdout F more\nt stderr F x\n").out,
            "no end of line, after all\nmore\n");
}

TEST(LogLines, Print_AsJson_HasOneObjectPerLine) {
  const Streams streams = Print(LogFormat::kCri,
                                "T stdout F a \"b\"\nT stderr P c\xff\n"
                                "odd\n",
                                5, {.json = true});
  EXPECT_EQ(streams.out,
            "{\"time\":\"T\",\"stream\":\"stdout\",\"log\":\"a \\\"b\\\"\\n\"}\n"
            "{\"time\":\"T\",\"stream\":\"stderr\",\"log\":\"c\xef\xbf\xbd\"}\n"
            "{\"time\":null,\"stream\":\"stdout\",\"log\":\"odd\\n\"}\n");
  EXPECT_EQ(streams.err, "");
}

}  // namespace
}  // namespace virtc
