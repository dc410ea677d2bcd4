// A pod's monitor in this process: a VM and an agent that do nothing, and calls over a socket.

#include "monitor/pod_monitor.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <thread>

#include "agent/noop/noop_agent.h"
#include "base/errors.h"
#include "hypervisor/mock/mock_hypervisor.h"
#include "monitor.pb.h"
#include "monitor/monitor_client.h"
#include "monitor/service.h"
#include "os/file.h"
#include "os/test_directory.h"
#include "pod/config_json.h"
#include "pod/store.h"
#include "ttrpc/message.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Deadline Soon() { return Deadline::After(std::chrono::seconds(30)); }

// What can be made to go wrong.
struct Faults {
  std::atomic<bool> start_of_b{false};  // StartContainer of "b" fails
  std::atomic<bool> deaf{false};        // signals are not answered
  std::atomic<bool> stuck_vm{false};    // the VM cannot be stopped
};

class FaultyAgent final : public Agent {
 public:
  explicit FaultyAgent(const Faults& faults) : faults_(faults) {}
  std::string_view name() const override { return "noop"; }
  Status Connect(const AgentAddress& address, Deadline deadline) override {
    return agent_.Connect(address, deadline);
  }
  void Close() override { agent_.Close(); }
  Status Check(Deadline deadline) override { return agent_.Check(deadline); }
  Result<AgentDetails> GetDetails(Deadline deadline) override { return agent_.GetDetails(deadline); }
  Status CreateSandbox(const SandboxConfig& config, Deadline deadline) override {
    return agent_.CreateSandbox(config, deadline);
  }
  Status DestroySandbox(Deadline deadline) override { return agent_.DestroySandbox(deadline); }
  Status SetGuestTime(Time time, Deadline deadline) override { return agent_.SetGuestTime(time, deadline); }
  Status ReseedRandom(std::string_view entropy, Deadline deadline) override {
    return agent_.ReseedRandom(entropy, deadline);
  }
  Status CreateContainer(const GuestContainer& container, Deadline deadline) override {
    return agent_.CreateContainer(container, deadline);
  }
  Status StartContainer(const std::string& container, Deadline deadline) override {
    if (container == "b" && faults_.start_of_b) return Fail(Code::kNotFound, "no such command");
    return agent_.StartContainer(container, deadline);
  }
  Status RemoveContainer(const std::string& container, Deadline deadline) override {
    return agent_.RemoveContainer(container, deadline);
  }
  Status ExecProcess(const ProcessRef& process, const ProcessConfig& config, Deadline deadline) override {
    return agent_.ExecProcess(process, config, deadline);
  }
  Status SignalProcess(const ProcessRef& process, int signal, bool all, Deadline deadline) override {
    if (!faults_.deaf) return agent_.SignalProcess(process, signal, all, deadline);
    // A guest that hangs: the caller waits for as long as it wants to.
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(deadline.remaining(), std::chrono::seconds(60)));
    return Fail(Code::kDeadlineExceeded, "no answer");
  }
  Status ResizeTerminal(const ProcessRef& process, uint16_t rows, uint16_t columns,
                        Deadline deadline) override {
    return agent_.ResizeTerminal(process, rows, columns, deadline);
  }
  void WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) override {
    agent_.WaitProcess(process, std::move(done));
  }
  void ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                  Callback<std::string> done) override {
    agent_.ReadOutput(process, stream, size, std::move(done));
  }
  void WriteStdin(const ProcessRef& process, std::string data, Callback<void> done) override {
    agent_.WriteStdin(process, std::move(data), std::move(done));
  }
  Status CloseStdin(const ProcessRef& process, Deadline deadline) override {
    return agent_.CloseStdin(process, deadline);
  }

 private:
  const Faults& faults_;
  NoopAgent agent_;
};

class StickyHypervisor final : public Hypervisor {
 public:
  explicit StickyHypervisor(const Faults& faults) : faults_(faults) {}
  std::string_view name() const override { return "mock"; }
  Result<VmInfo> Start(const VmConfig& config, Deadline deadline) override {
    return vm_.Start(config, deadline);
  }
  VmState state() const override { return vm_.state(); }
  Status Pause(Deadline deadline) override { return vm_.Pause(deadline); }
  Status Resume(Deadline deadline) override { return vm_.Resume(deadline); }
  Status Stop(Deadline deadline) override {
    if (faults_.stuck_vm) return Fail(Code::kDeadlineExceeded, "the vm does not die");
    return vm_.Stop(deadline);
  }
  Result<VmExit> WaitExit(Deadline deadline) override { return vm_.WaitExit(deadline); }

