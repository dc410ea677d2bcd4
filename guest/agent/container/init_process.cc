#include "guest/agent/container/init_process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <net/if.h>

#include "base/errors.h"
#include "base/sysctl_name.h"
#include "guest/agent/container/devices.h"
#include "guest/agent/container/executable.h"
#include "guest/agent/container/hooks.h"
#include "guest/agent/container/mount_options.h"
#include "guest/agent/container/mounts.h"
#include "guest/agent/container/report.h"
#include "guest/agent/container/terminal.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/mount.h"
#include "os/rooted_path.h"

namespace virtcontainers::guest {

namespace {

Status RaiseLoopback() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return FailErrno("open a socket");
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) < 0) return FailErrno("look at 'lo'");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) return FailErrno("raise 'lo'");
  return {};
}

Status EnterNamespaces(const InitPlan& plan) {
  if (plan.ipc_namespace >= 0 && ::setns(plan.ipc_namespace, CLONE_NEWIPC) < 0) {
    return FailErrno("join the sandbox's ipc namespace");
  }
  if (plan.uts_namespace >= 0 && ::setns(plan.uts_namespace, CLONE_NEWUTS) < 0) {
    return FailErrno("join the sandbox's uts namespace");
  }
  // Not at the clone: its root would be the agent's cgroup then, not the container's.
  if (::unshare(CLONE_NEWCGROUP) < 0) return FailErrno("unshare the cgroup namespace");
  if (::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) < 0) return FailErrno("make '/' private");
  const std::string& hostname = plan.hostname;
  if (!hostname.empty() && ::sethostname(hostname.data(), hostname.size()) < 0) {
    return FailErrno("set the hostname " + Quoted(hostname));
  }
  const std::string& domainname = plan.domainname;
  if (!domainname.empty() && ::setdomainname(domainname.data(), domainname.size()) < 0) {
    return FailErrno("set the domainname " + Quoted(domainname));
  }
  if (plan.own_network) return RaiseLoopback();
  return {};
}

// Whether /dev is the container's own; one that was bound in has what it has.
bool OwnsDev(const grpc::Spec& spec) {
  return std::none_of(spec.mounts().begin(), spec.mounts().end(), [](const grpc::Mount& mount) {
    const bool dev = mount.destination() == "/dev" || mount.destination() == "/dev/";
    return dev && ParseMountOptions({mount.options().begin(), mount.options().end()}).bind;
  });
}

Status SetSysctls(const grpc::Linux& linux_spec) {
  for (const auto& [key, value] : linux_spec.sysctl()) {
    if (auto status = WriteFile("/proc/sys/" + SysctlPath(key), value); !status) {
      return Fail(std::move(status.error()).AddContext("set sysctl " + Quoted(key)));
    }
  }
  return {};
}

Status SetUpTerminal(const InitPlan& plan, const RootedPath& root, bool owns_dev) {
  if (!plan.process.process->terminal()) return {};
  VC_ASSIGN_OR_RETURN(const Terminal terminal, OpenTerminal(root, plan.process.process->consolesize()));
  VC_RETURN_IF_ERROR(ReportTerminal(plan.process.report, terminal.master.get()));
  VC_RETURN_IF_ERROR(TakeTerminal(terminal.slave.get()));
  if (owns_dev) VC_RETURN_IF_ERROR(BindConsole(root, terminal.slave.get()));
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(terminal.slave.get(), fd) < 0) return FailErrno("set up the terminal");
  }
  return {};
}

// The old root goes on top of the new one and is then taken off: no directory is needed for it.
Status MoveIntoRoot(const RootedPath& root) {
  if (::fchdir(root.fd()) < 0) return FailErrno("change to the root file system");
  if (::syscall(SYS_pivot_root, ".", ".") < 0) return FailErrno("pivot_root");
  if (::umount2(".", MNT_DETACH) < 0) return FailErrno("leave the guest's root");
  if (::chdir("/") < 0) return FailErrno("change to '/'");
  return {};
}

Status SetRootPropagation(const std::string& name) {
  if (name.empty()) return {};
  const MountOptions options = ParseMountOptions({name});
  if (options.propagation == 0) {
    return Fail(Code::kInvalidArgument, "there is no rootfsPropagation " + Quoted(name));
  }
  const unsigned long recursive = options.recursive_propagation ? MS_REC : 0;
  if (::mount(nullptr, "/", nullptr, options.propagation | recursive, nullptr) < 0) {
    return FailErrno("set the propagation of the root");
  }
  return {};
}

