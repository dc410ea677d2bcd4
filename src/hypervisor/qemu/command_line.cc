#include "hypervisor/qemu/command_line.h"

#include <cstdio>
#include <utility>

#include "base/errors.h"
#include "hypervisor/qemu/device_plan.h"

namespace virtcontainers {
namespace {

constexpr std::string_view kConsoleSet = "1";
constexpr size_t kMaxKernelCommandLine = 2047;  // x86: COMMAND_LINE_SIZE, with its NUL

// A value in QEMU's option syntax, where a comma ends it unless it is doubled.
std::string Escaped(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    escaped += c;
    if (c == ',') escaped += ',';
  }
  return escaped;
}

class ArgumentList {
 public:
  explicit ArgumentList(std::string program) { arguments_.push_back(std::move(program)); }

  void Add(std::string flag) { arguments_.push_back(std::move(flag)); }
  void Add(std::string flag, std::string value) {
    arguments_.push_back(std::move(flag));
    arguments_.push_back(std::move(value));
  }

  std::vector<std::string> Take() && { return std::move(arguments_); }

 private:
  std::vector<std::string> arguments_;
};

bool IsMicrovm(const VmConfig& config) { return config.hypervisor.machine == kMicrovm; }

// "virtio-rng-pci", "virtio-rng-device": what a device is called on the machine's bus.
std::string OnBus(const VmConfig& config, const std::string& type) {
  return type + (IsMicrovm(config) ? "-device" : "-pci");
}

std::string SocketChardev(const std::string& id, int fd, bool listening) {
  return "socket,id=" + id + ",fd=" + std::to_string(fd) + (listening ? ",server=on,wait=off" : "");
}

void AddMachine(const VmConfig& config, const QemuFacts& facts, ArgumentList& arguments) {
  // acpi stays on: without it a microvm cannot be powered off, and finds its devices later.
  std::string machine =
      IsMicrovm(config) ? "microvm,rtc=on" : "q35,graphics=off,sata=off,smbus=off,vmport=off";
  // The registers of virtio 0.9, which virtiofsd does not understand, are QEMU's default there.
  if (IsMicrovm(config)) arguments.Add("-global", "virtio-mmio.force-legacy=false");
  machine += ",dump-guest-core=off";
  machine += ",memory-backend=ram";
  arguments.Add("-machine", std::move(machine));

  const uint32_t vcpus = config.resources.vcpus;
  if (facts.accelerator == Accelerator::kKvm) {
    arguments.Add("-accel", "kvm");
    arguments.Add("-cpu", "host");
  } else {
    // QEMU would let its cache of translated code grow to 1 GiB.
    arguments.Add("-accel", std::string("tcg,tb-size=256") + (vcpus > 1 ? ",thread=multi" : ""));
    // What container images are built for (x86-64-v3 by now); smaller models boot no faster that could be
    // measured. Without the two features that tell programs that "rep movsb" is the fast way to copy: TCG
    // takes a byte a turn for it (docs/decisions/0010-copying-under-tcg.md).
    arguments.Add("-cpu", "max,erms=off,fsrm=off");
  }
  arguments.Add("-smp", std::to_string(vcpus));
  const std::string memory = std::to_string(config.resources.memory.mib()) + "M";
  const Bytes most = config.resources.max_memory;
  arguments.Add("-m", most > config.resources.memory ? memory + ",slots=" + std::to_string(kMemorySlots) +
                                                           ",maxmem=" + std::to_string(most.mib()) + "M"
                                                     : memory);
  // Shared: a vhost-user daemon, such as virtiofsd, maps the guest's memory itself.
  arguments.Add("-object", "memory-backend-memfd,id=ram,share=on,size=" + memory);
}

void AddMonitors(ArgumentList& arguments) {
  arguments.Add("-chardev", SocketChardev("qmp", kQmpFd, false));
  arguments.Add("-mon", "chardev=qmp,mode=control");
  arguments.Add("-chardev", SocketChardev("qmp-successor", kQmpListenerFd, true));
  arguments.Add("-mon", "chardev=qmp-successor,mode=control");
}

void AddDevices(const VmConfig& config, ArgumentList& arguments) {
  // append: whoever shortens the file while QEMU writes gets no hole at its beginning. QEMU takes a file only
  // by its path, and those of a descriptor set as paths.
  arguments.Add("-add-fd", "set=" + std::string(kConsoleSet) + ",fd=" + std::to_string(kConsoleFd));
  arguments.Add("-chardev", "file,id=console,append=on,path=/dev/fdset/" + std::string(kConsoleSet));
  arguments.Add("-serial", "chardev:console");

  arguments.Add("-object", "rng-random,id=entropy,filename=/dev/urandom");
  arguments.Add("-device", OnBus(config, "virtio-rng") + ",rng=entropy");

  if (config.transport == AgentTransport::kVsock) {
    arguments.Add("-device", OnBus(config, "vhost-vsock") + ",guest-cid=" + std::to_string(config.vsock_cid) +
                                 ",vhostfd=" + std::to_string(kVhostVsockFd));
  } else {
    arguments.Add("-device", OnBus(config, "virtio-serial") + ",max_ports=2");
    arguments.Add("-chardev", SocketChardev("agent", kAgentListenerFd, true));
    arguments.Add("-device", "virtserialport,chardev=agent,name=" + std::string(kAgentPortName));
  }
}

// What devices are plugged into, and the devices that the VM has from its start.
Status AddPluggedDevices(const VmConfig& config, ArgumentList& arguments) {
  const DeviceBus bus = IsMicrovm(config) ? DeviceBus::kMmio : DeviceBus::kPci;
  const uint32_t slots = config.hypervisor.device_slots;
  for (uint32_t i = 0; bus == DeviceBus::kPci && i < BridgesFor(slots); ++i) {
    char address[8];
    std::snprintf(address, sizeof(address), "0x%x", kFirstBridgeSlot + i);
    arguments.Add("-device", "pci-bridge,id=" + BridgeId(i) + ",bus=pcie.0,addr=" + address +
                                 ",chassis_nr=" + std::to_string(i + 1) + ",shpc=off");
  }
  int fd = kFirstDeviceFd;
  DeviceSlot slot;
  for (const Device& device : config.devices) {
    const bool is_memory = std::holds_alternative<MemoryDevice>(device);
    if (is_memory && bus == DeviceBus::kMmio) {
      return Fail(Code::kInvalidArgument, "memory " + Quoted(IdOf(device)) +
                                              ": a microvm has no memory devices: give the vm more memory");
    }
    if (!is_memory && bus == DeviceBus::kPci && slot.index == slots) {
      return Fail(Code::kResourceExhausted, "no slot is left for " + std::string(KindOf(device)) + " " +
                                                Quoted(IdOf(device)) + ": the vm has " +
                                                std::to_string(slots) + " (hypervisor.device_slots)");
    }
    std::vector<std::string> descriptors;
    for (size_t i = 0; i < DescriptorsOf(device).size(); ++i, ++fd) {
      descriptors.push_back(std::to_string(fd));
      if (!std::holds_alternative<BlockDevice>(device)) continue;
      arguments.Add("-add-fd", "set=" + descriptors.back() + ",fd=" + descriptors.back() +
                                   ",opaque=" + QemuDeviceId(IdOf(device)));
    }
    for (std::string& argument : ArgumentsOf(PlanDevice(device, bus, slot, descriptors))) {
      arguments.Add(std::move(argument));
    }
    if (!is_memory) ++slot.index;
  }
  return {};
}

}  // namespace