 private:
  const Faults& faults_;
  MockHypervisor vm_;
};

class PodMonitorTest : public testing::Test {
 protected:
  PodMonitorTest() {
    parts_.hypervisors["mock"] = [this] { return std::make_unique<StickyHypervisor>(faults_); };
    parts_.agents["noop"] = [this] { return std::make_unique<FaultyAgent>(faults_); };
    ::mkdir((directory_ / "rootfs").c_str(), 0755);
  }

  ContainerConfig Container(const std::string& id, std::vector<std::string> args = {"sleep"}) const {
    ContainerConfig config;
    config.id = id;
    config.rootfs = directory_ / "rootfs";
    config.process.args = std::move(args);
    return config;
  }

  static ProcessConfig Command(std::vector<std::string> args) {
    ProcessConfig command;
    command.args = std::move(args);
    return command;
  }

  void Create(std::vector<ContainerConfig> containers) {
    PodConfig config;
    config.id = "web";
    config.hypervisor.type = "mock";
    config.agent.type = "noop";
    config.containers = std::move(containers);
    ASSERT_TRUE(store_.CreatePod(config));
    ASSERT_TRUE(MakeDirectories(files_.paths().run_dir));
    pod_ = std::make_unique<PodMonitor>(parts_, files_, "/guest");
  }

  void Start(std::vector<ContainerConfig> containers) {
    Create(std::move(containers));
    const Status started = pod_->Start(Soon());
    ASSERT_TRUE(started) << started.error().ToString();
  }

  PodRecord Record() const { return files_.LoadRecord().value_or(PodRecord{}); }

  Faults faults_;
  MonitorParts parts_;
  const TestDirectory directory_;
  const Store store_ = *Store::Open(directory_ / "root", directory_ / "run");
  const PodFiles files_ = store_.Pod("web");
  std::unique_ptr<PodMonitor> pod_;
};

TEST_F(PodMonitorTest, AWholeLife) {
  Start({Container("a"), Container("b", {"exit", "4"})});
  EXPECT_EQ(Record().state, PodState::kRunning);
  EXPECT_EQ(Record().monitor.pid, ::getpid());
  ASSERT_TRUE(pod_->StopContainer("a", milliseconds(1000), Soon()));
  EXPECT_EQ(Record().Find("a")->exit, ExitStatus{128 + SIGTERM});
  ASSERT_TRUE(pod_->StopContainer("b", milliseconds(1000), Soon())) << "it ended by itself";
  EXPECT_EQ(Record().Find("b")->exit, ExitStatus{4});
  ASSERT_TRUE(pod_->StartContainer("b", Soon()));
  ASSERT_TRUE(pod_->CreateContainer(Container("c"), Soon()));
  ASSERT_TRUE(pod_->StartContainer("c", Soon()));
  ASSERT_TRUE(pod_->Exec("c", Command({"true"}), Soon()));
  ASSERT_TRUE(pod_->StopPod(milliseconds(1000), Soon()));
  pod_->WaitUntilStopped();
  EXPECT_EQ(Record().state, PodState::kStopped);
  EXPECT_EQ(Record().vm, std::nullopt);
  EXPECT_FALSE(FileExists(files_.paths().run_dir));
  EXPECT_TRUE(pod_->StopPod(milliseconds(0), Soon())) << "who comes late finds it done";
  EXPECT_EQ(pod_->Exec("", Command({"true"}), Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(pod_->CreateContainer(Container("d"), Soon()).error().code(), Code::kUnavailable);
}

TEST_F(PodMonitorTest, ThePodIsServedBeforeItIsSaidToRun) {
  Create({Container("a")});
  PodState seen = PodState::kPaused;
  ContainerState container = ContainerState::kPaused;
  ASSERT_TRUE(pod_->Start(Soon(), [&]() -> Status {
    seen = Record().state;
    container = Record().Find("a")->state;
    return {};
  }));
  EXPECT_EQ(seen, PodState::kReady);
  EXPECT_EQ(container, ContainerState::kReady) << "no part of a start is seen";
  EXPECT_EQ(Record().state, PodState::kRunning);
}

TEST_F(PodMonitorTest, AStartThatFailsIsUndone) {
  faults_.start_of_b = true;
  Create({Container("a", {"true"}), Container("b")});
  const Status started = pod_->Start(Soon());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().ToString(), "start container 'b': no such command");
  EXPECT_EQ(started.error().code(), Code::kNotFound);
  pod_.reset();
  const PodRecord record = Record();
  EXPECT_EQ(record.state, PodState::kReady);
  EXPECT_EQ(record.vm, std::nullopt);
  for (const ContainerRecord& container : record.containers) {
    EXPECT_EQ(container.state, ContainerState::kReady) << container.id;
    EXPECT_FALSE(container.exit);
  }
  EXPECT_FALSE(FileExists(files_.paths().run_dir));
}

TEST_F(PodMonitorTest, APodThatCannotBeServedIsNotStarted) {
  Create({Container("a")});
  EXPECT_EQ(pod_->Start(Soon(), [] { return Status(Fail(Code::kAlreadyExists, "taken")); }).error().message(),
            "taken");
  pod_.reset();
  EXPECT_EQ(Record().state, PodState::kReady);
}

// The pod was deleted while its monitor came up: a VM that nobody knows of would be left.
TEST_F(PodMonitorTest, APodThatCannotBeWrittenDownIsNotStarted) {
  Create({Container("a")});
  parts_.agents["noop"] = [&]() -> std::unique_ptr<Agent> {
    EXPECT_TRUE(RemoveTree(files_.paths().dir));
    return std::make_unique<FaultyAgent>(faults_);
  };
  const Status started = pod_->Start(Soon());
  ASSERT_FALSE(started);
  pod_.reset();
  siginfo_t info{};
  EXPECT_NE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0) << "the VM runs";
  EXPECT_FALSE(FileExists(files_.paths().dir)) << "nothing of it comes back";
}