// The pid is the one the container knows the process by.
std::string State(const InitPlan& plan) {
  return HookState(plan.container_id, ::getpid(), plan.bundle, plan.spec->annotations());
}

Status MakeRoot(const InitPlan& plan) {
  const grpc::Spec& spec = *plan.spec;
  VC_ASSIGN_OR_RETURN(const RootedPath root, RootedPath::Open(plan.rootfs));
  for (const grpc::Mount& mount : spec.mounts()) VC_RETURN_IF_ERROR(MakeContainerMount(root, mount));
  const bool owns_dev = OwnsDev(spec);
  // Before the default ones, each of which gives way to one of its name.
  for (const grpc::LinuxDevice& device : spec.linux().devices()) VC_RETURN_IF_ERROR(MakeDevice(root, device));
  if (owns_dev) VC_RETURN_IF_ERROR(MakeDefaultDevices(root));
  VC_RETURN_IF_ERROR(SetSysctls(spec.linux()));
  VC_RETURN_IF_ERROR(
      RunHooks(spec.hooks().createcontainer(), "createContainer", State(plan), [&]() -> Status {
        if (::chdir(plan.bundle.c_str()) < 0) return FailErrno("change to " + Quoted(plan.bundle));
        return {};
      }));
  VC_RETURN_IF_ERROR(SetUpTerminal(plan, root, owns_dev));
  ::umask(022);
  if (const std::string& directory = spec.process().cwd(); !directory.empty()) {
    if (auto made = root.MakeDirectory(directory); !made) {
      return Fail(std::move(made.error()).AddContext("working directory " + Quoted(directory)));
    }
  }
  VC_RETURN_IF_ERROR(MakePathsReadOnly(root, spec.linux().readonlypaths()));
  VC_RETURN_IF_ERROR(MaskPaths(root, spec.linux().maskedpaths()));
  if (spec.root().readonly()) {
    VC_RETURN_IF_ERROR(SetMountAttributes(root.fd(), MOUNT_ATTR_RDONLY, 0, /*recursive=*/false));
  }
  VC_RETURN_IF_ERROR(MoveIntoRoot(root));
  return SetRootPropagation(spec.linux().rootfspropagation());
}

Result<PreparedProcess> MakeContainer(const InitPlan& plan) {
  // Other processes of the container could look into this one, which is still the agent's image.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (::setsid() < 0) return FailErrno("setsid");
  VC_RETURN_IF_ERROR(EnterNamespaces(plan));
  VC_RETURN_IF_ERROR(MakeRoot(plan));
  // Programs are looked for from where they will run. A directory only the user may enter is not an error
  // yet.
  const std::string& directory = plan.spec->process().cwd();
  if (!directory.empty()) (void)!::chdir(directory.c_str());
  return PrepareProcess(plan.process);
}

}  // namespace

void RunInitProcess(const InitPlan& plan) {
  const int report = plan.process.report;
  const auto prepared = MakeContainer(plan);
  if (!prepared) {
    ReportError(report, SetupError(prepared.error()));
    ::_exit(1);
  }
  if (const auto found = FindExecutable(prepared->arguments[0], SearchPath(prepared->environment)); !found) {
    ReportError(report, found.error());
    ::_exit(1);
  }
  ReportReady(report);
  char go = 0;
  ssize_t count = 0;
  do {
    count = ::recv(report, &go, 1, 0);
  } while (count < 0 && errno == EINTR);
  // The agent closed its end: the container is not wanted any more.
  if (count != 1) ::_exit(1);
  // Whatever the root is made of decides what such a hook is: it has the container's rights, and no others.
  const Status hooks = RunHooks(plan.spec->hooks().startcontainer(), "startContainer", State(plan),
                                [&] { return EnterProcess(plan.process, *prepared); });
  const Error error = hooks ? BecomeProcess(plan.process, *prepared) : hooks.error();
  ReportError(report, error);
  ::_exit(error.code() == Code::kNotFound ? 127 : 126);
}

}  // namespace virtcontainers::guest
