#include "hypervisor/host_probe.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxCpuinfo = 16 << 20;  // some 1.5 KiB for each CPU

// "svm", "vmx", or nothing: the word among the flags of the first CPU.
std::string_view VirtualizationFlag(std::string_view cpuinfo) {
  const size_t line = cpuinfo.find("\nflags");
  if (line == std::string_view::npos) return "";
  std::string_view flags = cpuinfo.substr(line + 1);
  flags = flags.substr(0, flags.find('\n'));
  while (!flags.empty()) {
    const size_t end = flags.find_first_of(" \t:");
    const std::string_view word = flags.substr(0, end);
    if (word == "svm" || word == "vmx") return word == "svm" ? "svm" : "vmx";
    flags = end == std::string_view::npos ? "" : flags.substr(end + 1);
  }
  return "";
}

std::string OpenFailure(std::string_view what, const std::string& path, int error) {
  const char* way_out = "";
  if (error == EACCES || error == EPERM) way_out = ": run as root, or as a member of its group";
  return std::string(what) + " not used: " + Quoted(path) + ": " + std::strerror(error) + way_out;
}

}  // namespace

Probe ProbeKvm(const HostFiles& files) {
  const UniqueFd node(open(files.kvm.c_str(), O_RDWR | O_CLOEXEC));
  if (!node) return {false, OpenFailure("kvm", files.kvm, errno)};
  // The CPU before the node's own answer: on hosts where this is the obstacle, it is the one to name.
  const Result<std::string> cpuinfo = ReadFile(files.cpuinfo, kMaxCpuinfo);
  if (!cpuinfo) return {false, "kvm not used: " + cpuinfo.error().message()};
  const std::string_view flag = VirtualizationFlag("\n" + *cpuinfo);
  if (flag.empty()) return {false, "kvm not used: the CPU offers neither svm nor vmx to this host"};
  const int version = ioctl(node.get(), KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) {
    return {false, "kvm not used: " + Quoted(files.kvm) + " does not speak KVM's interface version 12"};
  }
  return {true, "kvm: " + Quoted(files.kvm) + " opens and the CPU has " + std::string(flag)};
}

Probe ProbeVhostVsock(const HostFiles& files) {
  const UniqueFd node(open(files.vhost_vsock.c_str(), O_RDWR | O_CLOEXEC));
  if (!node) {
    const int error = errno;
    std::string reason = OpenFailure("vsock", files.vhost_vsock, error);
    if (error == ENOENT) reason += ": load the module 'vhost_vsock' where there is one";
    return {false, std::move(reason)};
  }
  return {true, "vsock: " + Quoted(files.vhost_vsock) + " opens"};
}

Result<AcceleratorChoice> ChooseAccelerator(Accelerator wanted, const HostFiles& files) {
  if (wanted == Accelerator::kTcg) {
    return AcceleratorChoice{Accelerator::kTcg, "tcg: the pod's configuration says so"};
  }
  Probe kvm = ProbeKvm(files);
  if (kvm.usable) return AcceleratorChoice{Accelerator::kKvm, std::move(kvm.reason)};
  if (wanted == Accelerator::kKvm) {
    return Fail(Code::kFailedPrecondition, kvm.reason + ": let the pod use 'tcg' or 'auto'");
  }
  return AcceleratorChoice{Accelerator::kTcg, std::move(kvm.reason)};
}

}  // namespace virtcontainers
