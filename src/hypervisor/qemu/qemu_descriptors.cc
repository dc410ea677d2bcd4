#include "hypervisor/qemu/qemu_descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/errors.h"
#include "hypervisor/qemu/command_line.h"
#include "hypervisor/qemu/device_plan.h"
#include "os/own_file.h"

namespace virtcontainers {
namespace {

constexpr char kVhostVsock[] = "/dev/vhost-vsock";

Result<UniqueFd> NewFile(const std::string& path) {
  return OpenOrReplaceOwnFile(path, O_WRONLY | O_TRUNC | O_APPEND);
}

Status OpenDevice(const Device& device, std::vector<UniqueFd>& to) {
  if (const auto* disk = std::get_if<BlockDevice>(&device)) {
    VC_ASSIGN_OR_RETURN(to.emplace_back(), ReopenImage(*disk));
    return {};
  }
  for (const int fd : DescriptorsOf(device)) {
    to.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!to.back()) return FailErrno("duplicate a descriptor of " + Quoted(IdOf(device)));
  }
  return {};
}

}  // namespace

std::string QemuLog(const std::string& run_dir) { return run_dir + "/qemu.log"; }
std::string QemuAgentSocket(const std::string& run_dir) {
  return run_dir + "/" + std::string(kAgentSocketName);
}

Result<UniqueFd> ReopenImage(const BlockDevice& disk) {
  const std::string path = "/proc/self/fd/" + std::to_string(disk.image);
  UniqueFd fd(::open(path.c_str(), (disk.readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC));
  if (!fd) return FailErrno("open the image of disk " + Quoted(disk.id) + " anew");
  return fd;
}

Result<std::unique_ptr<QemuListeners>> QemuListeners::Listen(const VmConfig& config) {
  auto listeners = std::make_unique<QemuListeners>();
  VC_ASSIGN_OR_RETURN(ttrpc::UnixListener qmp,
                      ttrpc::ListenUnix(config.run_dir + "/" + std::string(kQmpSocketName)));
  listeners->qmp.emplace(std::move(qmp));
  if (config.transport == AgentTransport::kVirtioSerial) {
    VC_ASSIGN_OR_RETURN(ttrpc::UnixListener agent, ttrpc::ListenUnix(QemuAgentSocket(config.run_dir)));
    listeners->agent.emplace(std::move(agent));
  }
  return listeners;
}

Result<QemuDescriptors> QemuDescriptors::Open(const VmConfig& config) {
  QemuDescriptors descriptors;
  VC_ASSIGN_OR_RETURN(descriptors.console, NewFile(config.console));
  VC_ASSIGN_OR_RETURN(descriptors.log, NewFile(QemuLog(config.run_dir)));

  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return FailErrno("make a socket pair");
  descriptors.qmp.reset(ends[0]);
  descriptors.qemu_qmp.reset(ends[1]);

  if (config.transport == AgentTransport::kVsock) {
    descriptors.vhost_vsock.reset(::open(kVhostVsock, O_RDWR | O_CLOEXEC));
    if (!descriptors.vhost_vsock) return FailErrno("open " + Quoted(kVhostVsock));
  }
  for (const Device& device : config.devices) VC_RETURN_IF_ERROR(OpenDevice(device, descriptors.devices));
  return descriptors;
}

std::vector<std::pair<int, int>> QemuDescriptors::ForQemu(const QemuListeners& listeners) const {
  std::vector<std::pair<int, int>> fds = {{log.get(), STDOUT_FILENO}, {log.get(), STDERR_FILENO}};
  fds.emplace_back(qemu_qmp.get(), kQmpFd);
  fds.emplace_back(listeners.qmp->fd(), kQmpListenerFd);
  if (listeners.agent) fds.emplace_back(listeners.agent->fd(), kAgentListenerFd);
  fds.emplace_back(console.get(), kConsoleFd);
  if (vhost_vsock) fds.emplace_back(vhost_vsock.get(), kVhostVsockFd);
  int fd = kFirstDeviceFd;
  for (const UniqueFd& device : devices) fds.emplace_back(device.get(), fd++);
  return fds;
}

}  // namespace virtcontainers
