// The interface to the agent, the program that makes containers inside the guest.
//
// An Agent lives in the pod's monitor. "kata" is the default and speaks Kata's agent protocol; "noop" is for
// VMs without an agent and for tests. An implementation must pass the contract suite in
// test/contract/agent_contract.h.

#ifndef VIRTCONTAINERS_AGENT_H_
#define VIRTCONTAINERS_AGENT_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/agent_address.h"
#include "virtcontainers/config.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"
#include "virtcontainers/stats.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// What the guest needs to know of the pod.
struct SandboxConfig {
  std::string id;
  std::string hostname;
  std::string share_tag;  // the virtio-fs that carries the root file systems; empty if there is none
  // How many descriptors the host's virtiofsd may have. The guest drops cached files of the share before
  // virtiofsd runs out of descriptors. 0: unknown.
  uint64_t share_descriptors = 0;
  Bytes shared_memory = Bytes::MiB(64);
};

// What the guest needs to know of a container: its configuration with all defaults filled in, and with paths
// of the guest as the sources of bind mounts.
struct GuestContainer {
  ContainerConfig config;
  std::string rootfs;  // the root file system's path in the guest
};

// A part of a file that is copied into a container.
struct FileChunk {
  std::string copy;     // the same for all parts of one copy, and for no other copy
  std::string path;     // absolute, in the container
  uint64_t size = 0;    // of the whole file
  uint64_t offset = 0;  // of this part; parts come in order, without gaps
  std::string data;
  uint32_t mode = 0644;  // permission bits
  uint32_t uid = 0, gid = 0;
};

// A process in the guest: the container's first one if `exec` is empty.
struct ProcessRef {
  std::string container;
  std::string exec;
};

enum class OutputStream { kStdout, kStderr };

// A request for a part of a stream. Offsets count from the stream's first byte.
struct OutputRange {
  // The first byte. Not given: the oldest byte that has not been acknowledged.
  std::optional<uint64_t> offset;
  // The caller will not ask again for bytes before this offset, and the guest forgets them. The guest keeps
  // bytes that it has sent and that are not acknowledged, at most 1 MiB, and sends them again on request.
  uint64_t acknowledged = 0;
  uint32_t size = 0;  // at most
};

struct OutputPiece {
  uint64_t offset = 0;  // of the first byte
  std::string data;     // empty: the stream's end
};

// A position in the bytes that a writer writes to a process's standard input. A process may have several
// writers. Each counts its own bytes, so that the guest takes a repeated write only once.
struct InputPosition {
  // Unique among the process's writers, at most 64 bytes. Empty: a writer without offsets, each of whose
  // writes is taken.
  std::string writer;
  uint64_t offset = 0;  // bytes that the writer has written before
  bool again = false;   // the same call may have been made before, with its answer lost
};

struct InputTaken {
  uint64_t taken = 0;   // bytes of the writer that the process's input has taken; the writer's next offset
  bool closed = false;  // the process's input takes no more
};

// The contents of a guest, for a monitor that takes it over.
struct GuestState {
  struct Container {
    std::string id;
    ContainerState state = ContainerState::kReady;
    std::vector<std::string> execs;  // including ended ones whose exit status is known
  };
  std::string sandbox;                // empty: there is none yet
  std::vector<Container> containers;  // in no order
  std::vector<std::string> execs;     // in the guest's own root
};

struct AgentDetails {
  std::string version;
};

// The connection to one guest. Thread-safe. Every call answers Unavailable once the link is broken, and
// DeadlineExceeded when the guest does not answer in time. Implementations bound and check everything that
// the guest sends.
//
// Callbacks run on a thread of the Agent and must not block. Each is called exactly once, also when the link
// breaks.
class Agent {
 public:
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  virtual ~Agent() = default;

  virtual std::string_view name() const = 0;

  // Whether there is a guest that needs files of the host and can be asked to power off.
  virtual bool has_guest() const { return true; }

  // Connects and waits until the guest answers. Errors: DeadlineExceeded if the guest does not answer in
  // time.
  virtual Status Connect(const AgentAddress& address, Deadline deadline) = 0;

  // Closes the link for good. Every call under way answers Unavailable. No callback runs after Close has
  // returned. Idempotent. Illegal in a callback.
  virtual void Close() = 0;

  virtual Status Check(Deadline deadline) = 0;
  virtual Result<AgentDetails> GetDetails(Deadline deadline) = 0;

  // Errors: Unimplemented for an agent that knows only Kata's protocol.
  virtual Result<GuestState> GetState(Deadline deadline) = 0;

  // Prepares the guest for containers. Legal once.
  virtual Status CreateSandbox(const SandboxConfig& config, Deadline deadline) = 0;
  // Ends everything in the guest and powers it off.
  virtual Status DestroySandbox(Deadline deadline) = 0;

  virtual Status SetGuestTime(Time time, Deadline deadline) = 0;
  virtual Status ReseedRandom(std::string_view entropy, Deadline deadline) = 0;

