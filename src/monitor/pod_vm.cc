#include "monitor/pod_vm.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/errors.h"
#include "monitor/console_diagnosis.h"
#include "monitor/guest_files.h"
#include "monitor/hooks.h"
#include "monitor/mount_points.h"
#include "os/file.h"
#include "os/own_file.h"
#include "os/thread.h"
#include "pod/enum_names.h"
#include "pod/mounts.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

// (Kata's contract with its guests)
constexpr char kShareTag[] = "kataShared";
constexpr char kShareInGuest[] = "/run/kata-containers/shared/containers/";

// What they are called in the pod's journal.
constexpr char kShareEffect[] = "share", kVirtiofsdEffect[] = "virtiofsd", kVmmEffect[] = "vmm";

constexpr size_t kConsoleTail = 64 << 10;

// How long after its VM virtiofsd may seem to have ended before it.
constexpr std::chrono::milliseconds kWithItsVm{500};

template <typename Part>
Result<Part> Make(const std::map<std::string, std::function<Part()>>& makers, const std::string& type,
                  const char* what) {
  const auto found = makers.find(type);
  if (found != makers.end()) return found->second();
  std::string known;
  for (const auto& [name, maker] : makers) known += (known.empty() ? "" : ", ") + Quoted(name);
  return Fail(Code::kInvalidArgument,
              std::string(what) + " " + Quoted(type) + " is unknown to this monitor: use one of " + known);
}

// How long all that is run once a container is gone may take: nobody may be waiting who would say it.
constexpr auto kStopHooks = std::chrono::seconds(10);

// The error with the second of each pair in the place of the first.
Error Replaced(const Error& error, const std::vector<std::pair<std::string, std::string>>& words) {
  const auto replace = [&](std::string text) {
    for (const auto& [from, to] : words) {
      for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    }
    return text;
  };
  Error replaced = error.Reworded(replace(error.message()));
  for (const std::string& operation : error.context()) replaced.AddContext(replace(operation));
  return replaced;
}

// The transport of the pod's configuration, or the hypervisor's first.
Result<AgentTransport> ChooseTransport(AgentTransport wanted, const HypervisorFeatures& features) {
  const std::vector<AgentTransport>& offered = features.transports;
  if (wanted == AgentTransport::kAuto) return offered.empty() ? AgentTransport::kAuto : offered.front();
  if (std::find(offered.begin(), offered.end(), wanted) != offered.end()) return wanted;
  const std::string why = wanted == AgentTransport::kVsock ? features.vsock_obstacle : "";
  return Fail(Code::kFailedPrecondition,
              (why.empty() ? "the hypervisor does not have this transport of the agent" : why) +
                  ": let the pod use 'auto'");
}

// A context id for the VM: the first three are taken, and a random one is not likely to meet another pod's.
uint32_t RandomCid() {
  uint32_t cid = 0;
  while (::getrandom(&cid, sizeof(cid), 0) != sizeof(cid)) {
  }
  return 3 + cid % 0x7fff'0000u;
}

}  // namespace

Result<std::unique_ptr<PodVm>> PodVm::Create(const MonitorParts& parts, Options options) {
  VC_ASSIGN_OR_RETURN(std::unique_ptr<Hypervisor> hypervisor,
                      Make(parts.hypervisors, options.config.hypervisor.type, "hypervisor"));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<Agent> agent, Make(parts.agents, options.config.agent.type, "agent"));
  return std::unique_ptr<PodVm>(new PodVm(std::move(options), std::move(hypervisor), std::move(agent)));
}

PodVm::~PodVm() {
  if (taken_over_ && !watcher_.joinable()) {
    hypervisor_->Detach();
    if (share_) share_->Detach();
    agent_->Close();
    return;
  }
  (void)hypervisor_->Stop(Deadline::After(std::chrono::seconds(5)));
  agent_->Close();
  if (watcher_.joinable()) watcher_.join();
}

Result<HypervisorConfig> PodVm::ResolveHypervisor() const {
  HypervisorConfig config = options_.config.hypervisor;
  if (config.kernel.empty()) config.kernel = options_.guest + "/vmlinux";
  if (config.initrd.empty()) config.initrd = options_.guest + "/initramfs.cpio";
  if (config.type == "mock") return config;
  for (const auto& [what, path] :
       {std::pair("kernel", &config.kernel), std::pair("initrd", &config.initrd)}) {
    if (FileExists(*path)) continue;
    return Fail(Code::kNotFound, std::string("the guest's ") + what + " " + Quoted(*path) +
                                     " does not exist: build the guest image with 'make guest', or name one");
  }
  return config;
}

