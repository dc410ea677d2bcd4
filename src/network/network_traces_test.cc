#include "network/network_traces.h"

#include <sys/stat.h>

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/cni/record.h"
#include "network/cni/test_host.h"
#include "network/tap_link.h"
#include "network/test_network.h"
#include "os/process_identity.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

NetworkTraces AllTraces() {
  return {.owner = "key-web",
          .links = {{"/run/netns/a b\n\"", 4, 4026532000u, "eth0"}, {"/run/netns/c", 4, 1, "eth1"}},
          .tap = "tap7",
          .port = "key-web net0",
          .cni = "{\"list\": \"…\"}",
          .holder = {.pid = 12, .start_time = 34, .boot_id = "boot"},
          .user_net = {.pid = 56, .start_time = 78, .boot_id = "boot"}};
}

TEST(NetworkTraces, Formatted_AreParsedAsTheSame) {
  for (const NetworkTraces& traces : {AllTraces(), NetworkTraces()}) {
    const Result<NetworkTraces> parsed = ParseTraces(FormatTraces(traces));
    ASSERT_TRUE(parsed) << parsed.error().ToString();
    EXPECT_EQ(*parsed, traces);
  }
}

TEST(NetworkTraces, Torn_AreDataLossThatNamesTheFile) {
  const TestDirectory directory;
  const std::string path = directory / "net0.json";
  const std::string text = FormatTraces(AllTraces());
  // The last character is the end of the line.
  for (size_t size = 0; size + 1 < text.size(); ++size) {
    ASSERT_TRUE(WriteFileAtomically(path, text.substr(0, size)));
    const Result<NetworkTraces> loaded = LoadTraces(path);
    ASSERT_FALSE(loaded) << size;
    EXPECT_EQ(loaded.error().code(), Code::kDataLoss);
    EXPECT_THAT(loaded.error().ToString(), HasSubstr(path));
    EXPECT_FALSE(UndoNetworkFile(path, "key-web", Soon()));
  }
}

TEST(NetworkTraces, FieldsOfOtherTypes_AreNamed) {
  const std::pair<const char*, const char*> cases[] = {{R"({"links": 7})", "links"},
                                                       {R"({"tap": {}})", "tap"},
                                                       {R"({"holder": {"pid": "x"}})", "pid"},
                                                       {R"({"links": [{"inode": -1}]})", "inode"}};
  for (const auto& [text, field] : cases) {
    const Result<NetworkTraces> parsed = ParseTraces(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().ToString(), HasSubstr(field));
  }
}

TEST(NetworkTraces, FileThatIsNone_IsRefused) {
  const TestDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(LoadTraces(directory / "fifo"));
  ASSERT_EQ(::symlink("/etc/passwd", (directory / "link").c_str()), 0);
  EXPECT_FALSE(LoadTraces(directory / "link"));
  EXPECT_TRUE(UndoNetworkFile(directory / "missing", "key-web", Soon()));
}

TEST(NetworkTraces, ListNetworkFiles_LeavesOutDrafts) {
  const TestDirectory directory;
  EXPECT_THAT(ListNetworkFiles(directory / "missing").value(), IsEmpty());
  for (const char* name : {"net0.json", "a.tmp.b.json", "net1.json.tmp.12.0"}) {
    ASSERT_TRUE(WriteFileAtomically(directory / name, "{}"));
  }
  EXPECT_THAT(ListNetworkFiles(directory.path()).value(), ElementsAre("a.tmp.b", "net0"));
}

TEST(NetworkTraces, OfNothing_AreUndoneWithTheirFile) {
  const TestDirectory directory;
  const std::string path = directory / "net0.json";
  ASSERT_TRUE(WriteFileAtomically(path, FormatTraces({})));
  EXPECT_TRUE(UndoNetworkFile(path, "key-web", Soon()));
  EXPECT_FALSE(FileExists(path));
}

// An interface that was joined to a tap whose owner is gone.
class TracedLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    VC_SKIP_UNLESS_ROOT();
    space_.emplace("traced");
    space_->Sh("ip link add eth0 type veth peer name outer; ip link set eth0 up; ip link set outer up");
    before_ = State();
    const Result<NetworkNamespace> opened = NetworkNamespace::Open(space_->path());
    ASSERT_TRUE(opened) << opened.error().ToString();
    traces_.links = {{space_->path(), opened->device(), opened->inode(), "eth0"}};
    TapLinkOptions options;
    options.interface = "eth0";
    options.tap = "vctap0";
    options.limits.transmit.rate = 1'000'000;
    Result<TapLink> link = TapLink::Create(space_->space(), options);
    ASSERT_TRUE(link) << link.error().ToString();
    queues_ = std::move(link->queues);
    ASSERT_NE(State(), before_);
  }
  std::string State() {
    return space_->Sh("tc qdisc show dev eth0; tc filter show dev eth0 ingress; ip -o link | wc -l");
  }

  std::optional<TestNamespace> space_;
  NetworkTraces traces_;
  std::vector<UniqueFd> queues_;
  std::string before_;
};

