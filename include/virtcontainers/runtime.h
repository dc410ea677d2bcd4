// Pods: virtual machines in which containers run.
//
// A Runtime works on a root directory, which holds all state. Any number of processes may open the same root:
// one creates a pod, another starts it, a third enters it, and all may end. A running pod is owned by its
// monitor, a separate process.

#ifndef VIRTCONTAINERS_RUNTIME_H_
#define VIRTCONTAINERS_RUNTIME_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/command.h"
#include "virtcontainers/config.h"
#include "virtcontainers/copy.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/dial.h"
#include "virtcontainers/error.h"
#include "virtcontainers/event.h"
#include "virtcontainers/garbage.h"
#include "virtcontainers/pod.h"
#include "virtcontainers/process.h"
#include "virtcontainers/stats.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// The paths that a Runtime uses. Every field has a default.
struct RuntimeOptions {
  // The directory of all state; default: $VIRTCONTAINERS_ROOT, or /var/lib/virtcontainers. It must belong to
  // the caller's user, and no other user may be able to write to it. A copy of a root directory is another
  // root: pods that run in the original are not running in the copy, and no call on the copy affects them.
  std::string root;
  // The directory of sockets and other files that do not outlive a boot; default: $VIRTCONTAINERS_RUN, or
  // /run/virtcontainers. Several roots may share it. Ownership as of `root`.
  std::string run;
  // The monitor program; default: $VIRTCONTAINERS_MONITOR, the one beside this program, or the installed one.
  // A runtime with a Hypervisor or an Agent of its own names a program that calls MonitorMain (monitor.h).
  std::string monitor;
  // The directory of the guest image (vmlinux, initramfs.cpio); default: $VIRTCONTAINERS_GUEST, the one of
  // this build, or the installed one.
  std::string guest;
  // Called with a line of text, without a line end, for a problem that fails no call, such as an event that
  // could not be written or a file that could not be removed. Default: such problems are dropped. Runs on the
  // thread that found the problem, which may hold a pod's lock: it must be thread-safe, must not throw, and
  // must not call the library. May be called until the Runtime and all its Process handles are destroyed.
  std::function<void(std::string_view line)> log;
};

// What StartPod and AddNetwork hand over.
struct StartOptions {
  // Of networks of kind kDescriptor, by their names: an open queue of a tap device (with IFF_VNET_HDR), or a
  // connected stream socket that carries each frame after its length, 4 bytes in network order. Borrowed for
  // the call.
  std::map<std::string, int> descriptors;
};

// The pods that ListPod lists.
enum class PodFilter { kAll, kRunning };

// The entry to the library. Thread-safe. Holds no lock, descriptor or thread between calls, does not change
// the process (signal handlers, working directory, umask), and writes nothing to standard output and standard
// error.
//
// Calls that change one pod take turns, across all processes; a call waits for its turn until its deadline. A
// call in the wrong state changes nothing and answers FailedPrecondition, with the state and the call to make
// first. Unknown ids answer NotFound. PodStatus and ListPod never wait.
class Runtime {
 public:
  // Opens `options.root`, and makes it if it is missing. Errors: PermissionDenied for a root directory that
  // cannot be written, and for a root or run directory that belongs to another user or that other users can
  // write to; InvalidArgument for a path that is not a directory.
  static Result<Runtime> Open(RuntimeOptions options = {});

  Runtime(Runtime&&) noexcept;
  Runtime& operator=(Runtime&&) noexcept;
  ~Runtime();

  const RuntimeOptions& options() const;

  // A handle to a pod, by which the calls below read `runtime.pod("web").container("a").Stop()` (pod.h). Does
  // nothing: the pod need not exist. This object must outlive the handle, and must not be moved meanwhile.
  Pod pod(std::string_view id);

  // ---- pods

  // Creates a pod and its containers, without a VM. All or nothing. Errors: InvalidArgument, with the field;
  // AlreadyExists; NotFound for a missing rootfs.
  Status CreatePod(const PodConfig& config);