TEST_F(PodMonitorTest, AContainerThatDidNotStartCanBeStartedAgain) {
  faults_.start_of_b = true;
  Start({Container("a")});
  ASSERT_TRUE(pod_->CreateContainer(Container("b"), Soon()));
  EXPECT_EQ(pod_->StartContainer("b", Soon()).error().code(), Code::kNotFound);
  EXPECT_EQ(Record().Find("b")->state, ContainerState::kReady);
  faults_.start_of_b = false;
  EXPECT_TRUE(pod_->StartContainer("b", Soon()));
  EXPECT_EQ(Record().Find("b")->state, ContainerState::kRunning);
}

TEST_F(PodMonitorTest, AVmThatIsKilledStopsThePod) {
  Start({Container("a"), Container("b", {"true"})});
  ASSERT_TRUE(pod_->StopContainer("b", milliseconds(1000), Soon()));
  ASSERT_EQ(::kill(Record().vm->process.pid, SIGKILL), 0);
  pod_->WaitUntilStopped();
  const PodRecord record = Record();
  EXPECT_EQ(record.state, PodState::kStopped);
  EXPECT_EQ(record.reason, "vm exited: killed by signal 9");
  EXPECT_EQ(record.containers[0].reason, "vm exited: killed by signal 9");
  EXPECT_EQ(record.containers[1].reason, "");
  EXPECT_EQ(record.containers[1].exit, ExitStatus{0});
}

TEST_F(PodMonitorTest, AVmThatCannotBeStoppedIsNotSaidToBe) {
  Start({Container("a")});
  faults_.stuck_vm = true;
  EXPECT_EQ(pod_->StopPod(milliseconds(100), Soon()).error().message(), "the vm does not die");
  EXPECT_EQ(Record().state, PodState::kRunning);
  faults_.stuck_vm = false;
  EXPECT_TRUE(pod_->StopPod(milliseconds(100), Soon())) << "again";
  EXPECT_EQ(Record().state, PodState::kStopped);
}

TEST_F(PodMonitorTest, AGuestThatHangsIsStoppedInBoundedTime) {
  Start({Container("a"), Container("b"), Container("c")});
  faults_.deaf = true;
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(pod_->StopPod(milliseconds(100), Soon()));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
  EXPECT_EQ(Record().state, PodState::kStopped);
}

