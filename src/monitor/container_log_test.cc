#include "monitor/container_log.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <thread>
#include <vector>

#include "base/json.h"
#include "monitor/test_output.h"
#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;

const std::string kStamp = "2026-01-31T09:05:00.123456789Z ";

class ContainerLogTest : public testing::Test {
 protected:
  std::unique_ptr<ContainerLog> Open(uint64_t max_bytes = 16 << 20) {
    return Open(LogConfig{.format = LogFormat::kCri, .max_size = Bytes{max_bytes}, .max_files = 2});
  }
  std::unique_ptr<ContainerLog> Open(const LogConfig& config) {
    auto log = ContainerLog::Open(path_, config);
    EXPECT_TRUE(log) << log.error().ToString();
    return log ? std::move(*log) : nullptr;
  }
  // The next bytes of a stream.
  static void Say(ContainerLog& log, OutputStream stream, std::string_view data, Time now) {
    log.Append(stream, log.next(stream).value_or(0), data, now);
  }
  std::string Text() const { return TestDirectory::Read(path_); }
  // All files, oldest first; no file is larger than allowed.
  std::string Everything(const LogConfig& config) const {
    std::string all;
    for (uint32_t age = config.max_files; age-- > 0;) {
      const std::string path = age == 0 ? path_ : path_ + "." + std::to_string(age);
      if (::access(path.c_str(), F_OK) != 0) continue;
      const std::string text = TestDirectory::Read(path);
      EXPECT_LE(text.size(), config.max_size.count) << path;
      all += text;
    }
    return all;
  }

  const TestDirectory directory_;
  const std::string path_ = directory_ / "c.log";
};

TEST_F(ContainerLogTest, Write_CriFormat_WritesKubernetesLines) {
  const auto log = Open();
  Say(*log, kOut, "one\ntwo\n\n", kNow);
  Say(*log, kErr, "wrong\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F one\n" + kStamp + "stdout F two\n" + kStamp + "stdout F \n" + kStamp +
                        "stderr F wrong\n");
  struct stat info;
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ContainerLogTest, Write_PiecesOfLine_AreJoinedPerStream) {
  const auto log = Open();
  Say(*log, kOut, "he", kNow);
  Say(*log, kErr, "oh", kNow);
  Say(*log, kOut, "llo\nrest", kNow);
  Say(*log, kErr, " no\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F hello\n" + kStamp + "stderr F oh no\n");
  log->Flush(kNow);
  EXPECT_THAT(Text(), testing::EndsWith(kStamp + "stdout P rest\n"));
  const std::string before = Text();
  log->Flush(kNow);
  EXPECT_EQ(Text(), before);
}

TEST_F(ContainerLogTest, Write_LongLine_IsWrittenInParts) {
  constexpr size_t kPart = 16 << 10;
  const auto log = Open();
  Say(*log, kOut, std::string(kPart, 'a') + "\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F " + std::string(kPart, 'a') + "\n") << "as long as a part is no part";
  Say(*log, kOut, std::string(2 * kPart + 1, 'b') + "\n", kNow);
  EXPECT_THAT(Text(),
              testing::EndsWith(kStamp + "stdout P " + std::string(kPart, 'b') + "\n" + kStamp + "stdout P " +
                                std::string(kPart, 'b') + "\n" + kStamp + "stdout F b\n"));
}

