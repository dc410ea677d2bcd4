#include "monitor/console_limit.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class ConsoleLimitTest : public testing::Test {
 protected:
  // As QEMU has it.
  void Write(const std::string& text) const {
    const UniqueFd file(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string Content() const { return ReadFileTail(path_, 1 << 20).value_or("[error]"); }
  size_t Size() const { return std::filesystem::file_size(path_); }

  // Waits until the watcher has cut the file, which it does in two steps: the note comes with the second.
  bool Shrinks(size_t below) const {
    const auto is_cut = [&] {
      return Size() < below && Content().find("there is a gap here") != std::string::npos;
    };
    for (int i = 0; i < 3000 && !is_cut(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return is_cut();
  }

  const TestDirectory directory_;
  const std::string path_ = directory_ / "console.log";
};

constexpr ConsoleLimit::Limits kSmall{.size = 1000, .kept = 100};

TEST_F(ConsoleLimitTest, Watch_SmallConsole_IsUnchanged) {
  Write("boot\n");
  {
    const auto limit = ConsoleLimit::Watch(path_, kSmall);
    ASSERT_TRUE(limit) << limit.error().ToString();
    Write(std::string(995, 'x'));
  }
  EXPECT_EQ(Content(), "boot\n" + std::string(995, 'x'));
}

TEST_F(ConsoleLimitTest, Watch_LargeConsole_KeepsBeginning) {
  const auto limit = ConsoleLimit::Watch(path_, kSmall);
  ASSERT_TRUE(limit) << limit.error().ToString();
  Write("boot\n" + std::string(2000, 'x'));
  ASSERT_TRUE(Shrinks(500));
  Write("and on\n");
  EXPECT_THAT(Content(), StartsWith("boot\nxxx"));
  EXPECT_THAT(Content(), HasSubstr("there is a gap here"));
  EXPECT_THAT(Content(), EndsWith("and on\n"));
}

TEST_F(ConsoleLimitTest, Watch_ConsoleGrowsAgain_IsCutAgain) {
  const auto limit = ConsoleLimit::Watch(path_, kSmall);
  ASSERT_TRUE(limit) << limit.error().ToString();
  for (int i = 0; i < 3; ++i) {
    Write(std::string(2000, 'x'));
    ASSERT_TRUE(Shrinks(500)) << i;
  }
}

TEST_F(ConsoleLimitTest, Watch_Ends_CutsLastOutput) {
  {
    const auto limit = ConsoleLimit::Watch(path_, kSmall);
    ASSERT_TRUE(limit);
    Write(std::string(2000, 'x'));
    Write(std::string(2000, 'y'));
  }
  EXPECT_LT(Size(), 500u);
}

TEST_F(ConsoleLimitTest, Watch_FileAlreadyTooLarge_TruncatesFile) {
  Write(std::string(5000, 'x'));
  const auto limit = ConsoleLimit::Watch(path_, kSmall);
  ASSERT_TRUE(limit);
  EXPECT_TRUE(Shrinks(500));
}

TEST_F(ConsoleLimitTest, Watch_DirectoryIsMissing_Fails) {
  const auto limit = ConsoleLimit::Watch(directory_ / "no/console.log");
  ASSERT_FALSE(limit);
  EXPECT_EQ(limit.error().code(), Code::kNotFound);
  EXPECT_THAT(limit.error().ToString(), HasSubstr("no/console.log"));
  // Nor is anything done to what a link in its place points to.
  ASSERT_EQ(::symlink("/dev/null", path_.c_str()), 0);
  EXPECT_FALSE(ConsoleLimit::Watch(path_));
}

}  // namespace
}  // namespace virtcontainers
