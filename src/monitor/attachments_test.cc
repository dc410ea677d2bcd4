#include "monitor/attachments.h"

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/noop/noop_agent.h"
#include "base/errors.h"
#include "base/test_deadline.h"
#include "base/unique_fd.h"
#include "hypervisor/mock/mock_hypervisor.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Writes down what is called, and fails where it is told to.
class FakeAttachment final : public Attachment {
 public:
  FakeAttachment(std::string name, std::vector<std::string>& calls, std::vector<Device> devices = {})
      : name_(std::move(name)), calls_(calls), devices_(std::move(devices)) {}

  std::string_view name() const override { return name_; }
  Status Prepare(Deadline) override { return Call("prepare"); }
  std::vector<Device> devices() const override { return devices_; }
  Status Plugged(const ProcessIdentity&, Deadline) override { return Call("plugged"); }
  Status Introduce(Agent&, Deadline) override { return Call("introduce"); }
  Status Show(ContainerOnItsWay&) override { return Call("show"); }
  Status Hide(const std::string&) override { return Call("hide"); }
  AttachmentRecord record() const override {
    AttachmentRecord record{name_, {}, {}, {}};
    for (const Device& device : devices_) record.devices.push_back(IdOf(device));
    return record;
  }
  Status Adopt(const AttachmentRecord* record, Deadline) override {
    return Call(record == nullptr ? "adopt nothing" : "adopt " + record->name);
  }
  Status Release(Deadline) override { return Call("release"); }
  void Leave() override { (void)Call("leave"); }

  std::string fails;  // the call that fails

 private:
  Status Call(const std::string& call) {
    calls_.push_back(name_ + " " + call);
    if (call == fails) return Fail(Code::kUnavailable, name_ + " cannot " + call);
    return {};
  }

  const std::string name_;
  std::vector<std::string>& calls_;
  const std::vector<Device> devices_;
};

class AttachmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    effects_ = Effects::Open(directory_ / "journal").value();
    attachments_ = std::make_unique<Attachments>(*effects_);
  }

  FakeAttachment& Add(const std::string& name) {
    return attachments_->Add(std::make_unique<FakeAttachment>(name, calls_));
  }

  // What was called since the last look.
  std::vector<std::string> Calls() { return std::exchange(calls_, {}); }

  void StartVm(const std::string& machine = "q35") {
    config_.run_dir = directory_.path();
    config_.hypervisor.machine = machine;
    const Result<VmInfo> info = vm_.Start(config_, Soon());
    ASSERT_TRUE(info) << info.error().ToString();
  }

  // A disk with an image of its own.
  BlockDevice Disk(const std::string& id) {
    BlockDevice disk;
    disk.id = id;
    disk.image = images_.emplace_back(::open(directory_.Write(id).c_str(), O_RDWR | O_CLOEXEC)).get();
    return disk;
  }

  std::unique_ptr<FakeAttachment> Disks(const std::string& name, const std::vector<std::string>& ids) {
    std::vector<Device> devices;
    for (const std::string& id : ids) devices.emplace_back(Disk(id));
    return std::make_unique<FakeAttachment>(name, calls_, std::move(devices));
  }

  std::vector<std::string> InVm() {
    std::vector<std::string> ids;
    const std::vector<PluggedDevice> devices = vm_.ListDevices(Soon()).value();
    for (const PluggedDevice& device : devices) ids.push_back(device.id);
    return ids;
  }

  std::vector<std::string> InJournal() const {
    std::vector<std::string> open;
    for (const Effect& effect : LoadJournal(directory_ / "journal").open) open.push_back(effect.what);
    return open;
  }

  TestDirectory directory_;
  std::vector<UniqueFd> images_;
  std::vector<std::string> calls_;
  std::unique_ptr<Effects> effects_;
  std::unique_ptr<Attachments> attachments_;
  VmConfig config_;
  MockHypervisor vm_;
  NoopAgent agent_;
};

TEST_F(AttachmentsTest, PrepareAndRelease_Succeed_InOrderAndReverse) {
  Add("a");
  Add("b");
  EXPECT_TRUE(attachments_->Prepare(Soon()));
  EXPECT_THAT(Calls(), ElementsAre("a prepare", "b prepare"));
  EXPECT_TRUE(attachments_->Introduce(agent_, Soon()));
  EXPECT_THAT(Calls(), ElementsAre("a introduce", "b introduce"));
  EXPECT_TRUE(attachments_->Release(Soon()));
  EXPECT_THAT(Calls(), ElementsAre("b release", "a release"));
}

TEST_F(AttachmentsTest, Prepare_OneFails_ReleasesThoseBefore) {
  Add("a");
  Add("b");
  Add("c").fails = "prepare";
  Add("d");
  EXPECT_EQ(attachments_->Prepare(Soon()).error().message(), "c cannot prepare");
  EXPECT_THAT(Calls(), ElementsAre("a prepare", "b prepare", "c prepare", "b release", "a release"));
}

TEST_F(AttachmentsTest, Release_OneFails_ReleasesAllAndReturnsFirstError) {
  Add("a").fails = "release";
  Add("b").fails = "release";
  EXPECT_EQ(attachments_->Release(Soon()).error().message(), "b cannot release");
  EXPECT_THAT(Calls(), ElementsAre("b release", "a release"));
}