TEST_F(ContainerLogTest, Write_UnterminatedLine_IsWrittenToFile) {
  const auto log = Open();
  for (int i = 0; i < 1000; ++i) Say(*log, kOut, std::string(1000, 'x'), kNow);
  EXPECT_GT(Text().size(), 980'000u);
}

TEST_F(ContainerLogTest, Write_AnyByte_IsKept) {
  const auto log = Open();
  Say(*log, kOut, std::string("\0\xff\r\x1b[31m\n", 9), kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F " + std::string("\0\xff\r\x1b[31m\n", 9));
}

TEST_F(ContainerLogTest, Open_LogExists_Appends) {
  Say(*Open(), kOut, "first run\n", kNow);
  Say(*Open(), kOut, "second run\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F first run\n" + kStamp + "stdout F second run\n");
}

TEST_F(ContainerLogTest, Write_LogIsFull_Rotates) {
  const auto log = Open(1000);
  for (int i = 0; i < 100; ++i) Say(*log, kOut, "line " + std::to_string(i) + "\n", kNow);
  EXPECT_LE(Text().size(), 1000u);
  EXPECT_LE(TestDirectory::Read(path_ + ".1").size(), 1000u);
  EXPECT_EQ(directory_.Entries(), 3u) << "and its position";
  // Without a gap.
  const std::string both = TestDirectory::Read(path_ + ".1") + Text();
  EXPECT_THAT(both, HasSubstr("line 98\n"));
  EXPECT_THAT(both, testing::EndsWith("line 99\n"));
  EXPECT_THAT(both, testing::Not(HasSubstr("lost")));
  // Also when a log is opened again that is full already.
  const auto again = Open(10);
  Say(*again, kOut, "more\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F more\n");
}

TEST_F(ContainerLogTest, Open_PathIsLink_IsNotFollowed) {
  const std::string victim = directory_.Write("victim", "mine");
  ASSERT_EQ(::symlink(victim.c_str(), path_.c_str()), 0);
  EXPECT_FALSE(ContainerLog::Open(path_, {}));
  EXPECT_EQ(TestDirectory::Read(victim), "mine");
}

TEST_F(ContainerLogTest, Open_DirectoryIsMissing_Fails) {
  EXPECT_EQ(ContainerLog::Open(directory_ / "no/c.log", {}).error().code(), Code::kNotFound);
}

TEST_F(ContainerLogTest, Write_DiskIsFull_CountsLoss) {
  const auto log = Open();
  Say(*log, kOut, "before\n", kNow);
  const std::string before = Text();
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit full = old;
  // Half of a record fits.
  full.rlim_cur = before.size() + 20;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  Say(*log, kOut, "12345\n", kNow);
  Say(*log, kErr, "6789\n", kNow);
  const std::string during = Text();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, ignored);
  EXPECT_EQ(during, before) << "half a record garbles the next";

  Say(*log, kOut, "after\n", kNow);
  EXPECT_EQ(Text(), before + kStamp +
                        "stderr F [11 bytes of output were lost here: there was no room for them]\n" +
                        kStamp + "stdout F after\n");
}

TEST_F(ContainerLogTest, Flush_AfterLoss_WritesLossNote) {
  const auto log = Open();
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit full = old;
  full.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  Say(*log, kOut, "12345\n", kNow);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, ignored);
  log->Flush(kNow);
  EXPECT_EQ(Text(), kStamp + "stderr F [6 bytes of output were lost here: there was no room for them]\n");
}

TEST_F(ContainerLogTest, Write_RotationFails_IsRepeated) {
  const auto log = Open(200);
  Say(*log, kOut, std::string(140, 'a') + "\n", kNow);
  // The new file cannot be made: something else has its name, in the way of the rename.
  ASSERT_EQ(::mkdir((path_ + ".1").c_str(), 0700), 0);
  Say(*log, kOut, std::string(140, 'b') + "\n", kNow);
  EXPECT_THAT(Text(), testing::Not(HasSubstr("bbb"))) << "more than is allowed";
  ASSERT_EQ(::rmdir((path_ + ".1").c_str()), 0);
  Say(*log, kOut, "c\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stderr F [141 bytes of output were lost here: there was no room for them]\n" +
                        kStamp + "stdout F c\n");
}

// ---- as Docker has them

// The "log" of each line, and that each is what it says.
std::vector<std::string> DockerLogs(const std::string& text, const std::string& stream) {
  std::vector<std::string> logs;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto json = ParseJson(line);
    EXPECT_TRUE(json) << line;
    if (!json) continue;
    EXPECT_EQ(json->value("time", ""), "2026-01-31T09:05:00.123456789Z");
    if (json->value("stream", "") == stream) logs.push_back(json->value("log", ""));
  }
  return logs;
}

