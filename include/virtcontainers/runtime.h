// Pods: virtual machines in which containers run.
//
// A Runtime works on a root directory, which holds everything it knows. Any number of processes may open the
// same one: a pod made by one is started by a second and entered by a third, and none of them needs to live
// on. What keeps a running pod is its monitor, a process of its own.

#ifndef VIRTCONTAINERS_RUNTIME_H_
#define VIRTCONTAINERS_RUNTIME_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/command.h"
#include "virtcontainers/config.h"
#include "virtcontainers/copy.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/event.h"
#include "virtcontainers/garbage.h"
#include "virtcontainers/process.h"
#include "virtcontainers/stats.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// Where things are. Every field has a default that an installed library knows.
struct RuntimeOptions {
  // The state: default $VIRTCONTAINERS_ROOT, or /var/lib/virtcontainers. Any length. It belongs to the
  // caller's user, and nobody else can write to it. A copy of a root directory is another root: the pods that
  // run in the original do not run in the copy, and no call on the copy touches them.
  std::string root;
  // Sockets and what does not outlive a boot: default $VIRTCONTAINERS_RUN, or /run/virtcontainers. Pods of
  // other roots may share it. It belongs to the caller's user, and nobody else can write to it.
  std::string run;
  // The monitor program: default $VIRTCONTAINERS_MONITOR, the one beside this program, or the installed one.
  // A runtime with a Hypervisor or an Agent of its own gives a program that calls MonitorMain (monitor.h).
  std::string monitor;
  // The guest image (vmlinux, initramfs.cpio): default $VIRTCONTAINERS_GUEST, the one of this build, or the
  // installed.
  std::string guest;
};

// Which of the pods ListPod lists.
enum class PodFilter { kAll, kRunning };

// The library's entry. Thread-safe; holds no lock, descriptor or thread between calls, and changes nothing of
// the process it lives in (no signal handler, no working directory, no umask).
//
// Every call that changes a pod is serialised with every other on that pod, in whatever process, and waits
// for its turn within its deadline. Calls in the wrong state answer FailedPrecondition, say the state and
// what to call first, and change nothing. Unknown ids answer NotFound. PodStatus and ListPod never wait.
class Runtime {
 public:
  // Opens `options.root`, creating it if needed. Errors: PermissionDenied for a root directory that cannot be
  // written, and for a root or run directory that is another user's or that others can write to;
  // InvalidArgument for a path that is not a directory.
  static Result<Runtime> Open(RuntimeOptions options = {});

  Runtime(Runtime&&) noexcept;
  Runtime& operator=(Runtime&&) noexcept;
  ~Runtime();

  const RuntimeOptions& options() const;

  // ---- pods

  // Prepares a pod and the containers given with it; no VM runs. All or nothing.
  // Errors: InvalidArgument, naming the field; AlreadyExists; NotFound for a rootfs that is not there.
  Status CreatePod(const PodConfig& config);