TEST_F(AttachmentsTest, Show_OneFails_HidesThoseBefore) {
  Add("a");
  Add("b").fails = "show";
  ContainerOnItsWay container;
  EXPECT_FALSE(attachments_->Show(container));
  EXPECT_THAT(Calls(), ElementsAre("a show", "b show", "a hide"));
}

TEST_F(AttachmentsTest, Hide_OneFails_StopsThere) {
  Add("a");
  Add("b").fails = "hide";
  Add("c");
  EXPECT_FALSE(attachments_->Hide("one"));
  EXPECT_THAT(Calls(), ElementsAre("c hide", "b hide")) << "the next call tries again";
}

TEST_F(AttachmentsTest, Adopt_Records_AreFoundByName) {
  Add("a");
  Add("b");
  EXPECT_TRUE(attachments_->Adopt({{"x", {}, {}}, {"b", {}, {}}}, Soon()));
  EXPECT_THAT(Calls(), ElementsAre("a adopt nothing", "b adopt b"));
  attachments_->Leave();
  EXPECT_THAT(Calls(), ElementsAre("a leave", "b leave"));
}

TEST_F(AttachmentsTest, AddToRunning_Succeeds_PlugsAndAnnounces) {
  StartVm();
  const Status added = attachments_->AddToRunning(Disks("disks", {"one", "two"}), vm_, agent_, {}, Soon());
  ASSERT_TRUE(added) << added.error().ToString();
  EXPECT_THAT(Calls(), ElementsAre("disks prepare", "disks plugged", "disks introduce"));
  EXPECT_THAT(InVm(), ElementsAre("one", "two"));
  EXPECT_THAT(InJournal(), ElementsAre("one", "two"));
  EXPECT_THAT(attachments_->record(), ElementsAre(AttachmentRecord{"disks", {}, {"one", "two"}}));

  EXPECT_EQ(attachments_->AddToRunning(Disks("disks", {"three"}), vm_, agent_, {}, Soon()).error().code(),
            Code::kAlreadyExists);
  EXPECT_TRUE(attachments_->RemoveFromRunning("disks", vm_, Soon()));
  EXPECT_THAT(Calls(), ElementsAre("disks release"));
  EXPECT_THAT(InVm(), IsEmpty());
  EXPECT_THAT(InJournal(), IsEmpty());
  EXPECT_TRUE(attachments_->RemoveFromRunning("disks", vm_, Soon())) << "idempotent";
}

TEST_F(AttachmentsTest, AddToRunning_AnyStepFails_LeavesNothing) {
  StartVm();
  const auto fails = [this](const std::string& call) {
    auto disks = Disks("disks", {"one", "two"});
    disks->fails = call;
    EXPECT_FALSE(attachments_->AddToRunning(std::move(disks), vm_, agent_, {}, Soon()));
    EXPECT_THAT(InVm(), IsEmpty()) << call;
    EXPECT_THAT(InJournal(), IsEmpty()) << call;
    EXPECT_THAT(attachments_->record(), IsEmpty()) << call;
    return Calls();
  };
  EXPECT_THAT(fails("prepare"), ElementsAre("disks prepare"));
  EXPECT_THAT(fails("introduce"),
              ElementsAre("disks prepare", "disks plugged", "disks introduce", "disks release"));
  // The second of two devices.
  std::vector<Device> devices = {Disk("one"), Disk("not an id")};
  auto disks = std::make_unique<FakeAttachment>("disks", calls_, devices);
  EXPECT_EQ(attachments_->AddToRunning(std::move(disks), vm_, agent_, {}, Soon()).error().code(),
            Code::kInvalidArgument);
  EXPECT_THAT(InVm(), IsEmpty());
  EXPECT_THAT(InJournal(), IsEmpty());
  EXPECT_THAT(Calls(), ElementsAre("disks prepare", "disks release"));
}

TEST_F(AttachmentsTest, RemoveFromRunning_GuestKeepsDevice_StaysAttached) {
  config_.hypervisor.kernel_parameters = {"acpiphp.disable=1"};
  StartVm();
  ASSERT_TRUE(attachments_->AddToRunning(Disks("disks", {"one"}), vm_, agent_, {}, Soon()));
  const Deadline shortly = Deadline::After(std::chrono::milliseconds(1));
  EXPECT_EQ(attachments_->RemoveFromRunning("disks", vm_, shortly).error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(InVm(), ElementsAre("one"));
  EXPECT_THAT(InJournal(), ElementsAre("one"));
  EXPECT_EQ(attachments_->record().size(), 1u);
}

// A monitor that died while it plugged, or while it removed.
TEST_F(AttachmentsTest, RemoveStrays_DevicesOfNoAttachment_AreRemoved) {
  StartVm();
  ASSERT_TRUE(attachments_->AddToRunning(Disks("disks", {"one"}), vm_, agent_, {}, Soon()));
  ASSERT_TRUE(vm_.AddDevice(Disk("plugged"), Soon()));
  ASSERT_TRUE(effects_->Announce(EffectKind::kDevice, "plugged"));
  ASSERT_TRUE(vm_.AddDevice(Disk("unannounced"), Soon()));
  ASSERT_TRUE(effects_->Announce(EffectKind::kDevice, "announced"));
  EXPECT_TRUE(attachments_->RemoveStrays(vm_, Soon()));
  EXPECT_THAT(InVm(), ElementsAre("one"));
  EXPECT_THAT(InJournal(), ElementsAre("one"));
}

}  // namespace
}  // namespace virtcontainers
