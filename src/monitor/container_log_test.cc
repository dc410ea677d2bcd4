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

#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;

constexpr OutputStream kOut = OutputStream::kStdout;
constexpr OutputStream kErr = OutputStream::kStderr;
const Time kNow{std::chrono::nanoseconds(1'769'850'300'123'456'789)};
const std::string kStamp = "2026-01-31T09:05:00.123456789Z ";

class ContainerLogTest : public testing::Test {
 protected:
  std::unique_ptr<ContainerLog> Open(uint64_t max_bytes = ContainerLog::kDefaultMaxBytes) {
    auto log = ContainerLog::Open(path_, max_bytes);
    EXPECT_TRUE(log) << log.error().ToString();
    return log ? std::move(*log) : nullptr;
  }
  std::string Text() const { return TestDirectory::Read(path_); }

  const TestDirectory directory_;
  const std::string path_ = directory_ / "c.log";
};

TEST_F(ContainerLogTest, LinesAreAsKubernetesHasThem) {
  const auto log = Open();
  log->Append(kOut, "one\ntwo\n\n", kNow);
  log->Append(kErr, "wrong\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F one\n" + kStamp + "stdout F two\n" + kStamp + "stdout F \n" + kStamp +
                        "stderr F wrong\n");
  struct stat info;
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ContainerLogTest, LinesAreJoinedOfEachStream) {
  const auto log = Open();
  log->Append(kOut, "he", kNow);
  log->Append(kErr, "oh", kNow);
  log->Append(kOut, "llo\nrest", kNow);
  log->Append(kErr, " no\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F hello\n" + kStamp + "stderr F oh no\n");
  log->Flush(kNow);
  EXPECT_THAT(Text(), testing::EndsWith(kStamp + "stdout P rest\n"));
  const std::string before = Text();
  log->Flush(kNow);
  EXPECT_EQ(Text(), before);
}

TEST_F(ContainerLogTest, LongLinesAreWrittenInParts) {
  constexpr size_t kPart = 16 << 10;
  const auto log = Open();
  log->Append(kOut, std::string(kPart, 'a') + "\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F " + std::string(kPart, 'a') + "\n") << "as long as a part is no part";
  log->Append(kOut, std::string(2 * kPart + 1, 'b') + "\n", kNow);
  EXPECT_THAT(Text(),
              testing::EndsWith(kStamp + "stdout P " + std::string(kPart, 'b') + "\n" + kStamp + "stdout P " +
                                std::string(kPart, 'b') + "\n" + kStamp + "stdout F b\n"));
}

TEST_F(ContainerLogTest, ALineWithoutAnEndIsNotKeptInMemory) {
  const auto log = Open();
  for (int i = 0; i < 1000; ++i) log->Append(kOut, std::string(1000, 'x'), kNow);
  EXPECT_GT(Text().size(), 980'000u);
}

TEST_F(ContainerLogTest, AnyByteIsKept) {
  const auto log = Open();
  log->Append(kOut, std::string("\0\xff\r\x1b[31m\n", 9), kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F " + std::string("\0\xff\r\x1b[31m\n", 9));
}

TEST_F(ContainerLogTest, WhatIsThereIsAppendedTo) {
  Open()->Append(kOut, "first run\n", kNow);
  Open()->Append(kOut, "second run\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F first run\n" + kStamp + "stdout F second run\n");
}

TEST_F(ContainerLogTest, AFullLogTakesThePlaceOfTheOneBefore) {
  const auto log = Open(1000);
  for (int i = 0; i < 100; ++i) log->Append(kOut, "line " + std::to_string(i) + "\n", kNow);
  EXPECT_LE(Text().size(), 1000u);
  EXPECT_LE(TestDirectory::Read(path_ + ".1").size(), 1000u);
  EXPECT_EQ(directory_.Entries(), 2u);
  // Without a gap.
  const std::string both = TestDirectory::Read(path_ + ".1") + Text();
  EXPECT_THAT(both, HasSubstr("line 98\n"));
  EXPECT_THAT(both, testing::EndsWith("line 99\n"));
  EXPECT_THAT(both, testing::Not(HasSubstr("lost")));
  // Also when a log is opened again that is full already.
  const auto again = Open(10);
  again->Append(kOut, "more\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stdout F more\n");
}

TEST_F(ContainerLogTest, ALinkIsNotFollowed) {
  const std::string victim = directory_.Write("victim", "mine");
  ASSERT_EQ(::symlink(victim.c_str(), path_.c_str()), 0);
  EXPECT_FALSE(ContainerLog::Open(path_));
  EXPECT_EQ(TestDirectory::Read(victim), "mine");
}

TEST_F(ContainerLogTest, ADirectoryThatIsNotThereIsAnError) {
  EXPECT_EQ(ContainerLog::Open(directory_ / "no/c.log").error().code(), Code::kNotFound);
}

TEST_F(ContainerLogTest, WithoutRoomOutputIsLostAndCounted) {
  const auto log = Open();
  log->Append(kOut, "before\n", kNow);
  const std::string before = Text();
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit full = old;
  // Half of a record fits.
  full.rlim_cur = before.size() + 20;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  log->Append(kOut, "12345\n", kNow);
  log->Append(kErr, "6789\n", kNow);
  const std::string during = Text();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, ignored);
  EXPECT_EQ(during, before) << "half a record garbles the next";

  log->Append(kOut, "after\n", kNow);
  EXPECT_EQ(Text(), before + kStamp +
                        "stderr F [11 bytes of output were lost here: there was no room for them]\n" +
                        kStamp + "stdout F after\n");
}

TEST_F(ContainerLogTest, ALossAtTheEndIsNotedAsWell) {
  const auto log = Open();
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit full = old;
  full.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  log->Append(kOut, "12345\n", kNow);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, ignored);
  log->Flush(kNow);
  EXPECT_EQ(Text(), kStamp + "stderr F [6 bytes of output were lost here: there was no room for them]\n");
}

TEST_F(ContainerLogTest, ARotationThatFailsIsMadeUpFor) {
  const auto log = Open(200);
  log->Append(kOut, std::string(140, 'a') + "\n", kNow);
  // The new file cannot be made: something else has its name, in the way of the rename.
  ASSERT_EQ(::mkdir((path_ + ".1").c_str(), 0700), 0);
  log->Append(kOut, std::string(140, 'b') + "\n", kNow);
  EXPECT_THAT(Text(), testing::Not(HasSubstr("bbb"))) << "more than is allowed";
  ASSERT_EQ(::rmdir((path_ + ".1").c_str()), 0);
  log->Append(kOut, "c\n", kNow);
  EXPECT_EQ(Text(), kStamp + "stderr F [141 bytes of output were lost here: there was no room for them]\n" +
                        kStamp + "stdout F c\n");
}

TEST_F(ContainerLogTest, BothStreamsAtOnce) {
  const auto log = Open();
  std::vector<std::thread> writers;
  for (const OutputStream stream : {kOut, kErr}) {
    writers.emplace_back([&, stream] {
      for (int i = 0; i < 500; ++i) log->Append(stream, "some text\n", kNow);
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
