#include "pod/effects.h"

#include <sys/resource.h>

#include <csignal>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

class EffectsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Effects::Open(Path());
    ASSERT_TRUE(opened) << opened.error().ToString();
    effects_ = std::move(*opened);
  }
  std::string Path() const { return directory_ / "journal"; }
  // What the next owner of the pod reads.
  std::vector<Effect> OnDisk() const { return LoadJournal(Path()).open; }

  TestDirectory directory_;
  std::unique_ptr<Effects> effects_;
};

TEST_F(EffectsTest, Begun_WhileItIsMade_IsOpenAndNotDone) {
  auto begun = effects_->Begin(EffectKind::kProcess, "vmm");
  ASSERT_TRUE(begun);
  ASSERT_EQ(OnDisk().size(), 1u);
  EXPECT_FALSE(OnDisk().front().done);
  const ProcessIdentity process{.pid = 7, .start_time = 8, .boot_id = "boot"};
  begun->Done(process);
  ASSERT_EQ(OnDisk().size(), 1u);
  EXPECT_TRUE(OnDisk().front().done);
  EXPECT_EQ(OnDisk().front().process, process);
}

TEST_F(EffectsTest, Begun_DestroyedWithoutDone_HasEnded) {
  ASSERT_TRUE(effects_->Begin(EffectKind::kSocket, "/run/a"));
  EXPECT_TRUE(OnDisk().empty());
}

TEST_F(EffectsTest, Begun_Moved_EndsOnce) {
  auto begun = effects_->Begin(EffectKind::kSocket, "/run/a");
  {
    const Effects::Begun moved = std::move(*begun);
    EXPECT_TRUE(effects_->IsOpen(EffectKind::kSocket, "/run/a"));
  }
  EXPECT_TRUE(OnDisk().empty());
  ASSERT_TRUE(effects_->Announce(EffectKind::kSocket, "/run/a"));
  begun = Fail(Code::kUnknown, "its end writes nothing");
  EXPECT_EQ(OnDisk().size(), 1u);
}

TEST_F(EffectsTest, Make_Fails_HasEndedWithTheError) {
  const Status failed = effects_->Make(EffectKind::kMount, "a", [this]() -> Status {
    EXPECT_TRUE(effects_->IsOpen(EffectKind::kMount, "a"));
    return Fail(Code::kNotFound, "no such directory");
  });
  EXPECT_EQ(failed.error().code(), Code::kNotFound);
  EXPECT_TRUE(OnDisk().empty());
}

TEST_F(EffectsTest, Make_AnnouncementFails_EffectIsNotMade) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{10, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  bool made = false;
  const Status status = effects_->Make(EffectKind::kMount, "a", [&]() -> Status {
    made = true;
    return {};
  });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status);
  EXPECT_FALSE(made);
}

TEST_F(EffectsTest, Make_Succeeds_StaysUntilItsEnd) {
  EXPECT_EQ(effects_->Make(EffectKind::kMount, "a", []() -> Result<int> { return 5; }).value(), 5);
  EXPECT_TRUE(OnDisk().front().done);
  EXPECT_FALSE(effects_->IsOpen(EffectKind::kProcess, "a"));
  effects_->End(EffectKind::kMount, "a");
  EXPECT_TRUE(OnDisk().empty());
}

TEST_F(EffectsTest, Open_AfterAnotherOwner_GoesOn) {
  ASSERT_TRUE(effects_->Announce(EffectKind::kProcess, "monitor"));
  effects_ = Effects::Open(Path()).value();
  EXPECT_TRUE(effects_->IsOpen(EffectKind::kProcess, "monitor"));
  effects_->Confirm(EffectKind::kProcess, "monitor");
  EXPECT_TRUE(OnDisk().front().done);
  EXPECT_TRUE(effects_->Clear());
  EXPECT_TRUE(OnDisk().empty());
}

}  // namespace
}  // namespace virtcontainers