  // Gives the guest's interface with the MAC address of `interface` its name, MTU, addresses and neighbors,
  // and brings it up. Waits a moment for a device that was plugged just now. Sets no routes. Legal after
  // CreateSandbox, and again with other values. Errors: NotFound without an interface of that MAC address.
  virtual Status UpdateInterface(const NetworkInterface& interface, Deadline deadline) = 0;
  // Replaces all routes of the guest but the kernel's own by those of `interfaces`. Errors: those of the
  // guest's kernel, naming the route; the routes before it are set then.
  virtual Status UpdateRoutes(const std::vector<NetworkInterface>& interfaces, Deadline deadline) = 0;

  // Errors: NotFound for a command that is not in the root file system, PermissionDenied for a file that
  // cannot be executed.
  virtual Status CreateContainer(const GuestContainer& container, Deadline deadline) = 0;
  virtual Status StartContainer(const std::string& container, Deadline deadline) = 0;
  // Removes a container that has ended, or was never started, and everything that it used in the guest.
  virtual Status RemoveContainer(const std::string& container, Deadline deadline) = 0;

  // Freezes and thaws all processes of a running container.
  virtual Status PauseContainer(const std::string& container, Deadline deadline) = 0;
  virtual Status ResumeContainer(const std::string& container, Deadline deadline) = 0;
  // Sets the limits that `resources` gives and leaves the others. Errors: Unimplemented for a limit that the
  // agent cannot set.
  virtual Status UpdateContainer(const std::string& container, const ContainerResources& resources,
                                 Deadline deadline) = 0;
  virtual Result<ContainerStats> StatsContainer(const std::string& container, Deadline deadline) = 0;
  // Errors: Unimplemented for an agent that knows only Kata's protocol. So for CopyFile.
  virtual Result<std::vector<ProcessInfo>> ListProcesses(const std::string& container, Deadline deadline) = 0;
  // The file appears under its path with its last part.
  virtual Status CopyFile(const std::string& container, const FileChunk& chunk, Deadline deadline) = 0;
  // Answers with the next container in which the kernel kills a process for lack of memory. One call at a
  // time.
  virtual void NextOom(Callback<std::string> done) = 0;

  // Runs a process in a container that is created or running, or in the guest's own root if
  // `process.container` is the sandbox's id. A process without capabilities in `config` has the container's.
  virtual Status ExecProcess(const ProcessRef& process, const ProcessConfig& config, Deadline deadline) = 0;
  // Sends a signal to the process, or with `all` to every process of the container. Legal also for a created
  // container, whose first process waits to be started. SIGKILL of an executed process goes to its process
  // group. Signal 0 only checks: FailedPrecondition for a process that has ended. Other signals to such a
  // process succeed.
  virtual Status SignalProcess(const ProcessRef& process, int signal, bool all, Deadline deadline) = 0;
  virtual Status ResizeTerminal(const ProcessRef& process, uint16_t rows, uint16_t columns,
                                Deadline deadline) = 0;

  // Answers with the exit status when the process has ended, or at once if it has ended before. Any number of
  // calls. The exit status of an executed process is known until its container is removed, or 128 others have
  // ended after it; of a process that is not acknowledged (AcknowledgeExits), until 1,024 others that are not
  // acknowledged have ended.
  virtual void WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) = 0;
  // Says that the exit statuses of these executed processes have reached their callers: the guest forgets
  // them before it forgets others. Does not wait and reports no failure. Has no effect on an agent that knows
  // only Kata's protocol.
  virtual void AcknowledgeExits(const std::vector<ProcessRef>& processes) = 0;
  // Answers with 1 to `size` bytes once there are any, or with an empty string at the stream's end. The guest
  // forgets the bytes that it has sent.
  virtual void ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                          Callback<std::string> done) = 0;
  // The same for a caller that may have to ask again, on another link: the guest keeps bytes until they are
  // acknowledged. Legal for a stream that ReadOutput does not read. Errors: OutOfRange for an offset whose
  // bytes the guest has forgotten, or does not have yet. An agent that knows only Kata's protocol keeps
  // nothing, and counts from the beginning of the link.
  virtual void ReadOutputFrom(const ProcessRef& process, OutputStream stream, const OutputRange& range,
                              Callback<OutputPiece> done) = 0;
  // Writes to the process's standard input. Answers when the process's pipe has taken all of `data`; when it
  // takes no more (InputTaken::closed); or when `deadline` has passed, without the rest. The answer may come
  // sooner, with a part of `data` taken. Without data, answers at once with the number of the writer's bytes
  // that have been taken. A call ends an earlier call of the same writer that is under way. Errors:
  // OutOfRange for an offset beyond what has been taken; Aborted for a writer that has or may have written
  // before and that the guest does not know: the process is another one, or 1,024 other writers have written
  // since. An agent that knows only Kata's protocol has no offsets: it answers Unimplemented to `again` and
  // to a call without data, and DeadlineExceeded without the number of bytes taken.
  virtual void WriteStdin(const ProcessRef& process, const InputPosition& position, std::string data,
                          Deadline deadline, Callback<InputTaken> done) = 0;
  // Closes the process's standard input after the bytes that have been taken. `end` is the end of the
  // writer's bytes. Idempotent. Errors: as WriteStdin.
  virtual Status CloseStdin(const ProcessRef& process, const InputPosition& end, Deadline deadline) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_AGENT_H_