Result<std::string> KernelCommandLine(const VmConfig& config, const QemuFacts& facts) {
  // The kernel's self tests of its ciphers cost an emulated boot 0.2 s, a tenth of it.
  std::string line = "console=ttyS0 panic=-1 reboot=t cryptomgr.notests";
  auto add = [&line](const std::string& parameter) { line += " " + parameter; };

  add(config.hypervisor.debug ? "ignore_loglevel" : "quiet");
  if (IsMicrovm(config)) add("pci=off");
  if (facts.accelerator == Accelerator::kTcg) {
    // On a busy host the guest's clocks stall: measuring the TSC against them gives nonsense, and a microvm,
    // which has only the PIT, then waits for ever. The check of the timer fails in the same way.
    if (facts.tsc_khz != 0) add("tsc_early_khz=" + std::to_string(facts.tsc_khz));
    add("no_timer_check");
  }
  add(config.transport == AgentTransport::kVsock ? "virtcontainers.transport=vsock"
                                                 : "virtcontainers.transport=virtio-serial");
  add("virtcontainers.poweroff=acpi");
  add(config.hypervisor.debug ? "agent.log=debug" : "agent.log=info");
  for (const std::string& parameter : config.hypervisor.kernel_parameters) add(parameter);

  if (line.size() > kMaxKernelCommandLine) {
    return Fail(Code::kInvalidArgument, "the guest kernel's command line has " + std::to_string(line.size()) +
                                            " bytes and a kernel takes " +
                                            std::to_string(kMaxKernelCommandLine) +
                                            ": give fewer kernel parameters");
  }
  return line;
}

Result<std::vector<std::string>> QemuArguments(const VmConfig& config, const QemuFacts& facts) {
  if (!IsMicrovm(config) && config.hypervisor.machine != kQ35) {
    return Fail(Code::kInvalidArgument,
                "machine " + Quoted(config.hypervisor.machine) + " is not known: use 'q35' or 'microvm'");
  }
  VC_ASSIGN_OR_RETURN(std::string kernel_command_line, KernelCommandLine(config, facts));

  ArgumentList arguments(facts.binary);
  arguments.Add("-name", "guest=" + Escaped(config.name));
  arguments.Add("-nodefaults");
  arguments.Add("-no-user-config");
  arguments.Add("-display", "none");
  arguments.Add("-no-reboot");
  arguments.Add("-S");
  arguments.Add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
  AddMachine(config, facts, arguments);
  arguments.Add("-bios", facts.firmware);
  arguments.Add("-kernel", config.hypervisor.kernel);
  if (!config.hypervisor.initrd.empty()) arguments.Add("-initrd", config.hypervisor.initrd);
  arguments.Add("-append", std::move(kernel_command_line));
  AddMonitors(arguments);
  AddDevices(config, arguments);
  VC_RETURN_IF_ERROR(AddPluggedDevices(config, arguments));
  return std::move(arguments).Take();
}

}  // namespace virtcontainers