TEST_F(TracedLinkTest, TapIsGone_UndoneTwice_IsAsBefore) {
  queues_.clear();
  for (int i = 0; i < 2; ++i) {
    const Status undone = UndoNetwork(traces_, Soon());
    ASSERT_TRUE(undone) << undone.error().ToString();
    EXPECT_EQ(State(), before_);
  }
}

TEST_F(TracedLinkTest, TapLives_IsAnothersAndStays) {
  const std::string joined = State();
  EXPECT_TRUE(UndoNetwork(traces_, Soon()));
  EXPECT_EQ(State(), joined);
}

TEST_F(TracedLinkTest, AnotherNamespaceAtThePath_IsLeftAlone) {
  queues_.clear();
  const std::string joined = State();
  ++traces_.links[0].inode;
  EXPECT_TRUE(UndoNetwork(traces_, Soon()));
  EXPECT_EQ(State(), joined);
}

TEST_F(TracedLinkTest, NamespaceIsGone_IsNoError) {
  queues_.clear();
  space_.reset();
  EXPECT_TRUE(UndoNetwork(traces_, Soon()));
  traces_.links[0].namespace_path = "/proc/self/status";
  EXPECT_TRUE(UndoNetwork(traces_, Soon()));
}

// A plugin that writes down how it was called.
class TracedCniTest : public cni::TestHost {
 protected:
  void SetUp() override {
    Install();
    cni::Record record;
    record.list = ListOf(R"({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "note"}]})");
    record.list.plugin_directories = {directory_.path()};
    record.request = {.container = pod_,
                      .netns = "/proc/" + std::to_string(::getpid()) + "/ns/net",
                      .interface = "eth0",
                      .args = {},
                      .capabilities = {}};
    traces_.owner = "key-web";
    traces_.cni = cni::FormatRecord(record);
    traces_.holder = IdentifyProcess(::getpid()).value();
    ASSERT_TRUE(WriteFileAtomically(path_, FormatTraces(traces_)));
  }
  void Install() const {
    WritePlugin("note",
                "cat > /dev/null\n"
                "[ $CNI_COMMAND = VERSION ] && echo '{\"cniVersion\": \"1.0.0\", \"supportedVersions\": "
                "[\"1.0.0\"]}' && exit\n"
                "echo \"$CNI_COMMAND [$CNI_NETNS]\" >> '" +
                    directory_ / "calls" + "'\n");
  }
  std::string Calls() const { return ReadFile(directory_ / "calls", 1000).value_or(""); }

  const std::string path_ = directory_ / "net0.json";
  NetworkTraces traces_;
};

TEST_F(TracedCniTest, HolderLives_DelIsGivenItsNamespace) {
  const Status undone = UndoNetworkFile(path_, "key-web", Soon());
  ASSERT_TRUE(undone) << undone.error().ToString();
  EXPECT_THAT(Calls(), HasSubstr("DEL [/proc/" + std::to_string(::getpid()) + "/fd/"));
  EXPECT_FALSE(FileExists(path_));
}

TEST_F(TracedCniTest, AnotherProcessHasHoldersPid_DelIsCalledWithoutItsNamespace) {
  ++traces_.holder.start_time;
  EXPECT_TRUE(UndoNetwork(traces_, Soon()));
  EXPECT_EQ(Calls(), "DEL []\n");
}

TEST_F(TracedCniTest, HostWasRestarted_DelIsCalled) {
  traces_.holder.boot_id = "another";
  EXPECT_TRUE(UndoNetwork(traces_, Soon()));
  EXPECT_EQ(Calls(), "DEL []\n");
}

TEST_F(TracedCniTest, PluginIsMissing_FileStaysUntilItIsThere) {
  std::filesystem::remove(directory_ / "note");
  const Status undone = UndoNetworkFile(path_, "key-web", Soon());
  ASSERT_FALSE(undone);
  EXPECT_THAT(undone.error().ToString(), HasSubstr("note"));
  EXPECT_TRUE(FileExists(path_));
  Install();
  EXPECT_TRUE(UndoNetworkFile(path_, "key-web", Soon()));
  EXPECT_EQ(Calls().substr(0, 5), "DEL [");
  EXPECT_FALSE(FileExists(path_));
}

}  // namespace
}  // namespace virtcontainers
