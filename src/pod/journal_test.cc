#include "pod/journal.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "base/errors.h"
#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Effect Begun(EffectKind kind, std::string what) { return {kind, std::move(what), false, {}}; }
Effect Made(EffectKind kind, std::string what, std::optional<ProcessIdentity> process = {}) {
  return {kind, std::move(what), true, std::move(process)};
}

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> Open() const { return std::move(*Journal::Open(path_)); }
  std::string Text() const { return TestDirectory::Read(path_); }
  std::vector<Effect> OnDisk() const { return LoadJournal(path_).open; }

  const TestDirectory directory_;
  const std::string path_ = directory_ / "journal";
};

TEST_F(JournalTest, Journal_BeginDoneEnd_EntryIsOnDiskUntilEnd) {
  const auto journal = Open();
  const ProcessIdentity qemu{4711, 99, "boot"};
  ASSERT_TRUE(journal->Begin(EffectKind::kDirectory, "/run/web"));
  EXPECT_THAT(OnDisk(), ElementsAre(Begun(EffectKind::kDirectory, "/run/web")));
  journal->Done(EffectKind::kDirectory, "/run/web");
  ASSERT_TRUE(journal->Begin(EffectKind::kProcess, "qemu"));
  journal->Done(EffectKind::kProcess, "qemu", qemu);
  EXPECT_THAT(OnDisk(), ElementsAre(Made(EffectKind::kDirectory, "/run/web"),
                                    Made(EffectKind::kProcess, "qemu", qemu)));
  EXPECT_EQ(OnDisk(), journal->open());
  journal->End(EffectKind::kProcess, "qemu");
  EXPECT_THAT(OnDisk(), ElementsAre(Made(EffectKind::kDirectory, "/run/web")));
  journal->End(EffectKind::kDirectory, "/run/web");
  EXPECT_EQ(Text(), "") << "a pod that has nothing has an empty journal";
}

TEST_F(JournalTest, Journal_Line_IsReadableJson) {
  const auto journal = Open();
  ASSERT_TRUE(journal->Begin(EffectKind::kSocket, "/run/a \"b\"\n/qmp.sock"));
  EXPECT_EQ(Text(), R"({"step":"begin","kind":"socket","what":"/run/a \"b\"\n/qmp.sock"})"
                    "\n");
}

TEST_F(JournalTest, Open_ExistingJournal_LoadsOpenEntries) {
  ASSERT_TRUE(Open()->Begin(EffectKind::kMount, "one/rootfs"));
  const auto journal = Open();
  EXPECT_THAT(journal->open(), ElementsAre(Begun(EffectKind::kMount, "one/rootfs")));
  ASSERT_TRUE(journal->Begin(EffectKind::kMount, "two/rootfs"));
  journal->End(EffectKind::kMount, "one/rootfs");
  EXPECT_THAT(OnDisk(), ElementsAre(Begun(EffectKind::kMount, "two/rootfs")));
  journal->End(EffectKind::kMount, "three/rootfs");
  EXPECT_THAT(OnDisk(), ElementsAre(Begun(EffectKind::kMount, "two/rootfs"))) << "nobody knew of it";
  EXPECT_TRUE(journal->Clear());
  EXPECT_EQ(Text(), "");
}

TEST_F(JournalTest, Begin_SameNameAgain_ForgetsOldProcess) {
  const auto journal = Open();
  ASSERT_TRUE(journal->Begin(EffectKind::kProcess, "hook"));
  journal->Done(EffectKind::kProcess, "hook", ProcessIdentity{1, 2, "boot"});
  ASSERT_TRUE(journal->Begin(EffectKind::kProcess, "hook"));
  EXPECT_THAT(OnDisk(), ElementsAre(Begun(EffectKind::kProcess, "hook")));
}

TEST_F(JournalTest, ReadJournal_CutAtAnyByte_KeepsWholeLines) {
  const auto journal = Open();
  ASSERT_TRUE(journal->Begin(EffectKind::kDirectory, "/run/web"));
  const size_t first = Text().size();
  ASSERT_TRUE(journal->Begin(EffectKind::kProcess, "qemu"));
  journal->Done(EffectKind::kProcess, "qemu", ProcessIdentity{4711, 99, "boot"});
  const std::string whole = Text();
  for (size_t size = 0; size <= whole.size(); ++size) {
    const JournalState state = ReadJournal(std::string_view(whole).substr(0, size));
    EXPECT_EQ(state.damaged, size > 0 && whole[size - 1] != '\n') << size;
    EXPECT_EQ(state.open.empty(), size < first) << size;
  }
}

TEST_F(JournalTest, Open_AfterTornLine_ReadsNextLine) {
  std::ofstream(path_) << R"({"step":"beg)";
  const auto journal = Open();
  ASSERT_TRUE(journal->Begin(EffectKind::kSocket, "s"));
  EXPECT_TRUE(LoadJournal(path_).damaged);
  EXPECT_THAT(OnDisk(), ElementsAre(Begun(EffectKind::kSocket, "s")));
}