  // Removes a pod's state, logs and console. Never changes a rootfs. Legal when ready or stopped, and for a
  // pod with damaged files of which no process runs.
  Status DeletePod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Boots the VM and starts all containers of the pod. Returns when they run. A call that fails or is
  // cancelled undoes the start: the pod is as before. The pod outlives the caller. Legal when ready or
  // stopped. Errors: NotFound, with the name of a missing VMM, virtiofsd, guest image or command; Aborted for
  // a guest that does not boot, with the cause and the console's last lines.
  Status StartPod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(120)));
  Status StartPod(std::string_view pod, const StartOptions& options,
                  Deadline deadline = Deadline::After(std::chrono::seconds(120)));

  // Sends SIGTERM to the first process of every container, as KillContainer does, sends SIGKILL to all
  // processes of the containers that still run after `grace`, and ends the VM. Legal when running or paused;
  // succeeds for a stopped pod. The pod can be started again. If the pod's state cannot be read and it has no
  // monitor, kills all its processes.
  Status StopPod(std::string_view pod, std::chrono::milliseconds grace = std::chrono::seconds(5),
                 Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // CreatePod and StartPod. If the start fails, the pod is deleted.
  Status RunPod(const PodConfig& config, Deadline deadline = Deadline::After(std::chrono::seconds(120)));

  // Stops the VM's vCPUs, and continues them and sets the guest's clock. Only status calls answer for a
  // paused pod; calls that wait for its processes keep waiting. Legal when running or paused; a call without
  // effect succeeds.
  Status PausePod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(30)));
  Status ResumePod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Starts another monitor for a running pod whose monitor has died. The new monitor takes the VM over; the
  // containers are not affected. Every call that needs the monitor does the same. A pod whose VM has ended
  // meanwhile becomes stopped, with the reason. Has no effect on a pod that does not run. Returns whether the
  // pod was changed.
  Result<bool> RestoreMonitor(std::string_view pod,
                              Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // The pod's configuration, with the current configuration of its containers.
  Result<PodConfig> FetchPod(std::string_view pod);

  // The pods and their states, sorted by id. Pods with damaged files are listed, too: see PodStatus.
  Result<std::vector<virtcontainers::PodStatus>> ListPod(PodFilter filter = PodFilter::kAll);

  // Runs a command in the pod's root file system, which is that of the guest image and has a busybox. Returns
  // when the command has been executed. Legal when running. Errors: NotFound for a missing command,
  // PermissionDenied for a file that cannot be executed.
  Result<std::unique_ptr<Process>> EnterPod(std::string_view pod, const ProcessConfig& command,
                                            Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Opens a connection to a TCP port or a unix socket in the guest, whatever networks the pod has. Blocks
  // until the other side has accepted it, or until `deadline`, which does not bound the connection. Legal
  // when running; for a container, as EnterContainer.
  //
  // Returns a connected stream socket, which the caller owns and closes. It is polled, read, written and shut
  // down as any socket: each direction ends by itself, and a peer that is gone makes writes fail with EPIPE
  // (SIGPIPE, unless MSG_NOSIGNAL is given). What was written before close(2) still arrives. Two threads of
  // this process carry the bytes and a process of the guest connects; all three end with the connection.
  // Bytes under way when the monitor dies are neither lost nor repeated. A caller that is killed or stopped
  // loses the connection within 60 s: the guest hears nothing of it any more; until then, and while the peer
  // does not read, the guest's process stays.
  //
  // Errors: InvalidArgument for a target without port and path, or with a wrong one; NotFound for a container
  // or a socket that does not exist; Unavailable when nothing listens there; PermissionDenied for a socket
  // that the container's root user may not connect to; DeadlineExceeded.
  Result<int> Dial(std::string_view pod, const DialTarget& target,
                   Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Never waits, also while the VM boots. For a pod with damaged or missing files, returns what is known,
  // with the file as the reason; a pod whose state cannot be read is running while any of its processes runs,
  // and stopped otherwise.
  Result<virtcontainers::PodStatus> PodStatus(std::string_view pod);

  // Resource usage in the guest and on the host. Legal when running or paused.
  Result<PodStats> StatsPod(std::string_view pod,
                            Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // Adds a network to a running pod, until RemoveNetwork or the pod's end: the next start makes the networks
  // of PodConfig again. All or nothing. An empty name becomes the first free of "eth0", "eth1" and so on.
  // Running containers have the interface at once; the names of its DNS are for containers that are created
  // later. `descriptor` is for kDescriptor, and borrowed. Legal when running. Errors: InvalidArgument, with
  // the field; AlreadyExists for a name that is taken; FailedPrecondition on a machine that plugs no network
  // devices, naming one that does; those of the network's kind.
  Result<NetworkStatus> AddNetwork(std::string_view pod, const NetworkConfig& network, int descriptor = -1,
                                   Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Takes a network out of a running pod and undoes what it has made on the host. Legal when running. Errors:
  // NotFound; DeadlineExceeded when the guest does not let go of the device: the call may be repeated.
  Status RemoveNetwork(std::string_view pod, std::string_view network,
                       Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Adds a route through a network of a running pod, and removes one by its destination and, if it is given,
  // its gateway; until the pod's end. Legal when running. Errors: InvalidArgument; NotFound; AlreadyExists.
  Status AddRoute(std::string_view pod, std::string_view network, const Route& route,
                  Deadline deadline = Deadline::After(std::chrono::seconds(10)));
  Status RemoveRoute(std::string_view pod, std::string_view network, const Route& route,
                     Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // The events of all pods of the root, from now on, or after the event with the number `after` (0: all that
  // are kept). The stream outlives this object.
  Result<std::unique_ptr<EventStream>> Events(std::optional<uint64_t> after = {});

  // Finds and removes processes and files that dead processes left behind: of this root's pods that do not
  // run, and of pods that do not exist any more. Other calls do the same for their own pod. Does not change a
  // running pod, a pod that another call works on, or anything of another root. Reports processes of a pod
  // whose state cannot be read, and leaves them to StopPod. Returns what was found, with an error for each
  // entry that is still there. Takes time linear in the number of pods plus the number of processes of the
  // host. Errors: those of reading the root.
  Result<std::vector<Garbage>> CollectGarbage(const GarbageOptions& options = {},
                                              Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // ---- containers

  // Adds a container to a pod. In a running pod, the guest makes the container, ready to be started; in any
  // other pod, the container starts with the pod.
  Status CreateContainer(std::string_view pod, const ContainerConfig& config,
                         Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Removes a container and its log. Never changes its rootfs. Legal when ready or stopped.
  Status DeleteContainer(std::string_view pod, std::string_view container,
                         Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Starts a container of a running pod. Legal when ready, or again when stopped. A start that fails leaves
  // the container stopped, with the error as its reason and an exit code: 127 for a missing command, 126 for
  // a file that cannot be executed, 128 for any other error. The container can be started again or deleted.
  // Errors: NotFound and PermissionDenied for such commands.
  Status StartContainer(std::string_view pod, std::string_view container,
                        Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Sends SIGTERM to the container's first process, as KillContainer does, and SIGKILL to all processes of
  // the container if the first one still runs after `grace`. Returns when the first process has ended. A
  // first process that handles, ignores or blocks SIGTERM has the whole grace. Legal when running; succeeds
  // for a stopped container.
  Status StopContainer(std::string_view pod, std::string_view container,
                       std::chrono::milliseconds grace = std::chrono::seconds(5),
                       Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Runs a command in a container, otherwise as EnterPod. Legal when running, and when ready in a running pod
  // (OCI's state "created"). no_new_privs is set only if `command` says so.
  Result<std::unique_ptr<Process>> EnterContainer(
      std::string_view pod, std::string_view container, const ProcessConfig& command,
      Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  Result<virtcontainers::ContainerStatus> ContainerStatus(std::string_view pod, std::string_view container);

  // Freezes and thaws all processes of the container. Legal when running or paused; a call without effect
  // succeeds.
  Status PauseContainer(std::string_view pod, std::string_view container,
                        Deadline deadline = Deadline::After(std::chrono::seconds(10)));
  Status ResumeContainer(std::string_view pod, std::string_view container,
                         Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // Sends a signal to the container's first process; SIGKILL to all its processes. Does not wait for the
  // effect. Legal when running; when paused, where signals other than SIGKILL arrive when the container is
  // resumed; and when ready in a running pod (OCI's state "created"), where SIGKILL and SIGTERM stop the
  // container. Succeeds for a stopped container. Signal 0 only checks: FailedPrecondition for a stopped
  // container.
  //
  // The kernel drops a signal to the first process of a pid namespace that neither handles nor blocks the
  // signal (pid_namespaces(7)). The agent then sends SIGKILL in place of SIGTERM, so that a program without a
  // handler (`sleep`, a shell) ends at once, with exit status 137. A first process that ignores SIGTERM keeps
  // running.
  Status KillContainer(std::string_view pod, std::string_view container, int signal,
                       Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // Blocks until the container's first process has ended. Any number of callers, before and after the end.
  // Legal once started. Errors: Aborted, with the reason, when the pod has ended and nothing has seen the
  // container's end.
  Result<ExitStatus> WaitContainer(std::string_view pod, std::string_view container,
                                   Deadline deadline = Deadline::Infinite());

  // Sets the limits that `resources` gives, now and for later starts, and leaves the others. Legal in every
  // state, but not in a paused pod. The stored configuration changes as a whole or not at all.
  Status UpdateContainer(std::string_view pod, std::string_view container,
                         const ContainerResources& resources,
                         Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // Legal when running or paused.
  Result<ContainerStats> StatsContainer(std::string_view pod, std::string_view container,
                                        Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // The container's processes, the first one first. Legal when running or paused.
  Result<std::vector<ProcessInfo>> ProcessListContainer(
      std::string_view pod, std::string_view container,
      Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // Copies a file or a directory of the host into a container, to the path `destination` as the container
  // sees it, mounts included. Links cannot lead the copy out of the container. `destination` is the path of
  // the copy, whose directory must exist. The copy appears whole or not at all. A file replaces a file;
  // nothing may exist where a directory is to be. In a directory, symbolic and hard links stay links, and
  // sockets, pipes and devices are skipped; a process of the container's root user unpacks it, with the
  // container's capabilities. Legal when running; a directory also when ready in a running pod. Errors:
  // NotFound for the source or the destination's directory; AlreadyExists; Aborted for a source that changes
  // meanwhile.
  Result<CopyReport> CopyTo(std::string_view pod, std::string_view container, const std::string& source,
                            const std::string& destination, const CopyOptions& options = {},
                            Deadline deadline = Deadline::After(std::chrono::minutes(10)));

  // Copies a file, a directory or a symbolic link of a container, by its path as the container sees it, to
  // the path `destination` of the host, whose directory must exist. The copy appears whole or not at all. A
  // file or a link replaces a file or a link; nothing may exist where a directory is to be. The copy belongs
  // to the caller, without set-user-id, set-group-id and sticky bits. Symbolic links are copied as they are,
  // and may point anywhere. Sockets, pipes and devices are skipped. Files whose size is reported as 0, such
  // as those of procfs, are copied empty.
  //
  // A container that sends anything else than what was asked for, or more than `limits`, makes the copy fail:
  // nothing outside of the copy is made, changed or opened. A caller that is killed leaves the unfinished
  // copy beside the destination, as '.NAME.copy-RANDOM'. Legal when running, and when ready in a running
  // pod. Errors: NotFound for the source
  // or the destination's directory; AlreadyExists; ResourceExhausted for more than `limits`; DataLoss and
  // PermissionDenied for what a container may not send.
  Result<CopyReport> CopyFrom(std::string_view pod, std::string_view container, const std::string& source,
                              const std::string& destination, const CopyLimits& limits = {},
                              Deadline deadline = Deadline::After(std::chrono::minutes(10)));

  // Runs a command in a container, or with an empty `container` in the pod's root file system, to its end: as
  // EnterContainer or EnterPod, with input, and with the output collected. Blocks until the command has ended
  // and its output has been read, 10 s at most after its end where descendants hold the output open.
  //
  // A command that runs when `deadline` passes is killed with its process group (see Process::Signal), and
  // the result says so: a deadline that passes, or is cancelled, is an error only before the command has been
  // executed, or if the killed command's end is not seen for 10 s, as in a paused pod. Uses three threads
  // meanwhile. Errors: those of EnterContainer; Unavailable, with a reason, when the pod stops.
  Result<CommandResult> RunCommand(std::string_view pod, std::string_view container,
                                   const ProcessConfig& command, const CommandOptions& options = {},
                                   Deadline deadline = Deadline::Infinite());

  // A handle to the container's first process, to wait for and to signal; with ContainerOutput::kAttach also
  // to read from and to write to. Legal once started, while the pod runs. Waits at most until `deadline` for
  // the pod's monitor, which the call replaces if it has died.
  Result<std::unique_ptr<Process>> AttachContainer(
      std::string_view pod, std::string_view container,
      Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // A handle to a process that EnterContainer or, with an empty `container`, EnterPod has started, by its
  // Process::id(). Waits as AttachContainer does. Errors: NotFound for a process that is not known.
  Result<std::unique_ptr<Process>> OpenProcess(std::string_view pod, std::string_view container,
                                               std::string_view process,
                                               Deadline deadline = Deadline::After(std::chrono::seconds(10)));

 private:
  class Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_RUNTIME_H_
