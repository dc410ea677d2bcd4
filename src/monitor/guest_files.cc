#include "monitor/guest_files.h"

#include <algorithm>

#include "base/errors.h"
#include "os/file.h"
#include "pod/defaults.h"

namespace virtcontainers {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr const char* kHosts = "/etc/hosts";

}  // namespace

std::string ResolvConf(const DnsConfig& dns) {
  std::string text;
  if (!dns.searches.empty()) {
    text += "search";
    for (const std::string& domain : dns.searches) text += " " + domain;
    text += "\n";
  }
  for (const std::string& server : dns.servers) text += "nameserver " + server + "\n";
  if (!dns.options.empty()) {
    text += "options";
    for (const std::string& option : dns.options) text += " " + option;
    text += "\n";
  }
  return text;
}

std::string HostsFile(const PodConfig& pod, const std::string& address) {
  if (pod.hosts.empty() && address.empty()) return "";
  std::string text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  text += (address.empty() ? "127.0.1.1" : address) + "\t" + HostnameOf(pod) + "\n";
  for (const HostEntry& host : pod.hosts) {
    text += host.address + "\t";
    for (size_t i = 0; i < host.names.size(); ++i) text += (i == 0 ? "" : " ") + host.names[i];
    text += "\n";
  }
  return text;
}

Status GuestFiles::Prepare(Deadline) {
  files_.clear();
  const FromNetworks brought = networks_ ? networks_() : FromNetworks();
  const std::pair<const char*, std::string> files[] = {
      {kResolvConf, ResolvConf(pod_.dns.empty() ? brought.dns : pod_.dns)},
      {kHosts, HostsFile(pod_, brought.address)}};
  for (const auto& [destination, text] : files) {
    if (text.empty()) continue;
    VC_RETURN_IF_ERROR(MakeDirectories(directory_));
    const std::string path = directory_ + std::string(destination).substr(sizeof "/etc" - 1);
    VC_RETURN_IF_ERROR(WriteFileAtomically(path, text, 0644));
    files_.push_back({destination, "bind", path, {"bind", "ro"}});
  }
  return {};
}

Status GuestFiles::Show(ContainerOnItsWay& container) {
  std::vector<Mount>& mounts = container.container.config.mounts;
  for (const Mount& file : files_) {
    const bool taken = std::any_of(mounts.begin(), mounts.end(),
                                   [&](const Mount& own) { return own.destination == file.destination; });
    if (taken) continue;
    mounts.push_back(file);
    container.optional_mounts.push_back(file);
  }
  return {};
}

}  // namespace virtcontainers
