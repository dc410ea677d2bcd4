#include "monitor/pod_vm.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <list>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/console_diagnosis.h"
#include "monitor/guest_files.h"
#include "monitor/share_attachment.h"
#include "os/file.h"
#include "os/own_file.h"
#include "os/thread.h"
#include "pod/defaults.h"

namespace virtcontainers {
namespace {

// What the VMM is called in the pod's journal.
constexpr char kVmmEffect[] = "vmm";

constexpr size_t kConsoleTail = 64 << 10;

// How long after its VM a process of an attachment may seem to have ended before it.
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

PodVm::PodVm(Options options, std::unique_ptr<Hypervisor> hypervisor, std::shared_ptr<Agent> agent)
    : options_(std::move(options)),
      sandbox_(options_.config.id + std::string(kSandboxSuffix)),
      hypervisor_(std::move(hypervisor)),
      agent_(std::move(agent)),
      networks_({.paths = options_.paths,
                 .vcpus = options_.config.resources.vcpus,
                 .effects = options_.effects,
                 .attachments = attachments_,
                 .on_exit = [this](const std::string& reason) { EndVm(reason); }}),
      attachments_(options_.effects),
      // First: what is left of a container is hidden before its poststop hooks run.
      hooks_(attachments_.Add(std::make_unique<HostHooks>(options_.effects))) {}

void PodVm::AddGuestAttachments() {
  if (!agent_->has_guest()) return;
  attachments_.Add(std::make_unique<GuestFiles>(options_.config, options_.paths.run_dir, [this] {
    return GuestFiles::FromNetworks{networks_.dns(), networks_.address()};
  }));
  attachments_.Add(std::make_unique<ShareAttachment>(
      ShareAttachment::Options{.paths = options_.paths,
                               .virtiofsd = options_.config.hypervisor.virtiofsd,
                               .effects = options_.effects,
                               .on_exit = [this](const std::string& reason) { EndVm(reason); }}));
}

PodVm::~PodVm() {
  if (taken_over_ && !watcher_.joinable()) {
    hypervisor_->Detach();
    attachments_.Leave();
    agent_->Close();
    return;
  }
  (void)hypervisor_->Stop(Deadline::After(std::chrono::seconds(5)));
  agent_->Close();
  if (watcher_.joinable()) watcher_.join();
}

VmConfig PodVm::Describe() const {
  VmConfig vm;
  vm.name = options_.config.id;
  vm.hypervisor = options_.config.hypervisor;
  vm.resources = options_.config.resources;
  vm.run_dir = options_.paths.run_dir;
  vm.console = options_.paths.console();
  return vm;
}

Status PodVm::FindKernel(HypervisorConfig& hypervisor) const {
  if (hypervisor.kernel.empty()) hypervisor.kernel = options_.guest + "/vmlinux";
  if (hypervisor.initrd.empty()) hypervisor.initrd = options_.guest + "/initramfs.cpio";
  for (const auto& [what, path] :
       {std::pair("kernel", &hypervisor.kernel), std::pair("initrd", &hypervisor.initrd)}) {
    if (FileExists(*path)) continue;
    return Fail(Code::kNotFound, std::string("the guest's ") + what + " " + Quoted(*path) +
                                     " does not exist: build the guest image with 'make guest', or name one");
  }
  return {};
}

void PodVm::EndVm(const std::string& reason) {
  // Such a process ends with its VM, and that is no fault.
  if (hypervisor_->WaitExit(Deadline::After(kWithItsVm))) return;
  {
    const std::lock_guard lock(mutex_);
    lost_ = reason;
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
                          if (!lost_.empty()) told = {false, lost_};
                        }
                        options_.on_exit(told);
                      }));
  return {};
}

Status PodVm::TakeOver(const PodRecord& record, Deadline deadline) {
  taken_over_ = true;
  record_ = *record.vm;
  VmConfig vm = Describe();
  if (const auto* vsock = std::get_if<VsockAddress>(&record_.info.agent)) {
    vm.transport = AgentTransport::kVsock;
    vm.vsock_cid = vsock->cid;
  }
  VC_ASSIGN_OR_RETURN(record_.info, hypervisor_->Attach(vm, record_.info, deadline));
  const Result<std::vector<PluggedDevice>> plugged = hypervisor_->ListDevices(deadline);
  if (!plugged && plugged.error().code() != Code::kUnimplemented) return Fail(plugged.error());
  networks_.Plan(record.attachments, plugged ? &*plugged : nullptr);
  AddGuestAttachments();
  VC_RETURN_IF_ERROR(attachments_.Adopt(record.attachments, deadline));
  LimitConsole();
  return {};
}

Status PodVm::Reconnect(Deadline deadline) {
  VC_RETURN_IF_ERROR(attachments_.RemoveStrays(*hypervisor_, deadline));
  networks_.UndoStrays(deadline);
  return agent_->Connect(record_.info.agent, deadline);
}

