#include "hypervisor/qemu/command_line.h"

#include <utility>

#include "base/errors.h"

namespace virtcontainers {
namespace {

constexpr std::string_view kMicrovm = "microvm";
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
std::string Device(const VmConfig& config, const std::string& type) {
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
  if (config.share) machine += ",memory-backend=ram";
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
  arguments.Add("-m", memory);
  // virtiofsd maps the guest's memory itself.
  if (config.share) arguments.Add("-object", "memory-backend-memfd,id=ram,share=on,size=" + memory);
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
  arguments.Add("-device", Device(config, "virtio-rng") + ",rng=entropy");

  if (config.transport == AgentTransport::kVsock) {
    arguments.Add("-device", Device(config, "vhost-vsock") +
                                 ",guest-cid=" + std::to_string(config.vsock_cid) +
                                 ",vhostfd=" + std::to_string(kVhostVsockFd));
  } else {
    arguments.Add("-device", Device(config, "virtio-serial") + ",max_ports=2");
    arguments.Add("-chardev", SocketChardev("agent", kAgentListenerFd, true));
    arguments.Add("-device", "virtserialport,chardev=agent,name=" + std::string(kAgentPortName));
  }

  if (config.share) {
    arguments.Add("-chardev", SocketChardev("share", kShareFd, false));
    arguments.Add("-device",
                  Device(config, "vhost-user-fs") + ",chardev=share,tag=" + Escaped(config.share->tag));
  }
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
  if (!IsMicrovm(config) && config.hypervisor.machine != "q35") {
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
  return std::move(arguments).Take();
}

}  // namespace virtcontainers
