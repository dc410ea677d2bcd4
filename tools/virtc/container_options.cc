// The options that describe a container.

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>

#include "base/capability_names.h"
#include "base/errors.h"
#include "config_options.h"
#include "parse.h"
#include "virtcontainers/oci.h"

namespace virtc {

using virtcontainers::Bytes;
using virtcontainers::Capabilities;
using virtcontainers::Code;
using virtcontainers::ContainerConfig;
using virtcontainers::ContainerOutput;
using virtcontainers::DeviceNode;
using virtcontainers::Fail;
using virtcontainers::ForwardedSocket;
using virtcontainers::kCapabilityNames;
using virtcontainers::LogConfig;
using virtcontainers::LogFormat;
using virtcontainers::Mount;
using virtcontainers::NamespaceOwner;
using virtcontainers::Result;
using virtcontainers::Status;

namespace {

// "NET_ADMIN", "cap_net_admin", "ALL": the names the library takes.
Result<std::vector<std::string>> ParseCapability(const std::string& option, const std::string& text) {
  std::string upper = text;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  std::string_view name = upper;
  if (name.starts_with("CAP_")) name.remove_prefix(4);
  std::vector<std::string> names;
  std::vector<std::string_view> short_names;
  for (const std::string_view known : kCapabilityNames) {
    short_names.push_back(known.substr(4));
    if (name == short_names.back() || name == "ALL") names.emplace_back(known);
  }
  if (!names.empty()) return names;
  const std::string_view meant = Nearest(name, short_names);
  return Fail(Code::kInvalidArgument,
              fmt::format("{} '{}' is no capability{}", option, text,
                          meant.empty() ? ": use a name such as NET_ADMIN, or ALL"
                                        : fmt::format(": did you mean '{}'?", meant)));
}

// What the kernel tells in files that root can also write to.
bool IsKernelsTree(const Mount& mount) {
  return mount.type == "sysfs" || mount.type == "cgroup" || mount.type == "cgroup2";
}

// The nodes by which programs reach loop devices, FUSE and tunnels: a container's own /dev has none of them.
void AddNodes(std::vector<DeviceNode>& devices) {
  constexpr int64_t kMisc = 10, kLoop = 7;  // (Documentation/admin-guide/devices.txt)
  const auto add = [&](std::string path, const char* type, int64_t major, int64_t minor, uint32_t mode) {
    devices.push_back({.path = std::move(path), .type = type, .major = major, .minor = minor, .mode = mode});
  };
  add("/dev/fuse", "c", kMisc, 229, 0666);
  add("/dev/net/tun", "c", kMisc, 200, 0666);
  add("/dev/loop-control", "c", kMisc, 237, 0660);
  for (int64_t minor = 0; minor < 8; ++minor) add(fmt::format("/dev/loop{}", minor), "b", kLoop, minor, 0660);
}

// Everything in the VM is the container's; the host is behind the VM.
void GivePrivileges(ContainerConfig& config) {
  Capabilities& capabilities = config.process.capabilities.emplace();
  for (auto* set : {&capabilities.bounding, &capabilities.effective, &capabilities.permitted})
    set->assign(kCapabilityNames.begin(), kCapabilityNames.end());
  config.masked_paths.emplace();
  config.readonly_paths.emplace();
  config.seccomp.reset();
  config.process.no_new_privileges = false;
  config.resources.devices = {{.allow = true, .type = "a", .major = {}, .minor = {}, .access = "rwm"}};
  AddNodes(config.devices);
  if (config.default_mounts) {
    const auto& mounts = virtcontainers::DefaultMounts();
    std::copy_if(mounts.begin(), mounts.end(), std::back_inserter(config.mounts), IsKernelsTree);
  }
  for (Mount& mount : config.mounts) {
    if (IsKernelsTree(mount)) std::erase(mount.options, "ro");
  }
}

Status ChangeCapabilities(const ContainerOptions& options, std::optional<Capabilities>& capabilities) {
  if (options.cap_add.empty() && options.cap_drop.empty()) return {};
  Capabilities changed = capabilities.value_or(virtcontainers::DefaultCapabilities());
  // Dropped first: "--cap-drop ALL --cap-add CHOWN" leaves one.
  for (const std::string& text : options.cap_drop) {
    VC_ASSIGN_OR_RETURN(const auto names, ParseCapability("--cap-drop", text));
    for (auto* set : {&changed.bounding, &changed.effective, &changed.inheritable, &changed.permitted,
                      &changed.ambient}) {
      std::erase_if(*set, [&](const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
      });
    }
  }
  for (const std::string& text : options.cap_add) {
    VC_ASSIGN_OR_RETURN(const auto names, ParseCapability("--cap-add", text));
    for (auto* set : {&changed.bounding, &changed.effective, &changed.permitted}) {
      for (const std::string& name : names) {
        if (std::find(set->begin(), set->end(), name) == set->end()) set->push_back(name);
      }
    }
  }
  capabilities = std::move(changed);
  return {};
}

// "HOST:CONTAINER" or "HOST:CONTAINER:OPTION,...".
Result<Mount> ParseVolume(const std::string& text) {
  const size_t first = text.find(':');
  const size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  const auto refuse = [&](std::string_view why) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--volume '{}' {}: write HOST:CONTAINER or HOST:CONTAINER:ro", text, why));
  };
  if (first == std::string::npos) return refuse("does not say where it is in the container");
  if (second != std::string::npos && text.find(':', second + 1) != std::string::npos)
    return refuse("has too many parts");
  Mount mount;
  mount.type = "bind";
  mount.source = AbsolutePath(text.substr(0, first));
  mount.destination = text.substr(first + 1, second - first - 1);
  mount.options = {"rbind"};
  if (mount.source.empty()) return refuse("does not say what is mounted");
  if (!mount.destination.starts_with('/')) return refuse("is not absolute in the container");
  if (second != std::string::npos) {
    std::string_view rest = std::string_view(text).substr(second + 1);
    if (rest.empty()) return refuse("ends with ':'");
    while (true) {
      const size_t comma = rest.find(',');
      mount.options.emplace_back(rest.substr(0, comma));
      if (mount.options.back().empty()) return refuse("has an empty option");
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return mount;
}

// "HOST:CONTAINER".
Result<ForwardedSocket> ParseForwardedSocket(const std::string& text) {
  const auto refuse = [&](std::string_view why) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--forward-socket '{}' {}: write HOST:CONTAINER, two paths", text, why));
  };
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return refuse("does not say where it is in the container");
  if (text.find(':', colon + 1) != std::string::npos) return refuse("has too many parts");
  ForwardedSocket socket;
  socket.source = AbsolutePath(text.substr(0, colon));
  socket.destination = text.substr(colon + 1);
  if (socket.source.empty()) return refuse("does not name a socket of the host");
  if (!socket.destination.starts_with('/')) return refuse("is not absolute in the container");
  return socket;
}

Status ApplyOutput(const ContainerOptions& options, ContainerConfig& config) {
  if (!options.output.empty()) {
    VC_ASSIGN_OR_RETURN(const size_t choice, ParseChoice("--output", options.output, {"log", "attach"}));
    config.output = choice == 0 ? ContainerOutput::kLog : ContainerOutput::kAttach;
  }
  LogConfig& log = config.log;
  if (!options.log_format.empty()) {
    VC_ASSIGN_OR_RETURN(const size_t choice,
                        ParseChoice("--log-format", options.log_format, {"cri", "json", "plain"}));
    constexpr LogFormat kFormats[] = {LogFormat::kCri, LogFormat::kJson, LogFormat::kPlain};
    log.format = kFormats[choice];
  }
  if (!options.log_max_size.empty()) {
    VC_ASSIGN_OR_RETURN(log.max_size, ParseSize("--log-max-size", options.log_max_size));
  }
  if (!options.log_max_files.empty()) {
    VC_ASSIGN_OR_RETURN(log.max_files, ParseCount("--log-max-files", options.log_max_files));
  }
  return {};
}

Status NoRootfs(const CommandWords& words) {
  constexpr std::string_view kMissing =
      "no root file system for the container: give --rootfs DIR or --bundle DIR";
  if (!words) return Fail(Code::kInvalidArgument, std::string(kMissing));
  for (const std::string& word : *words) {
    for (const char* option : {"--rootfs", "--bundle"}) {
      if (word == option || word.starts_with(std::string(option) + "=")) {
        return Fail(Code::kInvalidArgument,
                    fmt::format("{} before the command (after '{}' it is the command's own option)", kMissing,
                                words->front()));
      }
    }
  }
  // "virtc run alpine sh", "virtc run ./rootfs sh"
  std::error_code ignored;
  if (std::filesystem::is_directory(words->front(), ignored)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{} ('{}' is taken for the command: did you mean --rootfs '{}'?)", kMissing,
                            words->front(), words->front()));
  }
  return Fail(Code::kInvalidArgument, fmt::format("{} ('{}' is taken for the command: virtc has no images)",
                                                  kMissing, words->front()));
}

}  // namespace