Result<VmInfo> PodVm::LaunchVmm(const VmConfig& vm, const HypervisorFeatures& features, Deadline deadline) {
  Effects& effects = options_.effects;
  std::list<std::pair<std::string, Effects::Begun>> sockets;
  for (const std::string& name : features.sockets) {
    const std::string path = vm.run_dir + "/" + name;
    VC_ASSIGN_OR_RETURN(Effects::Begun socket, effects.Begin(EffectKind::kSocket, path));
    sockets.emplace_back(path, std::move(socket));
  }
  VC_ASSIGN_OR_RETURN(Effects::Begun process, effects.Begin(EffectKind::kProcess, kVmmEffect));
  VC_ASSIGN_OR_RETURN(VmInfo info, hypervisor_->Start(vm, deadline));
  process.Done(info.process);
  for (auto& [path, socket] : sockets) {
    if (FileExists(path)) socket.Done();
  }
  return info;
}

Status PodVm::Launch(Deadline deadline) {
  VmConfig vm = Describe();
  VC_ASSIGN_OR_RETURN(const HypervisorFeatures features, hypervisor_->features(vm.hypervisor, vm.resources));
  if (features.boots_kernel) VC_RETURN_IF_ERROR(FindKernel(vm.hypervisor));
  VC_ASSIGN_OR_RETURN(vm.transport, ChooseTransport(options_.config.agent.transport, features));
  if (vm.transport == AgentTransport::kVsock) vm.vsock_cid = RandomCid();
  networks_.Plan(options_.config.networks, std::move(options_.descriptors));
  AddGuestAttachments();
  VC_RETURN_IF_ERROR(attachments_.Prepare(deadline));
  vm.devices = attachments_.devices();
  Result<VmInfo> info = LaunchVmm(vm, features, deadline);
  if (!info) return Fail(std::move(info.error()).AddContext("boot " + Quoted(vm.hypervisor.kernel)));
  record_.info = *info;
  record_.mark = options_.paths.mark;
  LimitConsole();
  VC_RETURN_IF_ERROR(Watch());
  return attachments_.Plugged(info->process, deadline);
}

Status PodVm::Connect(Deadline deadline) {
  Status connected = agent_->Connect(record_.info.agent, deadline);
  if (!connected) return Fail(ExplainBootFailure(connected.error()));
  Result<AgentDetails> details = agent_->GetDetails(deadline);
  if (!details) return Fail(ExplainBootFailure(details.error()));
  record_.agent_version = details->version;
  return {};
}

Status PodVm::PrepareGuest(Deadline deadline) {
  VC_RETURN_IF_ERROR(agent_->SetGuestTime(Now(), deadline));
  char entropy[64];
  if (::getrandom(entropy, sizeof(entropy), 0) == sizeof(entropy)) {
    VC_RETURN_IF_ERROR(agent_->ReseedRandom(std::string_view(entropy, sizeof(entropy)), deadline));
  }
  const PodConfig& config = options_.config;
  SandboxConfig sandbox;
  sandbox.id = sandbox_;
  sandbox.hostname = HostnameOf(config);
  sandbox.shared_memory = config.shared_memory;
  attachments_.Describe(sandbox);
  VC_RETURN_IF_ERROR(agent_->CreateSandbox(sandbox, deadline));
  return attachments_.Introduce(*agent_, deadline);
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

Status PodVm::CreateContainer(const ContainerConfig& container, Deadline deadline) {
  ContainerOnItsWay on_its_way{{container, container.rootfs}, {}, {}};
  VC_RETURN_IF_ERROR(attachments_.Show(on_its_way));
  Status created = agent_->CreateContainer(on_its_way.container, deadline);
  if (created) return {};
  // It may have been made after all, too late.
  if (created.error().code() == Code::kDeadlineExceeded) {
    (void)agent_->RemoveContainer(container.id, Deadline::After(std::chrono::seconds(1)));
  }
  (void)attachments_.Hide(container.id);
  return Fail(Replaced(created.error(), on_its_way.paths));
}

Status PodVm::Stop(Deadline deadline) {
  using std::chrono::seconds;
  if (hypervisor_->state() == VmState::kRunning && agent_->has_guest()) {
    // A guest that powers itself off has written back what it holds.
    if (agent_->DestroySandbox(Min(deadline, Deadline::After(seconds(5))))) {
      (void)hypervisor_->WaitExit(Min(deadline, Deadline::After(seconds(5))));
    }
  }
  VC_RETURN_IF_ERROR(hypervisor_->Stop(
      Deadline::After(std::max<std::chrono::nanoseconds>(deadline.remaining(), seconds(5)))));
  agent_->Close();
  return attachments_.Release(Deadline::After(seconds(5)));
}

}  // namespace virtcontainers
