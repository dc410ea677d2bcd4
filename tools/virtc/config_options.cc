#include "config_options.h"

#include <filesystem>
#include <fmt/format.h>

#include "base/errors.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Accelerator;
using virtcontainers::Code;
using virtcontainers::ContainerConfig;
using virtcontainers::Fail;
using virtcontainers::PodConfig;
using virtcontainers::ProcessConfig;
using virtcontainers::Result;
using virtcontainers::Status;

namespace {

// The library takes absolute paths: it has no idea of where its caller stands.
std::string Absolute(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return path;
  // "rootfs/" is a directory's name with a slash that says nothing.
  if (absolute.has_relative_path() && absolute.filename().empty()) absolute = absolute.parent_path();
  return absolute.string();
}

}  // namespace

void PodOptions::Declare(Options& options) {
  options.Group("The virtual machine")
      .Text("--memory", "SIZE", memory, "its memory, such as 256M or 2G (256M)")
      .Text("--cpus", "N", cpus, "its virtual CPUs (1)")
      .Text("--hypervisor", "qemu|mock", hypervisor, "what runs it; mock runs nothing, for tests (qemu)")
      .Text("--machine", "q35|microvm", machine, "the machine's type (q35)")
      .Text("--accel", "auto|kvm|tcg", accelerator,
            "KVM, or software emulation where it is not usable (auto)")
      .Text("--kernel", "FILE", kernel, "the guest's kernel (the guest image's)")
      .Text("--initrd", "FILE", initrd, "the guest's initramfs (the guest image's)")
      .List("--kernel-param", "WORD", kernel_parameters, "added to the kernel's command line; any number")
      .Text("--agent", "kata|noop", agent, "the agent in the guest (kata)")
      .Flag("--debug", debug, "a talkative guest on the console")
      .Group("The pod")
      .Text("--hostname", "NAME", hostname, "the guest's host name (the pod's id)")
      .List("--annotation", "NAME=VALUE", annotations, "a note kept with the pod; any number");
}

Result<PodConfig> PodOptions::Config() const {
  PodConfig config;
  config.id = id;
  config.hostname = hostname;
  if (!memory.empty()) {
    VC_ASSIGN_OR_RETURN(config.resources.memory, ParseSize("--memory", memory));
  }
  if (!cpus.empty()) {
    VC_ASSIGN_OR_RETURN(config.resources.vcpus, ParseCount("--cpus", cpus));
  }
  if (!hypervisor.empty()) {
    VC_RETURN_IF_ERROR(ParseChoice("--hypervisor", hypervisor, {"qemu", "mock"}));
    config.hypervisor.type = hypervisor;
  }
  if (!machine.empty()) {
    VC_RETURN_IF_ERROR(ParseChoice("--machine", machine, {"q35", "microvm"}));
    config.hypervisor.machine = machine;
  }
  if (!accelerator.empty()) {
    VC_ASSIGN_OR_RETURN(const size_t choice, ParseChoice("--accel", accelerator, {"auto", "kvm", "tcg"}));
    constexpr Accelerator kAccelerators[] = {Accelerator::kAuto, Accelerator::kKvm, Accelerator::kTcg};
    config.hypervisor.accelerator = kAccelerators[choice];
  }
  if (!agent.empty()) {
    VC_RETURN_IF_ERROR(ParseChoice("--agent", agent, {"kata", "noop"}));
    config.agent.type = agent;
  }
  config.hypervisor.kernel = Absolute(kernel);
  config.hypervisor.initrd = Absolute(initrd);
  config.hypervisor.kernel_parameters = kernel_parameters;
  config.hypervisor.debug = debug;
  for (const std::string& annotation : annotations) {
    VC_ASSIGN_OR_RETURN(auto pair, ParsePair("--annotation", annotation));
    config.annotations.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  return config;
}

void ProcessOptions::Declare(Options& options) {
  options.Group("The process")
      .List("-e,--env", "NAME[=VALUE]", env, "set in its environment; any number")
      .Text("--cwd", "DIR", cwd, "where it starts, in the container (/)")
      .Text("--user", "UID[:GID]", user, "as whom it runs, in numbers (0:0)");
}

void ProcessOptions::DeclareStreams(Options& options) {
  options.Group("The process")
      .Flag("-i,--interactive", interactive, "pass standard input on to it")
      .Flag("-t,--tty", terminal, "give it a terminal");
}

Status ProcessOptions::Apply(ProcessConfig& process) const {
  for (const std::string& variable : env) {
    VC_ASSIGN_OR_RETURN(std::string parsed, ParseEnvironment(variable));
    // The last one holds, also over the bundle's.
    const std::string name = parsed.substr(0, parsed.find('=') + 1);
    std::erase_if(process.env, [&](const std::string& old) { return old.starts_with(name); });
    process.env.push_back(std::move(parsed));
  }
  if (!cwd.empty()) {
    if (!cwd.starts_with('/'))
      return Fail(Code::kInvalidArgument,
                  fmt::format("--cwd '{}' is not absolute: it is a path in the container", cwd));
    process.cwd = cwd;
  }
  if (!user.empty()) {
    VC_ASSIGN_OR_RETURN(process.user, ParseUser(user));
  }
  if (terminal) process.terminal = true;
  return {};
}

void ContainerOptions::Declare(Options& options) {
  options.Group("The container")
      .Text("--rootfs", "DIR", rootfs, "the folder that is its root file system, used as it is")
      .Text("--bundle", "DIR", bundle, "an OCI bundle: DIR/config.json, and the root file system named in it")
      .Flag("--read-only", readonly, "its root file system cannot be written");
  process.Declare(options);
}

bool ContainerOptions::given(const CommandWords& words) const {
  return !id.empty() || !rootfs.empty() || !bundle.empty() || words.has_value() || readonly ||
         !process.env.empty() || !process.cwd.empty() || !process.user.empty();
}

Status ContainerOptions::Check(const CommandWords& words) const {
  if (!rootfs.empty() && !bundle.empty())
    return Fail(Code::kInvalidArgument,
                "--rootfs and --bundle both name a root file system: give one of them");
  if (rootfs.empty() && bundle.empty())
    return Fail(Code::kInvalidArgument,
                "no root file system for the container: give --rootfs DIR or --bundle DIR");
  if (!rootfs.empty() && !words)
    return Fail(Code::kInvalidArgument,
                "no command for the container: write it after '--', such as -- sleep 1000");
  ProcessConfig scratch;
  return process.Apply(scratch);
}

Result<ContainerConfig> ContainerOptions::Config(const CommandWords& words) const {
  const std::string name = id.empty() ? kDefaultContainer : id;
  ContainerConfig config;
  if (bundle.empty()) {
    config.id = name;
    config.rootfs = Absolute(rootfs);
  } else {
    VC_ASSIGN_OR_RETURN(config, virtcontainers::LoadOciBundle(Absolute(bundle), name));
  }
  if (words) config.process.args = *words;
  if (readonly) config.readonly_rootfs = true;
  VC_RETURN_IF_ERROR(process.Apply(config.process));
  return config;
}

Result<std::string> OneId(const std::string& argument, const std::string& option) {
  if (argument.empty() && option.empty())
    return Fail(Code::kInvalidArgument, "no pod named: give its id, such as 'web'");
  if (!argument.empty() && !option.empty() && argument != option) {
    return Fail(Code::kInvalidArgument,
                fmt::format("two ids for one pod: '{}' and --id '{}'", argument, option));
  }
  return argument.empty() ? option : argument;
}

}  // namespace virtc