void ContainerOptions::Declare(Options& options) {
  options.Group("The container")
      .Text("--rootfs", "DIR", rootfs, "the directory that is its root file system; changes are made in it")
      .Text("--bundle", "DIR", bundle,
            "an OCI bundle: DIR/config.json, and the root file system that it names")
      .Flag("--read-only", readonly, "make its root file system read-only")
      .List("-v,--volume", "HOST:CONTAINER[:ro]", volumes,
            "show a file or directory of the host in it; any number")
      .List("--forward-socket", "HOST:CONTAINER", forward_sockets,
            "show a unix socket of the host in it, without a network; any number")
      .List("--cap-add", "CAPABILITY", cap_add, "add a capability, such as NET_ADMIN, or ALL; any number")
      .List("--cap-drop", "CAPABILITY", cap_drop, "take a capability away, or ALL; any number")
      .Flag("--privileged", privileged,
            "give it all that its VM has: every capability and device, nothing masked; not the host's")
      .List("--sysctl", "NAME=VALUE", sysctl, "set a kernel parameter of its own namespaces; any number")
      .List("--own-namespace", "ipc|network|uts", own_namespaces,
            "give it its own namespace in place of the pod's; any number")
      .Flag("--share-pid", share_pid, "share one pid namespace with all containers that have this option");
  resources.Declare(options, "--container-memory");
  process.Declare(options);
}