TEST_F(ContainerLogTest, Write_JsonFormat_WritesDockerLines) {
  const auto log = Open(LogConfig{.format = LogFormat::kJson});
  Say(*log, kOut, "one \"two\"\n\nthr", kNow);
  Say(*log, kErr, "wrong\n", kNow);
  log->Flush(kNow);
  const std::string tail = R"(,"time":"2026-01-31T09:05:00.123456789Z"})";
  EXPECT_EQ(Text(), R"({"log":"one \"two\"\n","stream":"stdout")" + tail + "\n" +
                        R"({"log":"\n","stream":"stdout")" + tail + "\n" +
                        R"({"log":"wrong\n","stream":"stderr")" + tail + "\n" +
                        R"({"log":"thr","stream":"stdout")" + tail + "\n");
}

TEST_F(ContainerLogTest, Write_JsonLongLine_IsCutAsDockerDoes) {
  constexpr size_t kPart = 16 << 10;
  const auto log = Open(LogConfig{.format = LogFormat::kJson});
  Say(*log, kOut, std::string(kPart, 'a') + "\n" + std::string(kPart, 'b') + "c\n", kNow);
  EXPECT_THAT(DockerLogs(Text(), "stdout"),
              testing::ElementsAre(std::string(kPart, 'a') + "\n", std::string(kPart, 'b'), "c\n"));
}

