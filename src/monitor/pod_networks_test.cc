#include "monitor/pod_networks.h"

#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <utility>

#include "monitor/test_pod.h"
#include "os/process_identity.h"
#include "os/subprocess.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::chrono::milliseconds kShortly{1};

// The networks of a VM that does nothing. They are sockets of this process, which need no rights.
class PodNetworksTest : public testing::Test {
 protected:
  PodNetworksTest() {
    faults_.update_interface = [this](const NetworkInterface& interface) {
      introduced_.push_back(interface.name);
      return fail_interface_ ? Status(Fail(Code::kUnavailable, "no such device")) : Status();
    };
    faults_.update_routes = [this](const std::vector<NetworkInterface>& interfaces) {
      if (fail_routes_) return Status(Fail(Code::kUnavailable, "no such route"));
      routes_.clear();
      for (const NetworkInterface& interface : interfaces) {
        for (const Route& route : interface.routes) routes_.push_back(route.destination);
      }
      return Status();
    };
  }

  void SetUp() override {
    ASSERT_TRUE(MakeDirectories(paths_.run_dir));
    ASSERT_TRUE(MakeDirectories(paths_.networks()));
    Reopen();
  }

  void TearDown() override {
    if (attachments_ != nullptr) {
      EXPECT_TRUE(attachments_->Release(Soon()));
      EXPECT_THAT(Files(), IsEmpty());
      EXPECT_THAT(InJournal(EffectKind::kNetwork), IsEmpty());
    }
  }

  // As a monitor that takes over has them: nothing but the files.
  void Reopen() {
    attachments_.reset();
    networks_.reset();
    effects_ = Effects::Open(paths_.journal()).value();
    networks_ = std::make_unique<PodNetworks>(
        PodNetworks::Options{.paths = paths_,
                             .vcpus = 1,
                             .effects = *effects_,
                             .attachments = *(attachments_ = std::make_unique<Attachments>(*effects_)),
                             .on_exit = [](const std::string&) {}});
  }

  void StartVm(std::vector<std::string> kernel_parameters = {}) {
    VmConfig config;
    config.run_dir = paths_.run_dir;
    config.hypervisor.machine = "q35";
    config.hypervisor.kernel_parameters = std::move(kernel_parameters);
    config.devices = attachments_->devices();
    const Result<VmInfo> info = vm_.Start(config, Soon());
    ASSERT_TRUE(info) << info.error().ToString();
    process_ = info->process;
    ASSERT_TRUE(agent_.Connect(info->agent, Soon()));
  }

  static NetworkConfig Network(const std::string& name) {
    NetworkConfig network;
    network.kind = NetworkKind::kDescriptor;
    network.name = name;
    network.addresses = {"10.0.0.2/24"};
    return network;
  }

  // One end of a pair, of which the other stays here.
  UniqueFd Socket() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ends_.emplace_back(ends[1]);
    return UniqueFd(ends[0]);
  }

  PodNetworks::Running Running() { return {vm_, agent_, process_}; }

  Result<std::string> Add(const NetworkConfig& network, Deadline deadline = Soon()) {
    return networks_->Add(network, Socket(), Running(), deadline);
  }

  // The records that the pod's would have, read again from their text.
  std::vector<AttachmentRecord> WrittenDown() const {
    PodRecord record;
    record.state = PodState::kRunning;
    record.attachments = attachments_->record();
    const Result<Json> json = ParseJson(DumpJson(ToJson(record), true));
    EXPECT_TRUE(json);
    const Result<PodRecord> read = PodRecordFromJson(*json);
    EXPECT_TRUE(read) << read.error().ToString();
    return read ? read->attachments : std::vector<AttachmentRecord>();
  }

  // As another monitor does it.
  Status TakeOver(const std::vector<AttachmentRecord>& records) {
    if (attachments_ != nullptr) attachments_->Leave();
    Reopen();
    const std::vector<PluggedDevice> plugged = vm_.ListDevices(Soon()).value();
    networks_->Plan(records, &plugged);
    VC_RETURN_IF_ERROR(attachments_->Adopt(records, Soon()));
    VC_RETURN_IF_ERROR(attachments_->RemoveStrays(vm_, Soon()));
    networks_->UndoStrays(Soon());
    return {};
  }

  std::vector<std::string> InVm() {
    std::vector<std::string> ids;
    const std::vector<PluggedDevice> devices = vm_.ListDevices(Soon()).value();
    for (const PluggedDevice& device : devices) ids.push_back(device.id);
    return ids;
  }
  std::vector<std::string> InJournal(EffectKind kind) const {
    std::vector<std::string> open;
    const JournalState journal = LoadJournal(paths_.journal());
    for (const Effect& effect : journal.open) {
      if (effect.kind == kind) open.push_back(effect.what);
    }
    return open;
  }
  std::vector<std::string> Files() const { return ListNetworkFiles(paths_.networks()).value(); }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    const std::vector<AttachmentRecord> records = attachments_->record();
    for (const AttachmentRecord& record : records) names.push_back(record.network->config.name);
    return names;
  }

  // A network's file, as a monitor that was killed has left it.
  void LeaveFile(const std::string& network, NetworkTraces traces) {
    traces.owner = paths_.key();
    ASSERT_TRUE(WriteFileAtomically(paths_.network(network), FormatTraces(traces)));
    ASSERT_TRUE(effects_->Announce(EffectKind::kNetwork, network));
  }

  const TestDirectory directory_;
  const Store store_ = *Store::Open(directory_ / "root", directory_ / "run");
  const PodPaths paths_ = [this] {
    PodConfig config;
    config.id = "web";
    config.hypervisor.type = "mock";
    config.agent.type = "noop";
    EXPECT_TRUE(store_.CreatePod(config));
    return store_.Pod("web").paths();
  }();
  bool fail_interface_ = false, fail_routes_ = false;
  std::vector<std::string> introduced_, routes_;
  Faults faults_;
  std::vector<UniqueFd> ends_;
  std::unique_ptr<Effects> effects_;
  std::unique_ptr<PodNetworks> networks_;
  std::unique_ptr<Attachments> attachments_;
  MockHypervisor vm_;
  FaultyAgent agent_{faults_};
  ProcessIdentity process_;
};