  // Forgets a pod: its state, its logs, its console. Legal when ready or stopped. Never touches a rootfs. A
  // pod whose files are damaged can be deleted, too, once no process of it runs.
  Status DeletePod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Boots the VM and starts all the pod's containers; returns when they run. Legal when ready or stopped. If
  // anything fails, all of it is undone and the pod is as it was. The pod outlives the caller. Errors:
  // NotFound for a missing VMM, virtiofsd, guest image or command, naming it; Aborted for a guest that does
  // not come up, with the cause and the console's last lines.
  Status StartPod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(120)));

  // Sends SIGTERM to every container's first process, as KillContainer does, sends SIGKILL to all processes
  // of the containers that still run after `grace`, and ends the VM. Legal when running or paused; a stopped
  // pod stays stopped, without an error. The pod can be started again. Of a pod whose state cannot be read,
  // and that has no monitor to be asked, all processes are killed.
  Status StopPod(std::string_view pod, std::chrono::milliseconds grace = std::chrono::seconds(5),
                 Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // CreatePod and StartPod. If the start fails, the pod is deleted.
  Status RunPod(const PodConfig& config, Deadline deadline = Deadline::After(std::chrono::seconds(120)));

  // Stops the VM's processors where they are, and lets them go on; the guest's clock is set then. Nothing of
  // a paused pod answers but its status; calls that wait for its processes go on waiting. Legal when running
  // or paused; a pod that is so already stays so, without an error.
  Status PausePod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(30)));
  Status ResumePod(std::string_view pod, Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Sees to it that a running pod has a monitor: one that was killed is replaced by another, which takes the
  // VM over; its containers notice nothing. Every call that needs the monitor does the same by itself. A pod
  // whose VM has ended meanwhile becomes stopped, with the reason. Nothing happens to a pod that does not
  // run. Answers whether there was something to mend.
  Result<bool> RestoreMonitor(std::string_view pod,
                              Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // What the pod was asked to be, with its containers as they are now configured.
  Result<PodConfig> FetchPod(std::string_view pod);

  // The pods and their states, by id. Pods whose files are damaged are listed as PodStatus answers them.
  Result<std::vector<virtcontainers::PodStatus>> ListPod(PodFilter filter = PodFilter::kAll);

  // Runs a command in the pod's root file system: the guest's own, with a busybox. Legal when running.
  // Returns once the command has been executed. Errors: NotFound for a command that is not there,
  // PermissionDenied for one that cannot be executed.
  Result<std::unique_ptr<Process>> EnterPod(std::string_view pod, const ProcessConfig& command,
                                            Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Answers at once whatever else is under way, also while the VM boots. Of a pod whose files are damaged or
  // missing it answers what is known, with the file as the reason; one whose state cannot be read is running
  // while any process of it runs, and else stopped.
  Result<virtcontainers::PodStatus> PodStatus(std::string_view pod);

  // What the pod uses, in the guest and on the host. Legal when running or paused.
  Result<PodStats> StatsPod(std::string_view pod,
                            Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // The events of all pods of the root from now on, or, with `after`, those that come after that
  // Event::sequence (0: all that are kept). The stream outlives this object.
  Result<std::unique_ptr<EventStream>> Events(std::optional<uint64_t> after = {});

  // Finds and removes what dead processes left of this root's pods: of pods that do not run, and of those
  // that are not there. Every call does so for the pod that it is about; this is for the rest. A pod that
  // runs, or that somebody is working on, is left alone, and so is everything of any other root. Processes of
  // a pod whose state cannot be read are named and left alone: StopPod ends them. Returns what there was,
  // each with the error if it is there still. The time is that of the pods and of the host's processes, not
  // their product. Errors: those of reading the root.
  Result<std::vector<Garbage>> CollectGarbage(const GarbageOptions& options = {},
                                              Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // ---- containers

  // Adds a container to a pod. In a running pod it is made in the guest, ready to start; in any other it is
  // recorded, and starts with the pod.
  Status CreateContainer(std::string_view pod, const ContainerConfig& config,
                         Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Removes a container and its log, never its rootfs. Legal when ready or stopped.
  Status DeleteContainer(std::string_view pod, std::string_view container,
                         Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  // Starts a container of a running pod; one that has stopped is started anew. Legal when ready or stopped. A
  // start that fails leaves the container stopped, with the error as its reason and an exit code: 127 for a
  // command that is not in the container, 126 for one that cannot be executed, 128 for everything else. It
  // can be started again or deleted. Errors: NotFound, PermissionDenied for such a command.
  Status StartContainer(std::string_view pod, std::string_view container,
                        Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Sends SIGTERM to the container's first process, as KillContainer does, and SIGKILL to all of the
  // container's processes if the first one still runs after `grace`; returns when it has ended. A first
  // process that handles, ignores or blocks SIGTERM has the whole grace. Legal when running; a stopped
  // container stays so, without an error.
  Status StopContainer(std::string_view pod, std::string_view container,
                       std::chrono::milliseconds grace = std::chrono::seconds(5),
                       Deadline deadline = Deadline::After(std::chrono::seconds(60)));

  // Runs a command in a container. As EnterPod otherwise. Legal when running, and when ready in a pod that
  // runs: OCI's state "created". no_new_privs is set if `command` says so, whatever the container's first
  // process has.
  Result<std::unique_ptr<Process>> EnterContainer(
      std::string_view pod, std::string_view container, const ProcessConfig& command,
      Deadline deadline = Deadline::After(std::chrono::seconds(30)));

  Result<virtcontainers::ContainerStatus> ContainerStatus(std::string_view pod, std::string_view container);

  // Freezes all processes of the container, and lets them go on. Legal when running or paused; one that is so
  // already stays so, without an error.
  Status PauseContainer(std::string_view pod, std::string_view container,
                        Deadline deadline = Deadline::After(std::chrono::seconds(10)));
  Status ResumeContainer(std::string_view pod, std::string_view container,
                         Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // Sends a signal to the container's first process; SIGKILL goes to all of them. Does not wait for what it
  // brings about. Legal when running, and paused, where any other than SIGKILL arrives once it is resumed;
  // and when ready in a pod that runs (OCI's state "created"), where SIGKILL and SIGTERM leave the container
  // stopped. A container that has stopped is no error. Signal 0 is sent to nobody: it answers
  // FailedPrecondition for a container that has stopped.
  //
  // The kernel drops a signal to the first process of a pid namespace that neither handles nor blocks it
  // (pid_namespaces(7)). Of SIGTERM the guest's agent makes SIGKILL then, so that a program without a handler
  // (`sleep`, a shell) ends at once, with exit status 137. A first process that ignores SIGTERM keeps
  // running.
  Status KillContainer(std::string_view pod, std::string_view container, int signal,
                       Deadline deadline = Deadline::After(std::chrono::seconds(10)));

  // Blocks until the container's first process has ended. Any number of callers, also afterwards. Legal once
  // started. Errors: Aborted, with the reason, when the pod ended and the container's end was not seen.
  Result<ExitStatus> WaitContainer(std::string_view pod, std::string_view container,
                                   Deadline deadline = Deadline::Infinite());

  // Sets the limits that are given and leaves the rest; they hold from the next start on, too. Legal in every
  // state but paused pods. All or nothing as far as the container's configuration goes.
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
  // sees it: over mounts, too, and never out of the container by way of a symbolic link. `destination` is the
  // path of the copy, whose directory must be there. The copy appears whole or not at all. A file takes the
  // place of a file; of a directory nothing may be there. In a directory, symbolic and hard links stay links,
  // and sockets, pipes and devices are skipped; a process of the container's root user unpacks it, with the
  // container's capabilities. Legal when running. Errors: NotFound for the source or the destination's
  // directory; AlreadyExists; Aborted for a source that is changed meanwhile.
  Result<CopyReport> CopyTo(std::string_view pod, std::string_view container, const std::string& source,
                            const std::string& destination, const CopyOptions& options = {},
                            Deadline deadline = Deadline::After(std::chrono::minutes(10)));

  // Copies a file, a directory or a symbolic link of a container, by its path as the container sees it, to
  // the path `destination` of the host, whose directory must be there. The copy appears whole or not at all:
  // a file or link takes the place of one, and of a directory nothing may be there. What is copied belongs to
  // the caller, without set-user-id, set-group-id and sticky bits. Symbolic links are copied as they are, and
  // may point anywhere; sockets, pipes and devices are skipped. A container that sends something else than
  // was asked for, or more than `limits`, makes the copy fail: nothing outside of the copy is ever made,
  // changed or opened. A caller that is killed leaves what it has copied beside the destination, as
  // '.NAME.copy-RANDOM'. Legal when running. Errors: NotFound for the source or the destination's directory;
  // AlreadyExists; ResourceExhausted for more than `limits`; DataLoss and PermissionDenied for what a
  // container may not send.
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

  // The container's first process, to wait for, to signal, and, with ContainerOutput::kAttach, to read from
  // and write to. Legal once started and while its pod runs.
  Result<std::unique_ptr<Process>> AttachContainer(std::string_view pod, std::string_view container);

  // A process that EnterContainer or (with an empty `container`) EnterPod started, by Process::id().
  Result<std::unique_ptr<Process>> OpenProcess(std::string_view pod, std::string_view container,
                                               std::string_view process);

 private:
  class Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_RUNTIME_H_
