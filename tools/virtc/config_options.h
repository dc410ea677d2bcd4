// The options that describe pods, containers and processes, and the configurations made from them.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_CONFIG_OPTIONS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_CONFIG_OPTIONS_H_

#include <string>
#include <vector>

#include "command.h"
#include "network_options.h"
#include "resource_options.h"
#include "virtcontainers/config.h"

namespace virtc {

// A container that was not given a name.
inline constexpr const char* kDefaultContainer = "main";

// What is typed about a pod.
struct PodOptions {
  std::string id, hostname, memory, cpus, machine, accelerator, kernel, initrd, hypervisor, agent,
      shared_memory;
  std::vector<std::string> kernel_parameters, annotations, dns, dns_searches, dns_options, hosts;
  bool debug = false;
  NetworkOptions network;

  // All but the id.
  void Declare(Options& options);
  virtcontainers::Result<virtcontainers::PodConfig> Config() const;
};

// What is typed about a process.
struct ProcessOptions {
  std::vector<std::string> env, groups;
  std::string cwd, user, umask;
  bool interactive = false, terminal = false;

  // What the process has where nothing is typed.
  enum class Defaults { kNone, kContainer };

  void Declare(Options& options, Defaults defaults = Defaults::kNone);
  // -i and -t.
  void DeclareStreams(Options& options);
  // -t alone, for a process that somebody attaches to later.
  void DeclareTerminal(Options& options);
  // Overrides what is in `process` with what was typed.
  virtcontainers::Status Apply(virtcontainers::ProcessConfig& process) const;
};

// What is typed about a container.
struct ContainerOptions {
  std::string id, rootfs, bundle, output, log_format, log_max_size, log_max_files;
  std::vector<std::string> volumes, forward_sockets, cap_add, cap_drop, sysctl, own_namespaces;
  bool readonly = false, share_pid = false, privileged = false;
  ResourceOptions resources;
  ProcessOptions process;

  // All but the id and the output.
  void Declare(Options& options);
  void DeclareOutput(Options& options);

  // Whether anything asks for a container.
  bool given(const CommandWords& words) const;

  // Errors that need no look at the bundle.
  virtcontainers::Status Check(const CommandWords& words) const;

  // Reads the bundle, if there is one. Only after Check.
  virtcontainers::Result<virtcontainers::ContainerConfig> Config(const CommandWords& words) const;

 private:
  // Overrides what is in `config` with what was typed.
  virtcontainers::Status Apply(virtcontainers::ContainerConfig& config) const;
};

// What is typed about a list.
struct ListOptions {
  bool all = false, running = false, quiet = false;

  void Declare(Options& options);
  virtcontainers::Status Check() const;
};

// The library takes absolute paths: it has no idea of where its caller stands.
std::string AbsolutePath(const std::string& path);

// The id, given as an argument or by --name.
virtcontainers::Result<std::string> OneId(const std::string& argument, const std::string& option);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_CONFIG_OPTIONS_H_