TEST_F(PodNetworksTest, Start_NetworksArePluggedAndIntroducedInOrder) {
  std::map<std::string, UniqueFd> sockets;
  sockets["b"] = Socket();
  sockets["eth0"] = Socket();
  NetworkConfig second = Network("");
  second.routes = {{.destination = "0.0.0.0/0", .gateway = "10.0.0.1"}};
  networks_->Plan({Network("b"), second}, std::move(sockets));
  ASSERT_FALSE(attachments_->Prepare(Soon())) << "the second is called by its position";
  EXPECT_THAT(InJournal(EffectKind::kNetwork), IsEmpty());

  Reopen();
  sockets.clear();
  sockets["b"] = Socket();
  sockets["eth1"] = Socket();
  networks_->Plan({Network("b"), second}, std::move(sockets));
  ASSERT_TRUE(attachments_->Prepare(Soon()));
  StartVm();
  ASSERT_TRUE(attachments_->Plugged(process_, Soon()));
  ASSERT_TRUE(attachments_->Introduce(agent_, Soon()));
  EXPECT_THAT(InVm(), ElementsAre("net0-0", "net1-0"));
  EXPECT_THAT(introduced_, ElementsAre("b", "eth1"));
  EXPECT_THAT(routes_, ElementsAre("0.0.0.0/0"));
  EXPECT_THAT(InJournal(EffectKind::kNetwork), ElementsAre("b", "eth1"));
  EXPECT_EQ(networks_->address(), "10.0.0.2");
}

TEST_F(PodNetworksTest, Start_OneFails_TheOthersAreUndone) {
  std::map<std::string, UniqueFd> sockets;
  sockets["a"] = Socket();
  networks_->Plan({Network("a"), Network("b")}, std::move(sockets));
  const Status prepared = attachments_->Prepare(Soon());
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().ToString(), HasSubstr("network b"));
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_THAT(InJournal(EffectKind::kNetwork), IsEmpty());
  char byte = 0;
  EXPECT_EQ(::read(ends_[0].get(), &byte, 1), 0) << "the socket of the first is closed";
}