TEST_F(ContainerLogTest, Write_JsonLongLine_SplitsAtCharacterBoundaries) {
  const auto log = Open(LogConfig{.format = LogFormat::kJson});
  for (const std::string character : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (int shift = 0; shift < 4; ++shift) {
      std::string line(shift, '.');
      while (line.size() < 40'000) line += character;
      Say(*log, kOut, line + "\n", kNow);
      std::string joined;
      for (const std::string& part : DockerLogs(Text(), "stdout")) joined += part;
      EXPECT_THAT(joined, testing::EndsWith(line + "\n")) << "shifted by " << shift;
    }
  }
}

TEST_F(ContainerLogTest, Write_JsonAnyByte_IsValidJson) {
  const auto log = Open(LogConfig{.format = LogFormat::kJson});
  Say(*log, kOut, std::string("a\0b\xff\x1b[31m\r\xe2\x82\n", 13), kNow);
  EXPECT_THAT(DockerLogs(Text(), "stdout"),
              testing::ElementsAre(std::string("a\0b", 3) + "\xef\xbf\xbd\x1b[31m\r\xef\xbf\xbd\n"));
  std::string noise;
  unsigned seed = 1;
  for (int i = 0; i < 200'000; ++i) noise += static_cast<char>((seed = seed * 1103515245 + 12345) >> 16);
  Say(*log, kErr, noise, kNow);
  log->Flush(kNow);
  EXPECT_GT(DockerLogs(Text(), "stderr").size(), 100u);
}

// ---- as they come

TEST_F(ContainerLogTest, Write_PlainFormat_IsUnchanged) {
  const auto log = Open(LogConfig{.format = LogFormat::kPlain});
  Say(*log, kOut, std::string("no end\0\xff", 8), kNow);
  Say(*log, kErr, "other\nrest", kNow);
  EXPECT_EQ(Text(), std::string("no end\0\xff", 8) + "other\nrest") << "at once";
  log->Flush(kNow);
  EXPECT_EQ(Text(), std::string("no end\0\xff", 8) + "other\nrest");
}

TEST_F(ContainerLogTest, Write_PlainRotation_FilesEndWithLine) {
  const LogConfig config{.format = LogFormat::kPlain, .max_size = Bytes{100}, .max_files = 3};
  const auto log = Open(config);
  std::string lines;
  for (int i = 0; i < 7; ++i) lines += "thirty characters in this line\n";
  Say(*log, kOut, lines, kNow);
  EXPECT_EQ(Text(), lines.substr(0, 31));
  EXPECT_EQ(TestDirectory::Read(path_ + ".1"), lines.substr(0, 93));
  EXPECT_EQ(Everything(config), lines);
}

// ---- more files than two

TEST_F(ContainerLogTest, Write_ManyRotations_OldestFileIsRemoved) {
  for (const LogFormat format : {LogFormat::kCri, LogFormat::kJson, LogFormat::kPlain}) {
    const LogConfig config{.format = format, .max_size = Bytes{1000}, .max_files = 4};
    const auto log = Open(config);
    for (int i = 1000; i < 2000; ++i) Say(*log, kOut, "line " + std::to_string(i) + "\n", kNow);
    EXPECT_EQ(directory_.Entries(), 4u + 1u);  // and the position
    const std::string all = Everything(config);
    EXPECT_GT(all.size(), 3000u);
    // Without a gap.
    size_t at = 0;
    int first = 1000;
    while (all.find("line " + std::to_string(first)) == std::string::npos) ++first;
    EXPECT_LT(first, 1999);
    for (int i = first; i < 2000; ++i) {
      const size_t found = all.find("line " + std::to_string(i), at);
      ASSERT_NE(found, std::string::npos) << i;
      at = found;
    }
    for (const char* suffix : {"", ".1", ".2", ".3"}) ASSERT_EQ(::unlink((path_ + suffix).c_str()), 0);
  }
}

TEST_F(ContainerLogTest, Write_OneFileOnly_IsTruncated) {
  const LogConfig config{.format = LogFormat::kCri, .max_size = Bytes{1000}, .max_files = 1};
  const auto log = Open(config);
  for (int i = 0; i < 100; ++i) Say(*log, kOut, "line " + std::to_string(i) + "\n", kNow);
  EXPECT_EQ(directory_.Entries(), 1u + 1u);
  EXPECT_THAT(Everything(config), testing::EndsWith("line 99\n"));
}

TEST_F(ContainerLogTest, Write_AnyBytes_StaysWithinMaxSize) {
  for (const LogFormat format : {LogFormat::kCri, LogFormat::kJson, LogFormat::kPlain}) {
    const LogConfig config{.format = format, .max_size = Bytes{4096}, .max_files = 3};
    const auto log = Open(config);
    for (const char c : {'\0', '\xff', 'x', '\n'}) {
      Say(*log, kOut, std::string(20'000, c), kNow);
      Say(*log, kErr, std::string(20'000, c), kNow);
    }
    log->Flush(kNow);
    (void)Everything(config);
    EXPECT_EQ(directory_.Entries(), 3u + 1u);
    for (const char* suffix : {"", ".1", ".2"}) ASSERT_EQ(::unlink((path_ + suffix).c_str()), 0);
  }
}

TEST_F(ContainerLogTest, Write_RotationFails_KeepsOldFiles) {
  const LogConfig config{.format = LogFormat::kPlain, .max_size = Bytes{10}, .max_files = 4};
  const auto log = Open(config);
  for (const char* text : {"aaaaaaaa\n", "bbbbbbbb\n", "cccccccc\n"}) Say(*log, kOut, text, kNow);
  // The oldest name is taken.
  ASSERT_EQ(::mkdir((path_ + ".3").c_str(), 0700), 0);
  for (int i = 0; i < 5; ++i) Say(*log, kOut, "dddddddd\n", kNow);
  EXPECT_EQ(TestDirectory::Read(path_ + ".2") + TestDirectory::Read(path_ + ".1") + Text(),
            "aaaaaaaa\nbbbbbbbb\ncccccccc\n");
  ASSERT_EQ(::rmdir((path_ + ".3").c_str()), 0);
  Say(*log, kOut, "e\n", kNow);
  EXPECT_EQ(TestDirectory::Read(path_ + ".3"), "bbbbbbbb\n") << "one for the note, one for the line";
  EXPECT_EQ(TestDirectory::Read(path_ + ".2"), "cccccccc\n");
  EXPECT_EQ(TestDirectory::Read(path_ + ".1"),
            "[45 bytes of output were lost here: there was no room for them]\n");
  EXPECT_EQ(Text(), "e\n");
}

TEST_F(ContainerLogTest, Write_BothStreamsAtOnce_KeepsLinesWhole) {
  const auto log = Open();
  std::vector<std::thread> writers;
  for (const OutputStream stream : {kOut, kErr}) {
    writers.emplace_back([&, stream] {
      for (int i = 0; i < 500; ++i) Say(*log, stream, "some text\n", kNow);
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::istringstream lines(Text());
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    ++count;
    EXPECT_TRUE(line == kStamp + "stdout F some text" || line == kStamp + "stderr F some text") << line;
  }
  EXPECT_EQ(count, 1000);
}

}  // namespace
}  // namespace virtcontainers