VmConfig PodVm::Describe() const {
  VmConfig vm;
  vm.name = options_.config.id;
  vm.resources = options_.config.resources;
  vm.run_dir = options_.paths.run_dir;
  vm.console = options_.paths.console();
  return vm;
}

SharedRootfs::Options PodVm::ShareOptions() {
  return {.run_dir = options_.paths.run_dir,
          .virtiofsd = options_.config.hypervisor.virtiofsd,
          .on_exit = [this](const std::string& reason) { LoseShare(reason); }};
}

void PodVm::LoseShare(const std::string& reason) {
  // It ends with its VM, and that is no fault.
  if (hypervisor_->WaitExit(Deadline::After(kWithItsVm))) return;
  {
    const std::lock_guard lock(mutex_);
    lost_share_ = reason;
  }
  std::fprintf(stderr, "the vm is ended: %s\n", reason.c_str());
  (void)hypervisor_->Stop(Deadline::After(std::chrono::seconds(5)));
}

void PodVm::LimitConsole() {
  if (auto console = ConsoleLimit::Watch(options_.paths.console())) {
    console_ = std::move(*console);
  } else {
    // A host that is out of inotify instances still has its pods.
    std::fprintf(stderr, "the console's size is not limited: %s\n", console.error().ToString().c_str());
  }
}

Status PodVm::Watch() {
  VC_ASSIGN_OR_RETURN(watcher_, StartThread([this] {
                        Result<VmExit> exit = hypervisor_->WaitExit(Deadline::Infinite());
                        // Whoever waits for the guest waits for nothing now.
                        agent_->Close();
                        VmExit told = exit ? *exit : VmExit{false, exit.error().ToString()};
                        {
                          const std::lock_guard lock(mutex_);
                          if (!lost_share_.empty()) told = {false, lost_share_};
                        }
                        options_.on_exit(told);
                      }));
  return {};
}

Status PodVm::TakeOver(const VmRecord& record, const std::vector<ProcessIdentity>& helpers,
                       Deadline deadline) {
  taken_over_ = true;
  record_ = record;
  VmConfig vm = Describe();
  vm.hypervisor = options_.config.hypervisor;
  if (const auto* vsock = std::get_if<VsockAddress>(&record.info.agent)) {
    vm.transport = AgentTransport::kVsock;
    vm.vsock_cid = vsock->cid;
  }
  if (has_guest()) {
    if (helpers.empty()) return Fail(Code::kNotFound, "the pod's record has no virtiofsd");
    VC_ASSIGN_OR_RETURN(share_, SharedRootfs::Rejoin(ShareOptions(), helpers.front()));
    VC_ASSIGN_OR_RETURN(files_, WriteGuestFiles(options_.config, options_.paths.run_dir + "/etc"));
  }
  VC_ASSIGN_OR_RETURN(record_.info, hypervisor_->Attach(vm, record.info, deadline));
  LimitConsole();
  return {};
}

Status PodVm::LaunchShare(VmConfig& vm, Deadline deadline) {
  Journal& journal = options_.journal;
  const std::string socket = options_.paths.virtiofsd_socket();
  VC_RETURN_IF_ERROR(journal.Begin(EffectKind::kNamespace, kShareEffect));
  VC_RETURN_IF_ERROR(journal.Begin(EffectKind::kSocket, socket));
  VC_RETURN_IF_ERROR(journal.Begin(EffectKind::kProcess, kVirtiofsdEffect));
  Result<std::unique_ptr<SharedRootfs>> share = SharedRootfs::Create(ShareOptions(), deadline);
  if (!share) {
    journal.End(EffectKind::kProcess, kVirtiofsdEffect);
    journal.End(EffectKind::kSocket, socket);
    journal.End(EffectKind::kNamespace, kShareEffect);
    return Fail(std::move(share.error()));
  }
  share_ = std::move(*share);
  journal.Done(EffectKind::kNamespace, kShareEffect);
  journal.Done(EffectKind::kSocket, socket);
  journal.Done(EffectKind::kProcess, kVirtiofsdEffect, share_->process());
  VC_ASSIGN_OR_RETURN(share_socket_, ttrpc::ConnectUnix(share_->socket(), deadline));
  vm.devices.emplace_back(SharedDirectory{"share", kShareTag, share_socket_.get()});
  return {};
}

