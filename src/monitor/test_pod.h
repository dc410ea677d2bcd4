// A pod's monitor in this process, with a VM and an agent that do nothing, or what they should not. For tests
// only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_TEST_POD_H_
#define VIRTCONTAINERS_SRC_MONITOR_TEST_POD_H_

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/noop/noop_agent.h"
#include "base/errors.h"
#include "base/test_deadline.h"
#include "hypervisor/mock/mock_hypervisor.h"
#include "monitor/pod_monitor.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/test_directory.h"
#include "pod/store.h"

namespace virtcontainers {

// What can be made to go wrong.
struct Faults {
  std::atomic<bool> start_of_b{false};  // StartContainer of "b" fails
  std::atomic<bool> deaf{false};        // signals are not answered
  std::atomic<bool> stuck_vm{false};    // the VM cannot be stopped
  std::function<void()> before_start;   // called when a container is about to be started
  std::function<void()> before_wait;    // called when a process begins to be waited for
  // Makes what is in a guest that has been there before its monitor.
  std::function<void(Agent& guest)> guest;
  // Called with what the guest is told of its networks; their errors are the guest's.
  std::function<Status(const NetworkInterface& interface)> update_interface;
  std::function<Status(const std::vector<NetworkInterface>& interfaces)> update_routes;
};

class FaultyAgent final : public Agent {
 public:
  explicit FaultyAgent(const Faults& faults) : faults_(faults) {}
  std::string_view name() const override { return "noop"; }
  bool has_guest() const override { return false; }
  Status Connect(const AgentAddress& address, Deadline deadline) override {
    const Status connected = agent_.Connect(address, deadline);
    if (connected && faults_.guest) faults_.guest(agent_);
    return connected;
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
  Status UpdateInterface(const NetworkInterface& interface, Deadline deadline) override {
    if (faults_.update_interface) VC_RETURN_IF_ERROR(faults_.update_interface(interface));
    return agent_.UpdateInterface(interface, deadline);
  }
  Status UpdateRoutes(const std::vector<NetworkInterface>& interfaces, Deadline deadline) override {
    if (faults_.update_routes) VC_RETURN_IF_ERROR(faults_.update_routes(interfaces));
    return agent_.UpdateRoutes(interfaces, deadline);
  }
  Status CreateContainer(const GuestContainer& container, Deadline deadline) override {
    return agent_.CreateContainer(container, deadline);
  }
  Status StartContainer(const std::string& container, Deadline deadline) override {
    if (faults_.before_start) faults_.before_start();
    if (container == "b" && faults_.start_of_b) return Fail(Code::kNotFound, "no such command");
    return agent_.StartContainer(container, deadline);
  }
  Status RemoveContainer(const std::string& container, Deadline deadline) override {
    return agent_.RemoveContainer(container, deadline);
  }
  Status PauseContainer(const std::string& container, Deadline deadline) override {
    return agent_.PauseContainer(container, deadline);
  }
  Status ResumeContainer(const std::string& container, Deadline deadline) override {
    return agent_.ResumeContainer(container, deadline);
  }
  Status UpdateContainer(const std::string& container, const ContainerResources& resources,
                         Deadline deadline) override {
    return agent_.UpdateContainer(container, resources, deadline);
  }
  Result<ContainerStats> StatsContainer(const std::string& container, Deadline deadline) override {
    return agent_.StatsContainer(container, deadline);
  }
  Result<std::vector<ProcessInfo>> ListProcesses(const std::string& container, Deadline deadline) override {
    return agent_.ListProcesses(container, deadline);
  }
  Status CopyFile(const std::string& container, const FileChunk& chunk, Deadline deadline) override {
    return agent_.CopyFile(container, chunk, deadline);
  }
  void NextOom(Callback<std::string> done) override { agent_.NextOom(std::move(done)); }
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
    if (faults_.before_wait) faults_.before_wait();
    agent_.WaitProcess(process, std::move(done));
  }
  void AcknowledgeExits(const std::vector<ProcessRef>& processes) override {
    agent_.AcknowledgeExits(processes);
  }
  void ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                  Callback<std::string> done) override {
    agent_.ReadOutput(process, stream, size, std::move(done));
  }
  void ReadOutputFrom(const ProcessRef& process, OutputStream stream, const OutputRange& range,
                      Callback<OutputPiece> done) override {
    agent_.ReadOutputFrom(process, stream, range, std::move(done));
  }
  Result<GuestState> GetState(Deadline deadline) override { return agent_.GetState(deadline); }
  void WriteStdin(const ProcessRef& process, const InputPosition& position, std::string data,
                  Deadline deadline, Callback<InputTaken> done) override {
    agent_.WriteStdin(process, position, std::move(data), deadline, std::move(done));
  }
  Status CloseStdin(const ProcessRef& process, const InputPosition& end, Deadline deadline) override {
    return agent_.CloseStdin(process, end, deadline);
  }

 private:
  const Faults& faults_;
  NoopAgent agent_;
};

class StickyHypervisor final : public Hypervisor {
 public:
  explicit StickyHypervisor(const Faults& faults) : faults_(faults) {}
  std::string_view name() const override { return "mock"; }
  Result<HypervisorFeatures> features(const HypervisorConfig& config,
                                      const ResourceConfig& resources) const override {
    return vm_.features(config, resources);
  }
  Result<VmInfo> Start(const VmConfig& config, Deadline deadline) override {
    return vm_.Start(config, deadline);
  }
  Result<VmInfo> Attach(const VmConfig& config, const VmInfo& running, Deadline deadline) override {
    return vm_.Attach(config, running, deadline);
  }
  void Detach() override { vm_.Detach(); }
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
    // This process is the pod's monitor.
    ::setenv(kPodMark, files_.paths().mark.c_str(), 1);
  }
  ~PodMonitorTest() override { ::unsetenv(kPodMark); }

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

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_TEST_POD_H_
