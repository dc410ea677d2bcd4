#include "pod/leftovers.h"

#include <unistd.h>

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "os/file_lock.h"
#include "os/test_directory.h"
#include "pod/store.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LeftoversTest : public testing::Test {
 protected:
  LeftoversTest() {
    for (const char* id : {"one", "a.tmp.b"}) record_.containers.emplace_back().id = id;
    for (const char* name :
         {"config.json", "state.json", "journal", "lock", "monitor.lock", "console.log",
          "containers/one.json", "containers/a.tmp.b.json", "logs/one.log", "logs/one.log.1",
          "logs/one.log.position", "logs/a.tmp.b.log", "networks/net0.json", "networks/a.tmp.b.json"}) {
      directory_.Write(std::string("pod/") + name);
    }
  }

  std::vector<std::string> Find() const { return FindLeftovers(paths_, record_); }

  const TestDirectory directory_;
  const PodPaths paths_{.dir = directory_ / "pod", .run_dir = "", .mark = ""};
  PodRecord record_;
};

TEST_F(LeftoversTest, Leftovers_OfWholePod_AreNone) { EXPECT_THAT(Find(), IsEmpty()); }

TEST_F(LeftoversTest, Leftovers_TemporaryAndUnknownFiles_AreFound) {
  std::vector<std::string> left;
  for (const char* name :
       {"state.json.tmp.12.0", "networks/net0.json.tmp.12.2", "containers/one.json.tmp.12.1",
        "containers/two.json", "logs/two.log", "logs/two.log.position"}) {
    left.push_back(directory_.Write(std::string("pod/") + name));
  }
  EXPECT_EQ(Find(), left);
  PodFiles(paths_).Sweep(record_);
  EXPECT_THAT(Find(), IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(directory_ / "pod/logs/one.log.1"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "pod/containers/a.tmp.b.json"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "pod/networks/a.tmp.b.json"));
}

TEST_F(LeftoversTest, Trash_OfDeadProcesses_IsFound) {
  const std::string ours = "web." + std::to_string(::getpid()) + ".5.0", dead = "a.b.999999999.5.0";
  std::filesystem::create_directories(directory_ / "trash/" + ours);
  std::filesystem::create_directories(directory_ / "trash/" + dead);
  EXPECT_THAT(FindTrash(directory_ / "trash"), ElementsAre(directory_ / "trash/" + dead))
      << "one that has just begun has no lock yet";
  {
    const auto held = FileLock::Acquire(directory_ / "trash/" + dead + "/lock", Deadline::Infinite());
    ASSERT_TRUE(held);
    EXPECT_THAT(FindTrash(directory_ / "trash"), IsEmpty()) << "wherever its maker is";
  }
  directory_.Write("trash/" + ours + "/lock");
  EXPECT_THAT(FindTrash(directory_ / "trash"), ElementsAre(directory_ / "trash/" + dead))
      << "the file is there before the lock is taken";
  EXPECT_THAT(FindTrash(directory_ / "none"), IsEmpty());
}

}  // namespace
}  // namespace virtcontainers
