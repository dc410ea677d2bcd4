#include "pod/root_key.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "os/file.h"
#include "os/subprocess.h"
#include "os/test_directory.h"
#include "pod/pod_mark.h"
#include "pod/store.h"
#include "pod/test_config.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;

class RootKeyTest : public ::testing::Test {
 protected:
  RootKeyTest() : root_(dir_ / "root"), store_(Open(root_)) {}

  Store Open(const std::string& root) const { return Store::Open(root, dir_ / "run").value(); }
  std::string TagOf(const std::string& root) const { return Open(root).key().tag; }

  const TestDirectory dir_;
  const std::string root_;
  const Store store_;
};

TEST_F(RootKeyTest, Key_CopiedRoot_Differs) {
  fs::copy(root_, dir_ / "copy", fs::copy_options::recursive);
  const Store copy = Open(dir_ / "copy");
  EXPECT_EQ(TestDirectory::Read(dir_ / "copy/id"), TestDirectory::Read(root_ + "/id"));
  EXPECT_NE(copy.key().tag, store_.key().tag);
  EXPECT_NE(copy.Pod("web").paths().run_dir, store_.Pod("web").paths().run_dir);
  EXPECT_FALSE(IsSamePod(copy.Pod("web").paths().mark, store_.Pod("web").paths().mark));
  // Also of one that is put in the place of the root.
  fs::rename(root_, dir_ / "old");
  fs::copy(dir_ / "old", root_, fs::copy_options::recursive);
  EXPECT_NE(TagOf(root_), store_.key().tag);
  EXPECT_EQ(TagOf(dir_ / "old"), store_.key().tag);
}

TEST_F(RootKeyTest, Key_MovedRoot_IsUnchanged) {
  fs::rename(root_, dir_ / "moved");
  const Store moved = Open(dir_ / "moved");
  EXPECT_EQ(moved.key().tag, store_.key().tag);
  EXPECT_EQ(moved.Pod("web").paths().run_dir, store_.Pod("web").paths().run_dir);
  EXPECT_TRUE(IsSamePod(moved.Pod("web").paths().mark, store_.Pod("web").paths().mark));
}

TEST_F(RootKeyTest, Key_RootAtTwoMountPoints_IsSame) {
  std::string there;
  // In a mount namespace of its own.
  std::thread([&] {
    fs::create_directory(dir_ / "there");
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return;
    if (::mount(root_.c_str(), (dir_ / "there").c_str(), nullptr, MS_BIND, nullptr) != 0) return;
    there = TagOf(dir_ / "there");
  }).join();
  if (there.empty()) GTEST_SKIP() << "no mount can be made here";
  EXPECT_EQ(there, store_.key().tag);
}

TEST_F(RootKeyTest, Key_IdRemovedAndNothingRuns_Differs) {
  fs::remove(root_ + "/id");
  EXPECT_NE(TagOf(root_), store_.key().tag) << "nothing runs that is the earlier one's";
}

// A damaged id locked every call out, and what its message said to do made the VMs unreachable.
TEST_F(RootKeyTest, Key_DamagedIdWithRunningProcess_IsRecovered) {
  dir_.Write("outside", "kept");
  const std::string id = root_ + "/id";
  const std::function<void()> damages[] = {
      [] {},
      [&] { dir_.Write("root/id"); },
      [&] { dir_.Write("root/id", "0123456789abcde\n"); },
      [&] { dir_.Write("root/id", "0123456789ABCDEF\n"); },
      [&] { dir_.Write("root/id", std::string(17, '\0')); },
      [&] { fs::resize_file(dir_.Write("root/id"), 1 << 30); },
      [&] { fs::create_directory(id); },
      [&] { dir_.Write("root/id/something", "in it"); },
      [&] { fs::create_symlink(dir_ / "outside", id); },
      [&] { ASSERT_EQ(::mkfifo(id.c_str(), 0600), 0); },
  };
  const auto damage = [&](const std::function<void()>& how) {
    fs::remove_all(id);
    how();
  };
  for (const auto& how : damages) {
    Result<Subprocess> process = Subprocess::Spawn(
        {.argv = {"sleep", "1000"}, .env = MarkedEnvironment(store_.Pod("web").paths().mark)});
    ASSERT_TRUE(process);
    damage(how);
    EXPECT_EQ(TagOf(root_), store_.key().tag);
    EXPECT_TRUE(process->Kill(SIGKILL));
    EXPECT_TRUE(process->Wait(Deadline::Infinite()));
    EXPECT_EQ(TagOf(root_), store_.key().tag) << "it is written down again";
    damage(how);
    EXPECT_NE(TagOf(root_), store_.key().tag) << "nothing is there that needs it";
    ASSERT_TRUE(WriteFileAtomically(id, store_.key().tag.substr(0, 16) + "\n"));
  }
  EXPECT_EQ(TestDirectory::Read(dir_ / "outside"), "kept");
}

TEST_F(RootKeyTest, Key_MissingIdWithRecordedVm_IsRecovered) {
  ASSERT_TRUE(store_.CreatePod(SmallPod("web")));
  const PodFiles pod = store_.Pod("web");
  PodRecord record = pod.LoadRecord().value();
  record.vm.emplace().mark = pod.paths().mark;
  ASSERT_TRUE(pod.SaveRecord(record));
  fs::remove(root_ + "/id");
  EXPECT_EQ(TagOf(root_), store_.key().tag);
}

TEST_F(RootKeyTest, Key_ConcurrentFirstOpens_IsSame) {
  std::vector<std::string> tags(8);
  std::vector<std::thread> threads;
  for (std::string& tag : tags) threads.emplace_back([&] { tag = TagOf(dir_ / "new"); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(tags.begin(), tags.end()).size(), 1u);
}

TEST(PodMark, Format_ParsedAgain_RoundTrips) {
  const PodMark mark{.tag = "0123@1.2", .root = "/a:b/pods/c", .pod = "web"};
  const auto parsed = ParsePodMark(mark.Format());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->tag, mark.tag);
  EXPECT_EQ(parsed->root, mark.root);
  EXPECT_EQ(parsed->pod, mark.pod);
  for (const char* text :
       {"", ":", "tag", "tag:/root/pods", "tag:/root/pods/", ":/root/pods/web", "tag:/root/web"}) {
    EXPECT_FALSE(ParsePodMark(text)) << text;
  }
}

TEST(PodMark, IsSamePod_PathsDiffer_ComparesOnlyTagAndPod) {
  EXPECT_TRUE(IsSamePod("t:/a/pods/web", "t:/b/pods/web"));
  EXPECT_FALSE(IsSamePod("t:/a/pods/web", "u:/a/pods/web"));
  EXPECT_FALSE(IsSamePod("t:/a/pods/web", "t:/a/pods/web2"));
  EXPECT_FALSE(IsSamePod("", ""));
  EXPECT_TRUE(ProcessesOfPod("t:/a/pods/web")("t:/b/pods/web"));
}

}  // namespace
}  // namespace virtcontainers