TEST_F(PodMonitorTest, AnOperationWhoseCallerHasGoneDoesNothing) {
  Start({Container("a")});
  const Deadline passed = Deadline::After(std::chrono::seconds(-1));
  for (const Status& status :
       {pod_->StopPod(milliseconds(0), passed), pod_->StopContainer("a", milliseconds(0), passed),
        pod_->StartContainer("a", passed), pod_->DeleteContainer("a", passed),
        pod_->CreateContainer(Container("b"), passed)}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), Code::kDeadlineExceeded);
  }
  EXPECT_EQ(Record().Find("a")->state, ContainerState::kRunning);
  EXPECT_EQ(Record().containers.size(), 1u);
}

TEST_F(PodMonitorTest, ItCanBeDestroyedWhileEverythingRuns) {
  Start({Container("a"), Container("b")});
  const pid_t vm = Record().vm->process.pid;
  ASSERT_TRUE(pod_->Exec("a", Command({"cat"}), Soon()));
  pod_.reset();
  EXPECT_NE(::kill(vm, 0), 0);
}

class ServedPod : public PodMonitorTest {
 protected:
  ~ServedPod() override {
    server_.reset();
    service_.reset();
  }

  void Serve(std::vector<ContainerConfig> containers) {
    Create(std::move(containers));
    ASSERT_TRUE(pod_->Start(Soon(), [this] {
      service_ = std::make_unique<MonitorService>(*pod_);
      server_ = std::make_unique<ttrpc::Server>(*service_);
      return server_->Listen(files_.paths().monitor_socket());
    }));
    client_ = Connect();
  }

  std::shared_ptr<MonitorClient> Connect() const {
    auto client = MonitorClient::Connect(files_.paths().monitor_socket(), Soon());
    EXPECT_TRUE(client) << client.error().ToString();
    return client.value_or(nullptr);
  }

  template <typename Message>
  Result<std::string> Call(const char* method, const Message& message) {
    return client_->Call(method, ttrpc::SerializeMessage(message), Soon());
  }

  static wire::ProcessRequest Process(const std::string& container, const std::string& exec) {
    wire::ProcessRequest request;
    request.set_container(container);
    request.set_exec(exec);
    return request;
  }

  std::string Exec(const std::string& container, std::vector<std::string> args) {
    wire::ExecRequest request;
    request.set_container(container);
    request.set_config(DumpJson(ToJson(Command(std::move(args))), false));
    const auto answer = Call("Exec", request);
    EXPECT_TRUE(answer) << answer.error().ToString();
    if (!answer) return "";
    return ttrpc::ParseMessage<wire::ExecResponse>(*answer)->exec();
  }

  Result<std::string> Read(const std::string& exec, uint64_t timeout_ms) {
    wire::ReadRequest request;
    *request.mutable_process() = Process("a", exec);
    request.set_size(100);
    request.set_timeout_ms(timeout_ms);
    VC_ASSIGN_OR_RETURN(const std::string payload, Call("Read", request));
    return ttrpc::ParseMessage<wire::ReadResponse>(payload)->data();
  }

  Status Write(const std::string& exec, const std::string& data) {
    wire::WriteRequest request;
    *request.mutable_process() = Process("a", exec);
    request.set_data(data);
    return Call("Write", request).map([](const std::string&) {});
  }

  static size_t Threads() {
    const std::filesystem::directory_iterator begin("/proc/self/task");
    return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator()));
  }

  std::unique_ptr<MonitorService> service_;
  std::unique_ptr<ttrpc::Server> server_;
  std::shared_ptr<MonitorClient> client_;
};