TEST_F(PodNetworksTest, Add_GetsAFreeNameAndNumber) {
  StartVm();
  ASSERT_TRUE(Add(Network("")));
  ASSERT_TRUE(Add(Network("")));
  ASSERT_TRUE(networks_->Remove("eth0", Running(), Soon()));
  ASSERT_TRUE(Add(Network("other")));
  EXPECT_THAT(Names(), ElementsAre("eth1", "other"));
  EXPECT_THAT(InVm(), testing::UnorderedElementsAre("net0-0", "net1-0"));
  const auto again = Add(Network("other"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kAlreadyExists);
}

TEST_F(PodNetworksTest, Add_VmHasNoSlot_HostsSideIsUndone) {
  StartVm();
  // As many as the machine has slots.
  int added = 0;
  while (Add(Network("n" + std::to_string(added)))) ASSERT_LT(++added, 64);
  EXPECT_THAT(Names(), SizeIs(added));
  EXPECT_THAT(InVm(), SizeIs(added));
  EXPECT_THAT(InJournal(EffectKind::kNetwork), SizeIs(added));
  char byte = 0;
  EXPECT_EQ(::read(ends_.back().get(), &byte, 1), 0) << "its socket is closed";
}

TEST_F(PodNetworksTest, Add_GuestRefuses_NothingIsLeft) {
  StartVm();
  ASSERT_TRUE(Add(Network("a")));
  fail_interface_ = true;
  EXPECT_FALSE(Add(Network("b")));
  fail_interface_ = false;
  fail_routes_ = true;
  EXPECT_FALSE(Add(Network("b")));
  fail_routes_ = false;
  EXPECT_THAT(Names(), ElementsAre("a"));
  EXPECT_THAT(InVm(), ElementsAre("net0-0"));
  EXPECT_THAT(InJournal(EffectKind::kNetwork), ElementsAre("a"));
  EXPECT_THAT(InJournal(EffectKind::kDevice), ElementsAre("net0-0"));
  EXPECT_TRUE(Add(Network("b")));
}

TEST_F(PodNetworksTest, Remove_GuestKeepsTheDevice_NetworkStays) {
  StartVm({"acpiphp.disable=1"});
  ASSERT_TRUE(Add(Network("a")));
  ASSERT_TRUE(networks_->BeginRemove("a"));
  const Status removed = networks_->Remove("a", Running(), Deadline::After(kShortly));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(Names(), ElementsAre("a"));
  EXPECT_THAT(InVm(), ElementsAre("net0-0"));
  EXPECT_THAT(InJournal(EffectKind::kNetwork), ElementsAre("a"));
  EXPECT_THAT(InJournal(EffectKind::kDevice), ElementsAre("net0-0"));
}

TEST_F(PodNetworksTest, Remove_Unknown_NamesTheOthers) {
  StartVm();
  ASSERT_TRUE(Add(Network("a")));
  for (const Status& refused : {networks_->BeginRemove("x"), networks_->Remove("x", Running(), Soon())}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::kNotFound);
    EXPECT_THAT(refused.error().ToString(), HasSubstr("'a'"));
  }
}

TEST_F(PodNetworksTest, Routes_AreSetAsAWholeAndRecorded) {
  StartVm();
  NetworkConfig first = Network("a");
  first.routes = {{.destination = "0.0.0.0/0", .gateway = "10.0.0.1"}};
  ASSERT_TRUE(Add(first));
  ASSERT_TRUE(Add(Network("b")));
  const Route route{.destination = "10.1.0.0/16", .gateway = "10.0.0.9"};
  ASSERT_TRUE(networks_->AddRoute("b", route, agent_, Soon()));
  EXPECT_THAT(routes_, ElementsAre("0.0.0.0/0", "10.1.0.0/16")) << "all of the guest's";
  EXPECT_EQ(networks_->AddRoute("b", route, agent_, Soon()).error().code(), Code::kAlreadyExists);
  Route other = route;
  other.metric = 7;
  EXPECT_TRUE(networks_->AddRoute("b", other, agent_, Soon())) << "of another metric";
  EXPECT_THAT(WrittenDown()[1].network->status.interfaces[0].routes, ElementsAre(route, other));
  EXPECT_THAT(WrittenDown()[1].network->config.routes, IsEmpty());

  // Without a gateway, any.
  ASSERT_TRUE(networks_->RemoveRoute("b", {.destination = "10.1.0.0/16"}, agent_, Soon()));
  EXPECT_THAT(routes_, ElementsAre("0.0.0.0/0"));
  EXPECT_EQ(networks_->RemoveRoute("b", route, agent_, Soon()).error().code(), Code::kNotFound);
  EXPECT_EQ(networks_->AddRoute("x", route, agent_, Soon()).error().code(), Code::kNotFound);
}

TEST_F(PodNetworksTest, Routes_GuestRefuses_AreAsTheyWere) {
  StartVm();
  ASSERT_TRUE(Add(Network("a")));
  const Route route{.destination = "10.1.0.0/16", .gateway = "10.0.0.9"};
  ASSERT_TRUE(networks_->AddRoute("a", route, agent_, Soon()));
  fail_routes_ = true;
  EXPECT_FALSE(networks_->AddRoute("a", {.destination = "10.2.0.0/16"}, agent_, Soon()));
  EXPECT_FALSE(networks_->RemoveRoute("a", route, agent_, Soon()));
  fail_routes_ = false;
  EXPECT_THAT(WrittenDown()[0].network->status.interfaces[0].routes, ElementsAre(route));
  ASSERT_TRUE(Add(Network("b")));
  EXPECT_THAT(routes_, ElementsAre("10.1.0.0/16"));
}