Result<VmInfo> PodVm::LaunchVmm(const VmConfig& vm, Deadline deadline) {
  Journal& journal = options_.journal;
  const std::string sockets[] = {options_.paths.qmp_socket(), options_.paths.agent_socket()};
  for (const std::string& socket : sockets) VC_RETURN_IF_ERROR(journal.Begin(EffectKind::kSocket, socket));
  VC_RETURN_IF_ERROR(journal.Begin(EffectKind::kProcess, kVmmEffect));
  Result<VmInfo> info = hypervisor_->Start(vm, deadline);
  if (info) {
    journal.Done(EffectKind::kProcess, kVmmEffect, info->process);
  } else {
    journal.End(EffectKind::kProcess, kVmmEffect);
  }
  // Which of them there are is the hypervisor's affair.
  for (const std::string& socket : sockets) {
    if (info && FileExists(socket)) {
      journal.Done(EffectKind::kSocket, socket);
    } else {
      journal.End(EffectKind::kSocket, socket);
    }
  }
  return info;
}

Status PodVm::Launch(Deadline deadline) {
  VmConfig vm = Describe();
  VC_ASSIGN_OR_RETURN(vm.hypervisor, ResolveHypervisor());
  VC_ASSIGN_OR_RETURN(const HypervisorFeatures features, hypervisor_->features(vm.hypervisor, vm.resources));
  VC_ASSIGN_OR_RETURN(vm.transport, ChooseTransport(options_.config.agent.transport, features));
  if (vm.transport == AgentTransport::kVsock) vm.vsock_cid = RandomCid();

  if (has_guest()) {
    VC_RETURN_IF_ERROR(LaunchShare(vm, deadline));
    VC_ASSIGN_OR_RETURN(files_, WriteGuestFiles(options_.config, options_.paths.run_dir + "/etc"));
  }

  Result<VmInfo> info = LaunchVmm(vm, deadline);
  if (!info) return Fail(std::move(info.error()).AddContext("boot " + Quoted(vm.hypervisor.kernel)));
  share_socket_.reset();
  record_.info = *info;
  record_.mark = options_.paths.mark;
  LimitConsole();
  return Watch();
}

Status PodVm::Connect(Deadline deadline) {
  Status connected = agent_->Connect(record_.info.agent, deadline);
  if (!connected) return Fail(ExplainBootFailure(connected.error()));
  Result<AgentDetails> details = agent_->GetDetails(deadline);
  if (!details) return Fail(ExplainBootFailure(details.error()));
  record_.agent_version = details->version;
  return {};
}

Error PodVm::ExplainBootFailure(const Error& error) const {
  std::string what = "the guest did not come up: ";
  // A VM that has ended says more than the link that broke with it; its end may be a moment behind.
  const Result<VmExit> exit = hypervisor_->WaitExit(Deadline::After(error.code() == Code::kDeadlineExceeded
                                                                        ? std::chrono::milliseconds(0)
                                                                        : std::chrono::milliseconds(500)));
  const std::string console = ReadOwnFileTail(options_.paths.console(), kConsoleTail).value_or("");
  const std::string cause = DiagnoseConsole(console);
  if (!cause.empty()) {
    what += cause;
  } else if (exit) {
    what += exit->reason;
  } else if (error.code() == Code::kDeadlineExceeded) {
    what += "its agent did not answer in time";
  } else {
    what += error.ToString();
  }
  const std::string lines = LastLines(console, 8);
  what += lines.empty() ? "; its console said nothing" : "; its console's last lines:\n" + lines;
  return Error(Code::kAborted, Reason::kGuestDidNotBoot, std::move(what));
}

Result<PodVm::Shown> PodVm::ShowFiles(ContainerConfig container) {
  Shown shown{{WithGuestFiles(std::move(container), files_), ""}, {}};
  ContainerConfig& config = shown.container.config;
  shown.container.rootfs = config.rootfs;
  if (!share_) return shown;
  if (config.readonly_rootfs) VC_RETURN_IF_ERROR(MakeMountPoints(config, files_));
  std::vector<SharedRootfs::Volume> volumes;
  for (const Mount& mount : config.mounts) {
    if (!IsBindMount(mount)) continue;
    volumes.push_back({mount.source, IsReadonlyMount(mount), HasOption(mount, "rbind")});
  }
  VC_ASSIGN_OR_RETURN(const SharedRootfs::Places places,
                      Journaled(options_.journal, EffectKind::kMount, config.id, [&] {
                        return share_->Add(config.id, config.rootfs, config.readonly_rootfs, volumes);
                      }));
  const auto show = [&](std::string& path, const std::string& place) {
    std::string in_guest = kShareInGuest + place;
    shown.paths.emplace_back(in_guest, std::exchange(path, in_guest));
  };
  show(shown.container.rootfs, places.rootfs);
  size_t next = 0;
  for (Mount& mount : config.mounts) {
    if (IsBindMount(mount)) show(mount.source, places.volumes[next++]);
  }
  return shown;
}

