#include "log_files.h"

#include <stdio.h>

#include <gtest/gtest.h>

#include "os/test_directory.h"

namespace virtc {
namespace {

using virtcontainers::TestDirectory;

class LogFilesTest : public testing::Test {
 protected:
  // As the monitor does it.
  void Rotate() {
    for (int age = 8; age >= 0; --age) {
      const std::string from = age == 0 ? path_ : path_ + "." + std::to_string(age);
      (void)::rename(from.c_str(), (path_ + "." + std::to_string(age + 1)).c_str());
    }
  }
  void Write(const std::string& text) { dir_.Write("c.log", text); }
  std::string Read() {
    text_.clear();
    EXPECT_TRUE(files_.Read());
    return text_;
  }

  const TestDirectory dir_;
  const std::string path_ = dir_ / "c.log";
  std::string text_;
  LogFiles files_{path_, 10, [this](std::string_view bytes) {
                    text_ += bytes;
                    return virtcontainers::Status();
                  }};
};

TEST_F(LogFilesTest, Read_NoFileYet_IsEmpty) {
  EXPECT_EQ(Read(), "");
  Write("first");
  EXPECT_EQ(Read(), "first");
}

TEST_F(LogFilesTest, Read_RotatedFiles_OldestFirst) {
  for (const char* text : {"1", "2", "3"}) {
    Rotate();
    Write(text);
  }
  EXPECT_EQ(Read(), "123");
  EXPECT_EQ(Read(), "");
  FILE* const file = ::fopen(path_.c_str(), "a");
  ASSERT_NE(file, nullptr);
  ::fputs("more", file);
  ::fclose(file);
  EXPECT_EQ(Read(), "more");
}

TEST_F(LogFilesTest, Read_FilesAreRotated_LosesNothing) {
  Write("1");
  EXPECT_EQ(Read(), "1");
  for (const char* text : {"2", "3", "4"}) {
    Rotate();
    Write(text);
  }
  EXPECT_EQ(Read(), "234");
  // What was written last before the renaming is not forgotten.
  FILE* const file = ::fopen(path_.c_str(), "a");
  ASSERT_NE(file, nullptr);
  ::fputs("4b", file);
  ::fclose(file);
  Rotate();
  Write("5");
  EXPECT_EQ(Read(), "4b5");
}

TEST_F(LogFilesTest, Read_DuringRotation_LosesNothing) {
  Write("1");
  Rotate();
  EXPECT_EQ(Read(), "1");
  Write("2");
  EXPECT_EQ(Read(), "2");
  Rotate();
  EXPECT_EQ(Read(), "");
  Write("3");
  EXPECT_EQ(Read(), "3");
}

}  // namespace
}  // namespace virtc