void ContainerOptions::DeclareOutput(Options& options) {
  process.DeclareTerminal(options);
  options.Group("The container's output")
      .Text("--output", "log|attach", output,
            "to its log, or kept for 'virtc container attach', which also passes input on (log)")
      .Text("--log-format", "cri|json|plain", log_format,
            "Kubernetes' format, Docker's, or the output as it is (cri)")
      .Text("--log-max-size", "SIZE", log_max_size, "the size at which a new file is begun, such as 1M (16M)")
      .Text("--log-max-files", "N", log_max_files, "how many files are kept (2)");
}

bool ContainerOptions::given(const CommandWords& words) const {
  for (const std::string* text : {&id, &rootfs, &bundle, &process.cwd, &process.user, &process.umask, &output,
                                  &log_format, &log_max_size, &log_max_files}) {
    if (!text->empty()) return true;
  }
  for (const auto* list : {&process.env, &process.groups, &volumes, &forward_sockets, &cap_add, &cap_drop,
                           &sysctl, &own_namespaces}) {
    if (!list->empty()) return true;
  }
  return words.has_value() || readonly || process.terminal || share_pid || privileged || resources.given();
}

Status ContainerOptions::Check(const CommandWords& words) const {
  if (!rootfs.empty() && !bundle.empty())
    return Fail(Code::kInvalidArgument,
                "--rootfs and --bundle both name a root file system: give one of them");
  if (rootfs.empty() && bundle.empty()) return NoRootfs(words);
  if (!rootfs.empty() && !words)
    return Fail(Code::kInvalidArgument,
                "no command for the container: write it last, such as --rootfs DIR sleep 1000");
  ContainerConfig scratch;
  return Apply(scratch);
}

Status ContainerOptions::Apply(ContainerConfig& config) const {
  if (readonly) config.readonly_rootfs = true;
  if (share_pid) config.namespaces.pid = NamespaceOwner::kPod;
  if (privileged) GivePrivileges(config);
  for (const std::string& name : own_namespaces) {
    VC_ASSIGN_OR_RETURN(const size_t choice, ParseChoice("--own-namespace", name, {"ipc", "network", "uts"}));
    NamespaceOwner* const owners[] = {&config.namespaces.ipc, &config.namespaces.network,
                                      &config.namespaces.uts};
    *owners[choice] = NamespaceOwner::kContainer;
  }
  for (const std::string& volume : volumes) {
    VC_ASSIGN_OR_RETURN(Mount mount, ParseVolume(volume));
    config.mounts.push_back(std::move(mount));
  }
  for (const std::string& text : forward_sockets) {
    VC_ASSIGN_OR_RETURN(ForwardedSocket socket, ParseForwardedSocket(text));
    config.forward_sockets.push_back(std::move(socket));
  }
  for (const std::string& setting : sysctl) {
    VC_ASSIGN_OR_RETURN(auto pair, ParsePair("--sysctl", setting));
    config.sysctl.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  VC_RETURN_IF_ERROR(ChangeCapabilities(*this, config.process.capabilities));
  VC_RETURN_IF_ERROR(resources.Apply(config.resources));
  VC_RETURN_IF_ERROR(ApplyOutput(*this, config));
  return process.Apply(config.process);
}

Result<ContainerConfig> ContainerOptions::Config(const CommandWords& words) const {
  const std::string name = id.empty() ? kDefaultContainer : id;
  ContainerConfig config;
  if (bundle.empty()) {
    config.id = name;
    config.rootfs = AbsolutePath(rootfs);
  } else {
    VC_ASSIGN_OR_RETURN(config, virtcontainers::LoadOciBundle(AbsolutePath(bundle), name));
  }
  if (words) config.process.args = *words;
  VC_RETURN_IF_ERROR(Apply(config));
  for (const std::string& warning : virtcontainers::WarningsOf(config))
    fmt::print(stderr, "virtc: container '{}': {}\n", name, warning);
  return config;
}

}  // namespace virtc
