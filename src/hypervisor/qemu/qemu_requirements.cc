#include "hypervisor/qemu/qemu_requirements.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/errors.h"
#include "hypervisor/host_probe.h"
#include "hypervisor/qemu/command_line.h"
#include "hypervisor/qemu/qemu_descriptors.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

constexpr char kDefaultProgram[] = "qemu-system-x86_64";

Status RequireFile(const char* what, const std::string& path) {
  if (::access(path.c_str(), R_OK) == 0) return {};
  return Fail(ErrnoError(std::string(what) + " " + Quoted(path)));
}

}  // namespace

Result<std::string> FindQemu(const std::string& configured) {
  const std::string name = configured.empty() ? kDefaultProgram : configured;
  const std::string path = FindProgram(name);
  std::error_code error;
  // Without links: what is shown to it is the directory that it is in.
  if (!path.empty()) {
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    return error ? path : real.string();
  }
  if (configured.empty()) {
    return Fail(Code::kNotFound,
                Quoted(name) + " is not in $PATH: install it ('apt-get install qemu-system-x86')");
  }
  return Fail(Code::kNotFound, "hypervisor program " + Quoted(name) + " is not there, or not executable");
}

Status CheckFiles(const HypervisorConfig& config) {
  VC_RETURN_IF_ERROR(RequireFile("kernel", config.kernel));
  if (!config.initrd.empty()) VC_RETURN_IF_ERROR(RequireFile("initrd", config.initrd));
  // A name without a slash is QEMU's to find.
  if (config.firmware.find('/') != std::string::npos) {
    VC_RETURN_IF_ERROR(RequireFile("firmware", config.firmware));
  }
  return {};
}

Result<HypervisorFeatures> QemuFeatures(const HypervisorConfig& config, const ResourceConfig& resources) {
  if (config.machine != kQ35 && config.machine != kMicrovm) {
    return Fail(Code::kInvalidArgument,
                "machine " + Quoted(config.machine) + " is unknown to qemu: use 'q35' or 'microvm'");
  }
  HypervisorFeatures features;
  features.plugs_block = features.plugs_network = features.plugs_shares = config.machine == kQ35;
  features.plugs_memory = config.machine == kQ35 && resources.max_memory > resources.memory;
  features.takes_over = true;
  features.sockets = {std::string(kQmpSocketName), std::string(kAgentSocketName)};
  Probe vsock = ProbeVhostVsock();
  if (vsock.usable) {
    features.transports.push_back(AgentTransport::kVsock);
  } else {
    features.vsock_obstacle = std::move(vsock.reason);
  }
  features.transports.push_back(AgentTransport::kVirtioSerial);
  return features;
}

uint32_t SlotsOf(const HypervisorConfig& config) { return config.machine == kQ35 ? config.device_slots : 0; }

Error NotPlugged(std::string_view kind, const std::string& id) {
  return Error(Code::kFailedPrecondition, std::string(kind) + " " + Quoted(id) +
                                              ": a microvm has the devices that it was started with, and no "
                                              "others: use machine 'q35'");
}

// A memory device is a file to the kernel, and QEMU may make none larger than the VM's memory
// (qemu_sandbox.cc).
Status CheckDeviceOf(const ResourceConfig& resources, const Device& device) {
  VC_RETURN_IF_ERROR(CheckDevice(device));
  const auto* memory = std::get_if<MemoryDevice>(&device);
  if (memory == nullptr) return {};
  if (resources.max_memory <= resources.memory) {
    return Fail(Code::kFailedPrecondition, "memory " + Quoted(memory->id) +
                                               ": the vm does not grow: start it with a max_memory that is "
                                               "larger than its memory");
  }
  const Bytes largest = std::max(resources.memory, kLeastMemoryDevice);
  if (memory->size <= largest) return {};
  return Fail(Code::kInvalidArgument,
              "memory " + Quoted(memory->id) + ": " + std::to_string(memory->size.mib()) +
                  " MiB is more than one device of this vm can have: give devices of at "
                  "most " +
                  std::to_string(largest.mib()) + " MiB");
}

}  // namespace virtcontainers
