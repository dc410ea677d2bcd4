// Handles to a pod and to a container: the calls of Runtime on one pod or one container.
//
//     vc::Container job = runtime.pod("web").container("job");
//     auto process = job.Enter(command);
//     auto stopped = job.Stop();

#ifndef VIRTCONTAINERS_POD_H_
#define VIRTCONTAINERS_POD_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virtcontainers/command.h"
#include "virtcontainers/config.h"
#include "virtcontainers/copy.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/dial.h"
#include "virtcontainers/error.h"
#include "virtcontainers/process.h"
#include "virtcontainers/stats.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

class Container;
class Runtime;

// A pod, by its id: a value that holds a reference to a Runtime and the id, and nothing else. Every method
// forwards to the call of Runtime that its comment names, which gives the effect, the legal states, the
// errors and what the deadline bounds. Thread-safe, as Runtime is; copies are equal.
//
// Making a handle, copying it and destroying it does nothing to the pod, which may not exist: its methods
// then answer NotFound. A handle to a pod that was deleted and created again works on the new pod. The
// Runtime must outlive the handle, and must not be moved while there are handles of it.
class Pod {
 public:
  Pod(Runtime& runtime, std::string_view id) : runtime_(&runtime), id_(id) {}

  const std::string& id() const { return id_; }

  // A handle to a container of the pod.
  Container container(std::string_view container) const;

  // Runtime::StartPod
  Status Start(Deadline deadline = Deadline::After(std::chrono::seconds(120))) const;

  // Runtime::StopPod
  Status Stop(std::chrono::milliseconds grace = std::chrono::seconds(5),
              Deadline deadline = Deadline::After(std::chrono::seconds(60))) const;

  // Runtime::DeletePod
  Status Delete(Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  // Runtime::PausePod and Runtime::ResumePod
  Status Pause(Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;
  Status Resume(Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  // Runtime::RestoreMonitor
  Result<bool> RestoreMonitor(Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  // Runtime::FetchPod
  Result<PodConfig> Fetch() const;

  // Runtime::PodStatus
  Result<PodStatus> GetStatus() const;

  // Runtime::StatsPod
  Result<PodStats> GetStats(Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::AddNetwork, Runtime::RemoveNetwork, Runtime::AddRoute and Runtime::RemoveRoute
  Result<NetworkStatus> AddNetwork(const NetworkConfig& network, int descriptor = -1,
                                   Deadline deadline = Deadline::After(std::chrono::seconds(60))) const;
  Status RemoveNetwork(std::string_view network,
                       Deadline deadline = Deadline::After(std::chrono::seconds(60))) const;
  Status AddRoute(std::string_view network, const Route& route,
                  Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;
  Status RemoveRoute(std::string_view network, const Route& route,
                     Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::CreateContainer. The handle to the new container is container(config.id).
  Status CreateContainer(const ContainerConfig& config,
                         Deadline deadline = Deadline::After(std::chrono::seconds(60))) const;

  // Runtime::EnterPod
  Result<std::unique_ptr<Process>> Enter(const ProcessConfig& command,
                                         Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  // Runtime::RunCommand, in the pod's root file system
  Result<CommandResult> RunCommand(const ProcessConfig& command, const CommandOptions& options = {},
                                   Deadline deadline = Deadline::Infinite()) const;

  // Runtime::OpenProcess, for a process that Enter has started
  Result<std::unique_ptr<Process>> OpenProcess(
      std::string_view process, Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::Dial
  Result<int> Dial(const DialTarget& target,
                   Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  friend bool operator==(const Pod&, const Pod&) = default;

 private:
  Runtime* runtime_;
  std::string id_;
};

// A container, by the ids of its pod and of itself. A value, as Pod is, and under the same conditions. Unlike
// in the calls of Runtime, an empty id never means the pod's own root file system: it is InvalidArgument.
class Container {
 public:
  Container(Runtime& runtime, std::string_view pod, std::string_view id)
      : runtime_(&runtime), pod_id_(pod), id_(id) {}

  const std::string& id() const { return id_; }
  const std::string& pod_id() const { return pod_id_; }

  // A handle to the container's pod.
  Pod pod() const { return Pod(*runtime_, pod_id_); }

  // Runtime::StartContainer
  Status Start(Deadline deadline = Deadline::After(std::chrono::seconds(60))) const;

  // Runtime::StopContainer
  Status Stop(std::chrono::milliseconds grace = std::chrono::seconds(5),
              Deadline deadline = Deadline::After(std::chrono::seconds(60))) const;

  // Runtime::DeleteContainer
  Status Delete(Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  // Runtime::PauseContainer and Runtime::ResumeContainer
  Status Pause(Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;
  Status Resume(Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::KillContainer
  Status Kill(int signal, Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::WaitContainer
  Result<ExitStatus> Wait(Deadline deadline = Deadline::Infinite()) const;

  // Runtime::UpdateContainer
  Status Update(const ContainerResources& resources,
                Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::ContainerStatus
  Result<ContainerStatus> GetStatus() const;

  // Runtime::StatsContainer
  Result<ContainerStats> GetStats(Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::ProcessListContainer
  Result<std::vector<ProcessInfo>> ListProcesses(
      Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::EnterContainer
  Result<std::unique_ptr<Process>> Enter(const ProcessConfig& command,
                                         Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  // Runtime::RunCommand
  Result<CommandResult> RunCommand(const ProcessConfig& command, const CommandOptions& options = {},
                                   Deadline deadline = Deadline::Infinite()) const;

  // Runtime::AttachContainer
  Result<std::unique_ptr<Process>> Attach(
      Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::OpenProcess, for a process that Enter has started
  Result<std::unique_ptr<Process>> OpenProcess(
      std::string_view process, Deadline deadline = Deadline::After(std::chrono::seconds(10))) const;

  // Runtime::Dial. The container of `target` is this one, whatever it says.
  Result<int> Dial(DialTarget target, Deadline deadline = Deadline::After(std::chrono::seconds(30))) const;

  // Runtime::CopyTo: `source` is a path of the host, and `destination` a path of the container.
  Result<CopyReport> CopyTo(const std::string& source, const std::string& destination,
                            const CopyOptions& options = {},
                            Deadline deadline = Deadline::After(std::chrono::minutes(10))) const;

  // Runtime::CopyFrom: `source` is a path of the container, and `destination` a path of the host.
  Result<CopyReport> CopyFrom(const std::string& source, const std::string& destination,
                              const CopyLimits& limits = {},
                              Deadline deadline = Deadline::After(std::chrono::minutes(10))) const;

  friend bool operator==(const Container&, const Container&) = default;

 private:
  Runtime* runtime_;
  std::string pod_id_;
  std::string id_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_POD_H_
