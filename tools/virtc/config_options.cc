#include "config_options.h"

#include <filesystem>
#include <fmt/format.h>

#include "base/errors.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Accelerator;
using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::PodConfig;
using virtcontainers::ProcessConfig;
using virtcontainers::Result;
using virtcontainers::Status;

std::string AbsolutePath(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return path;
  // "rootfs/" is a directory's name with a slash that says nothing.
  if (absolute.has_relative_path() && absolute.filename().empty()) absolute = absolute.parent_path();
  return absolute.string();
}

void PodOptions::Declare(Options& options) {
  options.Group("The virtual machine")
      .Text("-m,--memory", "SIZE", memory, "the memory of the VM, such as 256M or 2G (256M)")
      .Text("--cpus", "N", cpus, "the number of virtual CPUs (1)")
      .Text("--hypervisor", "qemu|mock", hypervisor, "what runs the VM; mock runs nothing, for tests (qemu)")
      .Text("--machine", "q35|microvm", machine, "QEMU's machine type (q35)")
      .Text("--accel", "auto|kvm|tcg", accelerator,
            "KVM, or software emulation where KVM is not usable (auto)")
      .Text("--kernel", "FILE", kernel, "the guest's kernel (the guest image's)")
      .Text("--initrd", "FILE", initrd, "the guest's initramfs (the guest image's)")
      .List("--kernel-param", "WORD", kernel_parameters, "added to the kernel's command line; any number")
      .Text("--agent", "kata|noop", agent, "the agent in the guest; noop runs nothing, for tests (kata)")
      .Flag("--debug", debug, "a verbose guest on the console")
      .Group("The pod")
      .Text("--hostname", "NAME", hostname, "the guest's host name (the pod's id)")
      .List("-l,--annotation,--label", "NAME=VALUE", annotations, "a note kept with the pod; any number")
      .List("--dns", "ADDRESS", dns, "a name server for the pod's containers; any number")
      .List("--dns-search", "DOMAIN", dns_searches, "a domain in which short names are looked up; any number")
      .List("--dns-option", "WORD", dns_options, "an option of the resolver, such as ndots:2; any number")
      .List("--add-host", "NAME:ADDRESS", hosts, "a line of the containers' /etc/hosts; any number")
      .Text("--shm-size", "SIZE", shared_memory, "the size of the containers' shared /dev/shm (64M)");
  network.Declare(options);
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
  config.hypervisor.kernel = AbsolutePath(kernel);
  config.hypervisor.initrd = AbsolutePath(initrd);
  config.hypervisor.kernel_parameters = kernel_parameters;
  config.hypervisor.debug = debug;
  for (const std::string& annotation : annotations) {
    VC_ASSIGN_OR_RETURN(auto pair, ParsePair("--annotation", annotation));
    config.annotations.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  config.dns.servers = dns;
  config.dns.searches = dns_searches;
  config.dns.options = dns_options;
  for (const std::string& host : hosts) {
    const size_t colon = host.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == host.size())
      return Fail(Code::kInvalidArgument,
                  fmt::format("--add-host '{}' is not NAME:ADDRESS, such as db:10.0.0.2", host));
    config.hosts.push_back({.address = host.substr(colon + 1), .names = {host.substr(0, colon)}});
  }
  if (!shared_memory.empty()) {
    VC_ASSIGN_OR_RETURN(config.shared_memory, ParseSize("--shm-size", shared_memory));
  }
  VC_RETURN_IF_ERROR(network.Apply(config));
  return config;
}

void ProcessOptions::Declare(Options& options, Defaults defaults) {
  const bool container = defaults == Defaults::kContainer;
  options.Group("The process")
      .List("-e,--env", "NAME[=VALUE]", env,
            "set an environment variable; NAME alone takes virtc's own value; any number")
      .Text("-w,--cwd,--workdir", "PATH", cwd,
            fmt::format("its working directory, in the container ({})", container ? "the container's" : "/"))
      .Text("-u,--user", "USER[:GROUP]", user,
            fmt::format("the user it runs as: a name of the container's /etc/passwd, or a number ({})",
                        container ? "the container's" : "root"))
      .List("--group-add", "GROUP", groups, "a group that it is also in, by name or number; any number")
      .Text("--umask", "OCTAL", umask,
            fmt::format("the permissions that its files do not get, such as 0077 ({})",
                        container ? "the container's" : "0022"));
}

void ProcessOptions::DeclareStreams(Options& options) {
  options.Group("The process")
      .Flag("-i,--interactive", interactive, "connect virtc's standard input to its standard input");
  DeclareTerminal(options);
}

void ProcessOptions::DeclareTerminal(Options& options) {
  options.Group("The process").Flag("-t,--tty", terminal, "give it a terminal instead of pipes");
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
      return Fail(
          Code::kInvalidArgument,
          fmt::format("--cwd '{}' is not absolute: name a directory of the container, such as '/tmp'", cwd));
    process.cwd = cwd;
  }
  if (!user.empty()) {
    VC_ASSIGN_OR_RETURN(auto parsed, ParseUser("--user", user));
    parsed.umask = process.user.umask;
    process.user = std::move(parsed);
  }
  for (const std::string& group : groups) process.user.additional_groups.push_back(group);
  if (!umask.empty()) {
    VC_ASSIGN_OR_RETURN(process.user.umask, ParseOctal("--umask", umask, 0777));
  }
  if (terminal) process.terminal = true;
  return {};
}

void ListOptions::Declare(Options& options) {
  options.Flag("-a,--all", all, "also those that do not run (the default)")
      .Flag("--running", running, "only those that run")
      .Flag("-q,--quiet", quiet, "only their ids");
}

Status ListOptions::Check() const {
  if (all && running)
    return Fail(Code::kInvalidArgument, "--all and --running exclude each other: give one of them");
  return {};
}

Result<std::string> OneId(const std::string& argument, const std::string& option) {
  if (argument.empty() && option.empty())
    return Fail(Code::kInvalidArgument, "no pod named: give its id, such as 'web'");
  if (!argument.empty() && !option.empty() && argument != option) {
    return Fail(Code::kInvalidArgument,
                fmt::format("two ids for one pod: '{}' and --name '{}'", argument, option));
  }
  return argument.empty() ? option : argument;
}

}  // namespace virtc