TEST_F(ServedPod, ProcessesAreReadWrittenAndWaitedFor) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  EXPECT_TRUE(Call("Find", Process("a", exec)));
  EXPECT_EQ(Read(exec, 1).error().code(), Code::kDeadlineExceeded);
  ASSERT_TRUE(Write(exec, "hello"));
  EXPECT_EQ(Read(exec, 0).value(), "hello");
  ASSERT_TRUE(Call("CloseStdin", Process("a", exec)));
  EXPECT_EQ(Read(exec, 20'000).value(), "");
  const auto exit = Call("Wait", Process("a", exec));
  ASSERT_TRUE(exit);
  EXPECT_EQ(ttrpc::ParseMessage<wire::WaitResponse>(*exit)->code(), 0);
}

TEST_F(ServedPod, WhatIsNotThereIsSaidToBe) {
  Serve({Container("a")});
  for (const char* method : {"Wait", "Find", "CloseStdin"}) {
    EXPECT_EQ(Call(method, Process("a", "e")).error().code(), Code::kNotFound) << method;
  }
  EXPECT_EQ(Read("e", 0).error().code(), Code::kNotFound);
  EXPECT_EQ(Write("e", "x").error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Call("Dance", "", Soon()).error().code(), Code::kUnimplemented);
}

TEST_F(ServedPod, MessagesThatAreNoneAreRefused) {
  Serve({Container("a")});
  const std::string garbage = "\xff\xff\xff\xff";
  for (const char* method :
       {"StopPod", "StopContainer", "CreateContainer", "Exec", "DeleteContainer", "StartContainer", "Attach",
        "CloseStdin", "Signal", "Resize", "Wait", "Read", "Write", "Find"}) {
    EXPECT_EQ(client_->Call(method, garbage, Soon()).error().code(), Code::kInvalidArgument) << method;
  }
  wire::ConfigRequest config;
  for (const std::string& json : {std::string(), std::string("[]"), std::string(500'000, '[')}) {
    config.set_config(json);
    EXPECT_EQ(Call("CreateContainer", config).error().code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(Record().state, PodState::kRunning);
}

TEST_F(ServedPod, OutputThatAReaderWhoDiedWouldHaveHadIsKept) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  const size_t threads = Threads();
  {
    const auto dying = Connect();
    wire::ReadRequest request;
    *request.mutable_process() = Process("a", exec);
    request.set_size(100);
    EXPECT_EQ(dying->Call("Read", ttrpc::SerializeMessage(request), Deadline::After(milliseconds(50)))
                  .error()
                  .code(),
              Code::kDeadlineExceeded);
  }
  // The server has seen that when the connection's threads are gone.
  const Deadline end = Soon();
  while (Threads() > threads && !end.passed()) std::this_thread::yield();
  ASSERT_TRUE(Write(exec, "precious"));
  EXPECT_EQ(Read(exec, 20'000).value_or("[lost]"), "precious");
}

TEST_F(ServedPod, StopEndsWhatIsUnderWay) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  auto waiting = std::async(std::launch::async, [&] { return Call("Wait", Process("a", exec)); });
  auto reading = std::async(std::launch::async, [&] { return Read(exec, 0); });
  wire::StopRequest stop;
  stop.set_grace_ms(1000);
  (void)Call("StopPod", stop);
  pod_->WaitUntilStopped();
  server_->Stop();
  (void)waiting.get();
  (void)reading.get();
  EXPECT_EQ(Record().state, PodState::kStopped);
}

TEST_F(ServedPod, ManyCallersAtOnce) {
  Serve({Container("a"), Container("b", {"true"})});
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Deadline end = Deadline::After(milliseconds(1000));
  std::vector<std::thread> callers;
  for (unsigned number = 0; number < 6; ++number) {
    callers.emplace_back([&, number] {
      std::mt19937 random(seed + number);
      const auto client = Connect();
      while (!end.passed()) {
        const std::string id(1, "ab"[random() % 2]);
        switch (random() % 6) {
          case 0:
            (void)pod_->StopContainer(id, milliseconds(random() % 2), Soon());
            break;
          case 1:
            (void)pod_->StartContainer(id, Soon());
            break;
          case 2:
            (void)pod_->DeleteContainer(id, Soon());
            break;
          case 3:
            (void)pod_->CreateContainer(Container(id, {random() % 2 == 0 ? "true" : "sleep"}), Soon());
            break;
          default: {
            const auto exec = pod_->Exec(random() % 2 == 0 ? "" : id, Command({"echo", "x"}), Soon());
            if (!exec) break;
            wire::ReadRequest read;
            *read.mutable_process() = Process(id, *exec);
            read.set_size(10);
            read.set_timeout_ms(1 + random() % 3);
            (void)client->Call("Read", ttrpc::SerializeMessage(read), Soon());
            (void)client->Call("Wait", ttrpc::SerializeMessage(Process("", *exec)), Soon());
          }
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(pod_->StopPod(milliseconds(1000), Soon()));
  pod_->WaitUntilStopped();
  EXPECT_EQ(Record().state, PodState::kStopped);
}

}  // namespace
}  // namespace virtcontainers
