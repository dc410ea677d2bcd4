#include "monitor/log_position.h"

#include <signal.h>
#include <sys/resource.h>

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "monitor/container_log.h"
#include "monitor/test_output.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

class LogPositionTest : public testing::Test {
 protected:
  std::optional<LogPosition> Read() const {
    const auto file = LogPositionFile::Open(path_);
    EXPECT_TRUE(file);
    return file ? file->Read() : std::nullopt;
  }

  const TestDirectory directory_;
  const std::string path_ = directory_ / "position";
  const LogPosition position_{.inode = 1, .size = 2, .offsets = {3, 1ULL << 40}, .lost = 5};
};

TEST_F(LogPositionTest, Write_ReadAgain_RoundTrips) {
  EXPECT_EQ(Read(), std::nullopt);
  ASSERT_TRUE(LogPositionFile::Open(path_)->Write(position_));
  EXPECT_EQ(Read(), position_);
}

TEST_F(LogPositionTest, Read_TornOrAltered_IsNone) {
  ASSERT_TRUE(LogPositionFile::Open(path_)->Write(position_));
  const std::string whole = TestDirectory::Read(path_);
  for (size_t at = 0; at < whole.size(); ++at) {
    directory_.Write("position", whole.substr(0, at));
    EXPECT_EQ(Read(), std::nullopt) << "cut at " << at;
    std::string altered = whole;
    altered[at] = static_cast<char>(altered[at] ^ 0x40);
    directory_.Write("position", altered);
    EXPECT_EQ(Read(), std::nullopt) << "altered at " << at;
    const std::string log_path = directory_ / "c.log";
    directory_.Write("c.log.position", altered);
    const auto log = ContainerLog::Resume(log_path, {});
    ASSERT_TRUE(log);
    EXPECT_EQ((*log)->next(kOut), std::nullopt);
    EXPECT_EQ((*log)->acknowledged(kOut), 0u);
  }
}

// A disk that is full: an old position would have what came since cut off, and the guest has forgotten it.
TEST_F(LogPositionTest, Write_DiskFull_FailsAndLeavesNoPosition) {
  const auto file = LogPositionFile::Open(path_);
  ASSERT_TRUE(file->Write(position_));
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit full = old;
  full.rlim_cur = 20;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const Status written = file->Write(position_);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, ignored);
  EXPECT_FALSE(written);
  EXPECT_EQ(Read(), std::nullopt);
  ASSERT_TRUE(file->Write(position_));
  EXPECT_EQ(Read(), position_);
}

// One monitor's output, and another's that was killed after it had written something, and before it had said
// so.
TEST_F(LogPositionTest, Log_KilledBeforePositionWrite_EqualsUninterruptedLog) {
  struct Said {
    OutputStream stream;
    std::string data;
  };
  std::vector<Said> said;
  for (int i = 0; i < 12; ++i) {
    said.push_back({kOut, "line " + std::to_string(i) + " that "});  // left open
    said.push_back({kErr, "wrong " + std::to_string(i) + "\n"});
    said.push_back({kOut, "ends\n"});
  }
  for (const LogFormat format : {LogFormat::kCri, LogFormat::kJson, LogFormat::kPlain}) {
    for (const uint32_t files : {1u, 2u, 3u}) {
      const uint64_t size = format == LogFormat::kPlain ? 64 : 300;
      const LogConfig config{.format = format, .max_size = Bytes{size}, .max_files = files};
      const auto say_all = [&](ContainerLog& log, size_t count) {
        uint64_t at[2] = {0, 0};
        for (size_t i = 0; i < count; ++i) {
          uint64_t& offset = at[static_cast<int>(said[i].stream)];
          const uint64_t end = offset + said[i].data.size();
          // From where the log says that it goes on, as the guest answers it.
          if (log.next(said[i].stream).value_or(0) < end) {
            log.Append(said[i].stream, offset, said[i].data, kNow);
          }
          offset = end;
        }
      };
      const auto texts = [&](const TestDirectory& in) {
        std::vector<std::string> all;
        for (const char* suffix : {"", ".1", ".2"}) all.push_back(TestDirectory::Read(in / "c.log" + suffix));
        return all;
      };
      const TestDirectory whole;
      {
        const auto log = ContainerLog::Open(whole / "c.log", config);
        ASSERT_TRUE(log);
        say_all(**log, said.size());
        (*log)->Flush(kNow);
      }
      for (size_t kill = 0; kill < said.size(); ++kill) {
        const TestDirectory killed;
        {
          const auto log = ContainerLog::Open(killed / "c.log", config);
          ASSERT_TRUE(log);
          say_all(**log, kill);
          const std::string position = TestDirectory::Read(killed / "c.log.position");
          say_all(**log, kill + 1);
          killed.Write("c.log.position", position);
        }
        const auto log = ContainerLog::Resume(killed / "c.log", config);
        ASSERT_TRUE(log);
        say_all(**log, said.size());
        (*log)->Flush(kNow);
        EXPECT_EQ(texts(killed), texts(whole))
            << "format " << static_cast<int>(format) << ", " << files << " files, killed at " << kill;
      }
    }
  }
}

}  // namespace
}  // namespace virtcontainers
