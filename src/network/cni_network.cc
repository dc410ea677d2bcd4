#include "network/cni_network.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/errors.h"
#include "network/cni/attachment.h"
#include "network/cni/capabilities.h"
#include "network/cni/list_file.h"
#include "network/cni/network_calls.h"
#include "network/cni/plugin_path.h"
#include "network/cni_release.h"
#include "network/guest_ports.h"
#include "network/interfaces.h"

namespace virtcontainers {
namespace {

constexpr char kBandwidth[] = "bandwidth";
constexpr char kDns[] = "dns";

// "bridge cni0, veth1a2b": what the plugins have made on the host's side.
std::string HostSide(const cni::List& list, const cni::CniResult& result) {
  std::string host = "cni " + list.name;
  std::string devices;
  for (const cni::ResultInterface& interface : result.interfaces) {
    if (interface.sandbox.empty()) devices += (devices.empty() ? "" : ", ") + interface.name;
  }
  return devices.empty() ? host : host + ": " + devices;
}

}  // namespace

Result<cni::Record> CniNetwork::Plan(bool& bandwidth, Deadline deadline) const {
  cni::Record record;
  VC_ASSIGN_OR_RETURN(record.list, cni::LoadList(config_.source, config_.cni));
  // What could not be executed could not be undone either.
  for (const cni::Plugin& plugin : record.list.plugins) {
    VC_RETURN_IF_ERROR(cni::FindPlugin(plugin.type, record.list.plugin_directories));
  }
  record.request.container = context_.key;
  record.request.interface = config_.name;
  record.request.args = config_.cni.args;
  VC_ASSIGN_OR_RETURN(record.request.capabilities, cni::CapabilityArguments(config_));
  const std::vector<std::string> nobodys =
      cni::UndeclaredCapabilities(record.list, record.request.capabilities);
  bandwidth = std::find(nobodys.begin(), nobodys.end(), kBandwidth) == nobodys.end();
  for (const std::string& capability : nobodys) {
    // The library itself limits traffic, and writes resolv.conf.
    if (capability == kBandwidth || capability == kDns) continue;
    return Fail(Code::kFailedPrecondition,
                "no plugin of list " + Quoted(record.list.name) + " has the capability " +
                    Quoted(capability) +
                    ", which the network's configuration needs: add a plugin that has it, or leave it out");
  }
  VC_RETURN_IF_ERROR(cni::CheckRequest({.container = record.request.container,
                                        .netns = "/proc/self/ns/net",
                                        .interface = record.request.interface,
                                        .args = record.request.args,
                                        .capabilities = record.request.capabilities}));
  VC_RETURN_IF_ERROR(cni::CheckReady(record.list, deadline));
  return record;
}

Status CniNetwork::Note(const cni::Record& record) {
  traces_.cni = cni::FormatRecord(record);
  return context_.note(traces_);
}

Result<HostNetwork::Made> CniNetwork::Make(Deadline deadline) {
  bool bandwidth = false;
  VC_ASSIGN_OR_RETURN(cni::Record record, Plan(bandwidth, deadline));
  VC_RETURN_IF_ERROR(space_.Start(deadline));
  traces_.holder = space_.process();
  record.request.netns = space_.path();
  VC_RETURN_IF_ERROR(Note(record));
  const Result<cni::CniResult> result =
      cni::Add(record.list, record.request, deadline, [&](const std::string& so_far) {
        record.result = so_far;
        return Note(record);
      });
  if (!result) {
    // DEL has been executed, and what it could not undo is in the error: it would not be undone later either.
    traces_.cni.clear();
    return Fail(result.error());
  }
  const NetworkNamespace& space = *space_.space();
  VC_ASSIGN_OR_RETURN(const std::vector<FoundInterface> found, FindInterfaces(space));
  std::vector<NetworkInterface> interfaces;
  for (const FoundInterface& each : found) {
    interfaces.push_back(each.interface);
    std::vector<Route>& routes = interfaces.back().routes;
    if (each.interface.name == config_.name) {
      routes.insert(routes.end(), config_.routes.begin(), config_.routes.end());
    }
  }
  Made made;
  made.host = HostSide(record.list, *result);
  made.dns = result->dns;
  VC_ASSIGN_OR_RETURN(made.ports, JoinInterfaces(space, interfaces,
                                                 {.queues = context_.queues,
                                                  .limits = bandwidth ? NetworkLimits() : config_.limits,
                                                  .check_sender = !config_.allow_spoofing}));
  return made;
}

Status CniNetwork::Adopt(const NetworkTraces& traces, Deadline) {
  traces_ = traces;
  return space_.Rejoin(traces.holder);
}

Status CniNetwork::Release(Deadline deadline) {
  // The holder may have ended with the VM; the namespace is still there.
  if (!traces_.cni.empty()) {
    VC_ASSIGN_OR_RETURN(cni::Record record, cni::ParseRecord(traces_.cni));
    VC_RETURN_IF_ERROR(ReleaseCni(std::move(record), space_.space(), deadline));
    traces_.cni.clear();
  }
  return space_.Stop(deadline);
}

}  // namespace virtcontainers