Status PodVm::CreateContainer(ContainerConfig container, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const Shown shown, ShowFiles(std::move(container)));
  const std::string& id = shown.container.config.id;
  Status created = agent_->CreateContainer(shown.container, deadline);
  if (created) return {};
  // It may have been made after all, too late.
  if (created.error().code() == Code::kDeadlineExceeded) {
    (void)agent_->RemoveContainer(id, Deadline::After(std::chrono::seconds(1)));
  }
  (void)HideRootfs(id);
  return Fail(Replaced(created.error(), shown.paths));
}

Status PodVm::HideRootfs(const std::string& container) {
  if (share_) {
    VC_RETURN_IF_ERROR(share_->Remove(container));
    options_.journal.End(EffectKind::kMount, container);
  }
  std::map<std::string, ContainerConfig>::node_type gone;
  {
    const std::lock_guard lock(mutex_);
    gone = hooked_.extract(container);
  }
  if (gone) RunStopHooks(gone.mapped(), Deadline::After(kStopHooks));
  return {};
}

void PodVm::KeepStopHooks(const ContainerConfig& container) {
  if (container.hooks.empty()) return;
  const std::lock_guard lock(mutex_);
  hooked_.insert_or_assign(container.id, container);
}

Status PodVm::RunCreateHooks(const ContainerConfig& container, Deadline deadline) {
  if (container.hooks.empty()) return {};
  KeepStopHooks(container);
  const std::string state = HookState(container, "created", record_.info.process.pid);
  VC_RETURN_IF_ERROR(options_.journal.Begin(EffectKind::kProcess, kHooksEffect));
  VC_RETURN_IF_ERROR(RunHooks("prestart", container.hooks.prestart, state, deadline));
  return RunHooks("createRuntime", container.hooks.create_runtime, state, deadline);
}

void PodVm::RunLate(const char* turn, const std::vector<Hook>& hooks, const std::string& state,
                    Deadline deadline) const {
  if (hooks.empty()) return;
  // They are due whether or not that can be written down; they have the pod's mark in any case.
  if (const Status begun = options_.journal.Begin(EffectKind::kProcess, kHooksEffect); !begun) {
    std::fprintf(stderr, "%s\n", begun.error().ToString().c_str());
  }
  RunLateHooks(turn, hooks, state, deadline);
}

void PodVm::RunStopHooks(const ContainerConfig& container, Deadline deadline) const {
  RunLate("poststop", container.hooks.poststop, HookState(container, "stopped", 0), deadline);
}

void PodVm::RunStartHooks(const ContainerConfig& container, Deadline deadline) const {
  RunLate("poststart", container.hooks.poststart, HookState(container, "running", record_.info.process.pid),
          deadline);
}

std::vector<ProcessIdentity> PodVm::helpers() const {
  if (!share_) return {};
  return {share_->process()};
}

std::string PodVm::share_tag() const { return share_ ? kShareTag : ""; }

Status PodVm::Stop(Deadline deadline) {
  using std::chrono::seconds;
  if (hypervisor_->state() == VmState::kRunning && has_guest()) {
    // A guest that powers itself off has written back what it holds.
    if (agent_->DestroySandbox(Min(deadline, Deadline::After(seconds(5))))) {
      (void)hypervisor_->WaitExit(Min(deadline, Deadline::After(seconds(5))));
    }
  }
  VC_RETURN_IF_ERROR(hypervisor_->Stop(
      Deadline::After(std::max<std::chrono::nanoseconds>(deadline.remaining(), seconds(5)))));
  agent_->Close();
  const Status unshared = share_ ? share_->Stop(Deadline::After(seconds(5))) : Status();
  std::map<std::string, ContainerConfig> gone;
  {
    const std::lock_guard lock(mutex_);
    gone.swap(hooked_);
  }
  const Deadline patience = Deadline::After(kStopHooks);
  for (const auto& [id, container] : gone) RunStopHooks(container, patience);
  return unshared;
}

}  // namespace virtcontainers
