// What state.json says of a pod: what has happened to it, as far as it was seen.

#ifndef VIRTCONTAINERS_SRC_POD_RECORD_H_
#define VIRTCONTAINERS_SRC_POD_RECORD_H_

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "virtcontainers/hypervisor.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

struct ContainerRecord {
  std::string id;
  ContainerState state = ContainerState::kReady;
  std::string reason;
  std::optional<ExitStatus> exit;
  std::optional<Time> created, started, finished;
  // Stopped, and the guest has it anew, for the start that is under way: how it ends there is the end of its
  // next life, and not the one that is written down here.
  bool restarting = false;
};

// What the last start made; meaningful while running, and for cleaning up after.
struct VmRecord {
  VmInfo info;
  std::string mark;  // that its processes were started with (pod_mark.h)
  std::string agent_version;
};

// "virtio-serial", "vsock", "hybrid-vsock" or, without an agent, "none".
const char* TransportOf(const AgentAddress& address);

// A process of the host that the VM cannot do without, such as virtiofsd.
struct AttachedProcess {
  std::string name;
  ProcessIdentity identity;

  friend bool operator==(const AttachedProcess&, const AttachedProcess&) = default;
};

// A network of a pod that runs.
struct NetworkRecord {
  NetworkConfig config;
  NetworkStatus status;

  friend bool operator==(const NetworkRecord&, const NetworkRecord&) = default;
};

// What the next monitor needs of an attachment (src/monitor/attachment.h).
struct AttachmentRecord {
  std::string name;
  std::vector<AttachedProcess> processes;
  std::vector<std::string> devices;      // ids of the VM's devices
  std::optional<NetworkRecord> network;  // of a network

  friend bool operator==(const AttachmentRecord&, const AttachmentRecord&) = default;
};

struct PodRecord {
  PodState state = PodState::kReady;
  std::string reason;
  std::optional<Time> created, started, finished;
  std::optional<VmRecord> vm;
  ProcessIdentity monitor;  // pid 0 if there is none
  std::vector<AttachmentRecord> attachments;
  std::vector<ContainerRecord> containers;  // in the order of their creation

  ContainerRecord* Find(std::string_view container);
  // The processes of the VM and of the attachments.
  std::vector<ProcessIdentity> Processes() const;
};

Json ToJson(const PodRecord& record);

// Errors: InvalidArgument, naming the field.
Result<PodRecord> PodRecordFromJson(const Json& json);

// The pod has ended: its state and its running containers' become stopped, for `reason` (empty: it was asked
// to).
void MarkStopped(PodRecord& record, const std::string& reason, Time when);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_RECORD_H_