TEST_F(PodNetworksTest, TakeOver_RecordOfEachNetwork_GoesOn) {
  StartVm();
  NetworkConfig network = Network("a");
  network.dns.servers = {"192.0.2.53"};
  network.routes = {{.destination = "0.0.0.0/0", .gateway = "10.0.0.1"}};
  ASSERT_TRUE(Add(network));
  ASSERT_TRUE(Add(Network("b")));
  const std::vector<AttachmentRecord> records = WrittenDown();
  EXPECT_EQ(records, attachments_->record());
  const Status taken = TakeOver(records);
  ASSERT_TRUE(taken) << taken.error().ToString();
  EXPECT_EQ(attachments_->record(), records);
  EXPECT_THAT(networks_->dns().servers, ElementsAre("192.0.2.53"));
  EXPECT_THAT(InVm(), ElementsAre("net0-0", "net1-0"));
  EXPECT_THAT(InJournal(EffectKind::kNetwork), ElementsAre("a", "b"));
  // It knows which numbers and names are taken, and which routes the guest has.
  ASSERT_TRUE(Add(Network("c")));
  EXPECT_THAT(InVm(), ElementsAre("net0-0", "net1-0", "net2-0"));
  EXPECT_THAT(routes_, ElementsAre("0.0.0.0/0"));
  EXPECT_TRUE(networks_->Remove("a", Running(), Soon()));
  EXPECT_THAT(InVm(), ElementsAre("net1-0", "net2-0"));
}

TEST_F(PodNetworksTest, TakeOver_NetworkWasNotRecorded_IsUndone) {
  StartVm();
  ASSERT_TRUE(Add(Network("a")));
  const std::vector<AttachmentRecord> records = WrittenDown();
  ASSERT_TRUE(Add(Network("b")));
  LeaveFile("c", {});
  const Status taken = TakeOver(records);
  ASSERT_TRUE(taken) << taken.error().ToString();
  EXPECT_THAT(Names(), ElementsAre("a"));
  EXPECT_THAT(InVm(), ElementsAre("net0-0"));
  EXPECT_THAT(InJournal(EffectKind::kNetwork), ElementsAre("a"));
  EXPECT_THAT(InJournal(EffectKind::kDevice), ElementsAre("net0-0"));
  EXPECT_FALSE(FileExists(paths_.network("c")));
}

TEST_F(PodNetworksTest, TakeOver_DeviceWasUnplugged_RemovalIsFinished) {
  StartVm();
  ASSERT_TRUE(Add(Network("a")));
  ASSERT_TRUE(Add(Network("b")));
  const std::vector<AttachmentRecord> records = WrittenDown();
  ASSERT_TRUE(vm_.RemoveDevice("net0-0", Soon()));
  const Status taken = TakeOver(records);
  ASSERT_TRUE(taken) << taken.error().ToString();
  EXPECT_THAT(Names(), ElementsAre("b"));
  EXPECT_THAT(InJournal(EffectKind::kNetwork), ElementsAre("b"));
}

TEST_F(PodNetworksTest, TakeOver_StrayProcesses_AreKilledIfThePodsOwn) {
  StartVm();
  const auto spawn = [](const std::string& mark) {
    return Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = MarkedEnvironment(mark)}).value();
  };
  Subprocess ours = spawn(paths_.mark), other = spawn("another:/root/pods/web");
  NetworkTraces traces;
  traces.holder = IdentifyProcess(ours.pid()).value();
  traces.user_net = IdentifyProcess(other.pid()).value();
  LeaveFile("a", traces);
  EXPECT_TRUE(TakeOver({}));
  EXPECT_TRUE(ours.Wait(Soon()));
  EXPECT_TRUE(IsAlive(IdentifyProcess(other.pid()).value()));
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_TRUE(other.Kill(SIGKILL));
  EXPECT_TRUE(other.Wait(Soon()));
}

TEST_F(PodNetworksTest, TakeOver_RecordIsMissing_IsRefused) {
  StartVm();
  ASSERT_TRUE(Add(Network("a")));
  std::vector<AttachmentRecord> records = WrittenDown();
  attachments_->Leave();
  Reopen();
  networks_->Plan(records, nullptr);
  const Status adopted = attachments_->Adopt({}, Soon());
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
