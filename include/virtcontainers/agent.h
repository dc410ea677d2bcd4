// What runs inside the guest, as the host sees it.
//
// An Agent lives in the pod's monitor. "kata" is the default and speaks Kata's agent protocol; "noop" is for
// VMs without an agent and for tests. An implementation passes the contract suite in
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

#include "virtcontainers/config.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/stats.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// The link's host end: a unix socket, or a vsock address.
struct AgentAddress {
  AgentTransport transport = AgentTransport::kVirtioSerial;
  std::string socket;      // kVirtioSerial
  uint32_t vsock_cid = 0;  // kVsock
};

// The pod, as the guest is told of it.
struct SandboxConfig {
  std::string id;
  std::string hostname;
  std::vector<std::string> dns;  // lines of the guest's resolv.conf
  std::string share_tag;         // the virtio-fs that carries the root file systems; empty if there is none
  // How many descriptors the host's virtiofsd may have. The guest gives files of the share back before
  // virtiofsd has none left; 0: it does not know.
  uint64_t share_descriptors = 0;
  Bytes shared_memory = Bytes::MiB(64);
};

// A container, as the guest is told of it: complete, with no default left out, and with the guest's paths as
// the sources of its bind mounts.
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

// Which bytes of a stream are asked for. Offsets count from the stream's first byte.
struct OutputRange {
  // The first byte; without one, the oldest that nobody has acknowledged.
  std::optional<uint64_t> offset;
  // What lies before is not asked for again, and the guest forgets it. What it has sent and is not
  // acknowledged it keeps, 1 MiB at most, and sends again to who asks.
  uint64_t acknowledged = 0;
  uint32_t size = 0;  // at most
};

struct OutputPiece {
  uint64_t offset = 0;  // of the first byte
  std::string data;     // empty: the stream's end
};

// Where a writer is in the bytes that it writes to a process's standard input. A process may have several
// writers. Each counts its own bytes, so that the guest takes a write that is repeated once.
struct InputPosition {
  // A name that no other writer of the process has, at most 64 bytes. Without a name: a writer that does not
  // count, whose every write is taken in full.
  std::string writer;
  uint64_t offset = 0;  // bytes that it has written before
  bool again = false;   // the same call may have been made before, and its answer have been lost
};

struct InputTaken {
  uint64_t taken = 0;   // the writer's bytes that the process's input has: its next write begins there
  bool closed = false;  // the process's input takes no more
};

// What there is in a guest, for who takes it over.
struct GuestState {
  struct Container {
    std::string id;
    ContainerState state = ContainerState::kReady;
    std::vector<std::string> execs;  // also those that have ended, as long as their exit status is known
  };
  std::string sandbox;                // empty: there is none yet
  std::vector<Container> containers;  // in no order
  std::vector<std::string> execs;     // in the guest's own root
};

struct AgentDetails {
  std::string version;
};

// The conversation with one guest. Thread-safe. Every call answers Unavailable once the link is broken, and
// DeadlineExceeded when the guest is too slow; what the guest sends is bounded and checked.
//
// Callbacks run on a thread of the agent's, must not block, and are called exactly once, also when the link
// breaks.
class Agent {
 public:
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  virtual ~Agent() = default;

  virtual std::string_view name() const = 0;

  // Connects and waits until the guest answers. Errors: DeadlineExceeded for a guest that is not up in time.
  virtual Status Connect(const AgentAddress& address, Deadline deadline) = 0;

  // Breaks the link for good: every call under way answers Unavailable, and no callback runs any more when
  // this returns. Idempotent; not from a callback.
  virtual void Close() = 0;

  virtual Status Check(Deadline deadline) = 0;
  virtual Result<AgentDetails> GetDetails(Deadline deadline) = 0;

  // Errors: Unimplemented for an agent that speaks no more than Kata's protocol.
  virtual Result<GuestState> GetState(Deadline deadline) = 0;

  // Prepares the guest for containers; once.
  virtual Status CreateSandbox(const SandboxConfig& config, Deadline deadline) = 0;
  // Ends everything in the guest and powers it off.
  virtual Status DestroySandbox(Deadline deadline) = 0;

  virtual Status SetGuestTime(Time time, Deadline deadline) = 0;
  virtual Status ReseedRandom(std::string_view entropy, Deadline deadline) = 0;