TEST_F(JournalTest, ReadJournal_MalformedLine_IsDamaged) {
  for (const char* text : {"x\n", "[]\n", "{}\n", "\n",
                           R"({"step":"begin","kind":"process","what":7})"
                           "\n",
                           R"({"step":"begin","kind":"spell","what":"x"})"
                           "\n",
                           R"({"step":"undo","kind":"mount","what":"x"})"
                           "\n",
                           R"({"step":"done","kind":"process","what":"x","process":{"pid":-1}})"
                           "\n",
                           "\xff\n"}) {
    const JournalState state = ReadJournal(text);
    EXPECT_TRUE(state.damaged) << text;
    EXPECT_THAT(state.open, IsEmpty()) << text;
  }
  EXPECT_FALSE(LoadJournal(path_).damaged) << "none is an empty one";
  EXPECT_TRUE(LoadJournal(directory_.path()).damaged) << "a directory";
}

TEST_F(JournalTest, Journal_ManyEntries_StaysShort) {
  const auto journal = Open();
  ASSERT_TRUE(journal->Begin(EffectKind::kProcess, "qemu"));
  journal->Done(EffectKind::kProcess, "qemu", ProcessIdentity{4711, 99, "boot"});
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "c" + std::to_string(i) + "/rootfs";
    ASSERT_TRUE(journal->Begin(EffectKind::kMount, name));
    journal->Done(EffectKind::kMount, name);
    journal->End(EffectKind::kMount, name);
  }
  EXPECT_LT(Text().size(), 80u << 10);
  EXPECT_THAT(OnDisk(), ElementsAre(Made(EffectKind::kProcess, "qemu", ProcessIdentity{4711, 99, "boot"})));
  ASSERT_TRUE(journal->Begin(EffectKind::kMount, "last"));
  EXPECT_EQ(OnDisk().size(), 2u) << "it goes on in the new file";
}

TEST_F(JournalTest, Begin_FullDisk_FailsAndWritesNoPartOfTheLine) {
  const auto journal = Open();
  ASSERT_TRUE(journal->Begin(EffectKind::kProcess, "qemu"));
  const std::string before = Text();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{before.size() + 10, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const Status status = journal->Begin(EffectKind::kMount, "one/rootfs");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status);
  EXPECT_EQ(Text(), before) << "half a line is none";
  EXPECT_EQ(journal->open().size(), 1u);
  ASSERT_TRUE(journal->Begin(EffectKind::kMount, "one/rootfs"));
  EXPECT_FALSE(LoadJournal(path_).damaged);
}

TEST_F(JournalTest, Journal_ManyThreads_WriteWholeLines) {
  const auto journal = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string name = std::to_string(t) + "." + std::to_string(i);
        EXPECT_TRUE(journal->Begin(EffectKind::kMount, name));
        if (i % 2 == 0) journal->End(EffectKind::kMount, name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const JournalState state = LoadJournal(path_);
  EXPECT_FALSE(state.damaged);
  EXPECT_EQ(state.open.size(), 100u);
}

// A fifo hung whoever wrote to it.
TEST_F(JournalTest, Open_PathIsNotRegularFile_CreatesEmptyJournal) {
  directory_.Write("outside", "kept");
  const std::string path = directory_ / "j";
  const std::function<void()> damages[] = {
      [&] { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
      [&] { directory_.Write("j/inside"); },
      [&] { std::filesystem::create_symlink(directory_ / "outside", path); },
      [&] { std::filesystem::create_symlink(directory_ / "nothing", path); },
  };
  for (const auto& damage : damages) {
    std::filesystem::remove_all(path);
    damage();
    EXPECT_TRUE(LoadJournal(path).damaged);
    const auto journal = Journal::Open(path);
    ASSERT_TRUE(journal) << journal.error().ToString();
    EXPECT_TRUE((*journal)->Begin(EffectKind::kProcess, "vmm"));
    EXPECT_EQ(LoadJournal(path).open.size(), 1u);
    EXPECT_FALSE(LoadJournal(path).damaged);
  }
  EXPECT_EQ(TestDirectory::Read(directory_ / "outside"), "kept");
  EXPECT_FALSE(FileExists(directory_ / "nothing"));
}

// As `cp -al` makes it of a pod.
TEST_F(JournalTest, Open_HardLinkedFile_LeavesOtherLinkUnchanged) {
  const std::string path = directory_ / "j";
  ASSERT_TRUE((*Journal::Open(path))->Begin(EffectKind::kProcess, "vmm"));
  std::filesystem::create_hard_link(path, directory_ / "copy");
  const auto journal = Journal::Open(directory_ / "copy");
  ASSERT_TRUE(journal);
  EXPECT_EQ((*journal)->open().size(), 1u);
  EXPECT_TRUE((*journal)->Clear());
  EXPECT_EQ(LoadJournal(path).open.size(), 1u);
  EXPECT_EQ(LoadJournal(directory_ / "copy").open.size(), 0u);
}

}  // namespace
}  // namespace virtcontainers