  // Errors: NotFound for a command that is not in the root file system, PermissionDenied for one that is no
  // program.
  virtual Status CreateContainer(const GuestContainer& container, Deadline deadline) = 0;
  virtual Status StartContainer(const std::string& container, Deadline deadline) = 0;
  // Forgets a container that has ended, or was never started, and frees what it used in the guest.
  virtual Status RemoveContainer(const std::string& container, Deadline deadline) = 0;

  // Freezes all processes of a running container, and lets them go on.
  virtual Status PauseContainer(const std::string& container, Deadline deadline) = 0;
  virtual Status ResumeContainer(const std::string& container, Deadline deadline) = 0;
  // Sets what `resources` give and leaves the rest. Errors: Unimplemented for what the agent cannot set.
  virtual Status UpdateContainer(const std::string& container, const ContainerResources& resources,
                                 Deadline deadline) = 0;
  virtual Result<ContainerStats> StatsContainer(const std::string& container, Deadline deadline) = 0;
  // Errors: Unimplemented for an agent that speaks no more than Kata's protocol, as of CopyFile.
  virtual Result<std::vector<ProcessInfo>> ListProcesses(const std::string& container, Deadline deadline) = 0;
  // The file appears under its path, whole, with its last part.
  virtual Status CopyFile(const std::string& container, const FileChunk& chunk, Deadline deadline) = 0;
  // The container in which the kernel next kills a process for lack of memory. One caller at a time.
  virtual void NextOom(Callback<std::string> done) = 0;

  // Runs a process in a container that is created or runs, or in the guest's own root if `process.container`
  // is the sandbox's id. Without capabilities it has the container's; everything else is as `config` says.
  virtual Status ExecProcess(const ProcessRef& process, const ProcessConfig& config, Deadline deadline) = 0;
  // With `all`, every process of the container. Also of a container that is created, whose first process is
  // there and waits for the start. A process that has ended is no error, except for signal 0, which is sent
  // to nobody: FailedPrecondition.
  virtual Status SignalProcess(const ProcessRef& process, int signal, bool all, Deadline deadline) = 0;
  virtual Status ResizeTerminal(const ProcessRef& process, uint16_t rows, uint16_t columns,
                                Deadline deadline) = 0;

  // The process's end, also when it has ended before. Any number of waiters. Of a process executed in a
  // container it is known until the container is removed, or 128 others have ended since; with
  // AcknowledgeExits, 1,024 others that are not acknowledged either.
  virtual void WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) = 0;
  // The exit statuses of these executed processes are where they were wanted: the guest forgets them before
  // it forgets others. Does not wait, and tells of no failure; an agent that speaks no more than Kata's
  // protocol knows nothing of it.
  virtual void AcknowledgeExits(const std::vector<ProcessRef>& processes) = 0;
  // At least one byte and at most `size`, once there is one; an empty string is the stream's end. The guest
  // forgets what it has answered with.
  virtual void ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                          Callback<std::string> done) = 0;
  // The same for who may have to ask again, on another link: the guest keeps what is not acknowledged. One of
  // the two for a stream. Errors: OutOfRange for an offset whose bytes the guest has forgotten, or that it
  // has yet to reach. An agent that speaks no more than Kata's protocol keeps nothing, and counts from the
  // link's beginning.
  virtual void ReadOutputFrom(const ProcessRef& process, OutputStream stream, const OutputRange& range,
                              Callback<OutputPiece> done) = 0;
  // Writes to the process's standard input. Answers when the process's pipe has taken all of `data`; when it
  // takes no more (InputTaken::closed); or when `deadline` has passed, and then the rest is not taken. The
  // answer may come sooner with a part of `data` taken. Without data: answers at once with how much of the
  // writer's bytes has been taken. A call ends an earlier one of the same writer that is under way.
  // Errors: OutOfRange for an offset beyond what has been taken; Aborted for a writer that has written
  // before, or may have, and is not known: the process is another one, or 1,024 other writers have written
  // since. An agent that speaks no more than Kata's protocol counts nothing: it answers Unimplemented to
  // `again` and to a call without data, and DeadlineExceeded without saying what it took.
  virtual void WriteStdin(const ProcessRef& process, const InputPosition& position, std::string data,
                          Deadline deadline, Callback<InputTaken> done) = 0;
  // The process reads the end of its input after what has been taken. Idempotent. `end`: where the writer's
  // bytes end. Errors: as WriteStdin.
  virtual Status CloseStdin(const ProcessRef& process, const InputPosition& end, Deadline deadline) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_AGENT_H_
