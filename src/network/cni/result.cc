#include "network/cni/result.h"

#include <sys/socket.h>

#include <utility>

#include "base/errors.h"
#include "base/json.h"
#include "base/network_address.h"

namespace virtcontainers::cni {
namespace {

constexpr JsonLimits kResultLimits{.bytes = 1 << 20, .depth = 32};
constexpr size_t kMaxEntries = 4096;
constexpr uint32_t kScopeLink = 253, kScopeHost = 254;  // rtnetlink(7)
constexpr uint32_t kTableUnspecified = 0, kTableMain = 254;

// An optional field may be null: programs in Go write that for a list that is empty.
const Json* ResultField(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string EntryPath(const char* list, size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

// Calls `read` with each object of a list and its path.
template <typename Read>
Status ForEachEntry(const Json& result, const char* name, const Read& read) {
  const Json* list = ResultField(result, name);
  if (list == nullptr) return {};
  if (!list->is_array()) return Fail(Code::kInvalidArgument, "'" + std::string(name) + "' is not an array");
  if (list->size() > kMaxEntries) {
    return Fail(Code::kInvalidArgument,
                "'" + std::string(name) + "' has more than " + std::to_string(kMaxEntries) + " entries");
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string path = EntryPath(name, i);
    if (!(*list)[i].is_object()) return Fail(Code::kInvalidArgument, "'" + path + "' is not an object");
    VC_RETURN_IF_ERROR(read((*list)[i], path));
  }
  return {};
}

Status CheckAddress(const std::string& path, const std::string& text) {
  const Result<IpAddress> address = ParseIp(text);
  if (address) return {};
  return Fail(Code::kInvalidArgument, "'" + path + "' is " + Quoted(text) + ": " + address.error().message());
}

Status CheckGateway(const std::string& path, const std::string& text) {
  if (text.empty()) return {};
  if (text.find('/') != std::string::npos) {
    return Fail(Code::kInvalidArgument, "'" + path + "' is " + Quoted(text) + ": it has a prefix");
  }
  return CheckAddress(path, text);
}

Result<ResultInterface> ReadInterface(const Json& object, const std::string& path) {
  ResultInterface interface;
  JsonReader reader(object, path);
  reader.Read("name", interface.name);
  reader.Read("mac", interface.mac);
  reader.Read("mtu", interface.mtu);
  reader.Read("sandbox", interface.sandbox);
  reader.Read("socketPath", interface.socket_path);
  reader.Read("pciID", interface.pci_id);
  VC_RETURN_IF_ERROR(reader.status());
  if (interface.name.empty()) return Fail(Code::kInvalidArgument, "'" + path + ".name' is missing");
  return interface;
}

Result<ResultAddress> ReadAddress(const Json& object, const std::string& path, size_t interfaces) {
  ResultAddress address;
  std::optional<uint64_t> interface;
  JsonReader reader(object, path);
  reader.Read("address", address.address);
  if (ResultField(object, "gateway") != nullptr) reader.Read("gateway", address.gateway);
  if (ResultField(object, "interface") != nullptr) reader.Read("interface", interface);
  VC_RETURN_IF_ERROR(reader.status());
  if (address.address.find('/') == std::string::npos) {
    return Fail(Code::kInvalidArgument,
                "'" + path + ".address' is " + Quoted(address.address) + ": it has no prefix");
  }
  VC_RETURN_IF_ERROR(CheckAddress(path + ".address", address.address));
  VC_RETURN_IF_ERROR(CheckGateway(path + ".gateway", address.gateway));
  if (interface) {
    if (*interface >= interfaces) {
      return Fail(Code::kInvalidArgument, "'" + path + ".interface' is " + std::to_string(*interface) +
                                              ": there are " + std::to_string(interfaces) + " interfaces");
    }
    address.interface = static_cast<size_t>(*interface);
  }
  return address;
}

Result<ResultRoute> ReadRoute(const Json& object, const std::string& path) {
  ResultRoute route;
  JsonReader reader(object, path);
  reader.Read("dst", route.destination);
  if (ResultField(object, "gw") != nullptr) reader.Read("gw", route.gateway);
  reader.Read("mtu", route.mtu);
  reader.Read("advmss", route.advmss);
  reader.Read("priority", route.priority);
  if (ResultField(object, "table") != nullptr) reader.Read("table", route.table);
  if (ResultField(object, "scope") != nullptr) reader.Read("scope", route.scope);
  VC_RETURN_IF_ERROR(reader.status());
  VC_RETURN_IF_ERROR(CheckAddress(path + ".dst", route.destination));
  VC_RETURN_IF_ERROR(CheckGateway(path + ".gw", route.gateway));
  return route;
}

Status ReadDns(const Json& result, CniResult& out) {
  const Json* dns = ResultField(result, "dns");
  if (dns == nullptr) return {};
  if (!dns->is_object()) return Fail(Code::kInvalidArgument, "'dns' is not an object");
  JsonReader reader(*dns, "dns");
  const auto read = [&](const char* name, auto& value) {
    if (ResultField(*dns, name) != nullptr) reader.Read(name, value);
  };
  read("nameservers", out.dns.servers);
  read("domain", out.domain);
  read("search", out.dns.searches);
  read("options", out.dns.options);
  VC_RETURN_IF_ERROR(reader.status());
  for (size_t i = 0; i < out.dns.servers.size(); ++i) {
    VC_RETURN_IF_ERROR(CheckGateway("dns." + EntryPath("nameservers", i), out.dns.servers[i]));
  }
  if (!out.domain.empty()) out.dns.searches.insert(out.dns.searches.begin(), out.domain);
  return {};
}

// AF_INET or AF_INET6 of an address that has been read.
int FamilyOf(const std::string& address) {
  const Result<IpAddress> parsed = ParseIp(address);
  return parsed ? parsed->family : AF_UNSPEC;
}

}  // namespace

Result<CniResult> ParseResult(std::string_view text, Version version) {
  VC_ASSIGN_OR_RETURN(Json json, ParseJson(text, kResultLimits));
  if (!json.is_object()) return Fail(Code::kInvalidArgument, "the result is not a JSON object");
  CniResult result;
  result.version = version;
  std::string name(VersionName(version));
  JsonReader reader(json, "");
  reader.Read("cniVersion", name);
  VC_RETURN_IF_ERROR(reader.status());
  const std::optional<Version> named = VersionNamed(name);
  if (!named) {
    return Fail(Code::kInvalidArgument, "the result has version " + Quoted(name) + " of CNI; " +
                                            SupportedVersions() + " are supported");
  }
  result.version = *named;
  json["cniVersion"] = name;

  VC_RETURN_IF_ERROR(
      ForEachEntry(json, "interfaces", [&](const Json& object, const std::string& path) -> Status {
        VC_ASSIGN_OR_RETURN(ResultInterface interface, ReadInterface(object, path));
        result.interfaces.push_back(std::move(interface));
        return {};
      }));
  VC_RETURN_IF_ERROR(ForEachEntry(json, "ips", [&](const Json& object, const std::string& path) -> Status {
    VC_ASSIGN_OR_RETURN(ResultAddress address, ReadAddress(object, path, result.interfaces.size()));
    result.addresses.push_back(std::move(address));
    return {};
  }));
  VC_RETURN_IF_ERROR(ForEachEntry(json, "routes", [&](const Json& object, const std::string& path) -> Status {
    VC_ASSIGN_OR_RETURN(ResultRoute route, ReadRoute(object, path));
    result.routes.push_back(std::move(route));
    return {};
  }));
  VC_RETURN_IF_ERROR(ReadDns(json, result));
  result.text = DumpJson(json, false);
  return result;
}

Result<NetworkInterface> InterfaceOf(const CniResult& result, const std::string& name, uint32_t mtu) {
  NetworkInterface interface;
  interface.name = name;
  interface.mtu = mtu;
  std::optional<size_t> position;
  bool other = false;
  for (size_t i = 0; i < result.interfaces.size(); ++i) {
    const ResultInterface& candidate = result.interfaces[i];
    if (candidate.sandbox.empty()) continue;
    if (candidate.name == name) {
      position = i;
      interface.mac = candidate.mac;
      if (candidate.mtu != 0) interface.mtu = candidate.mtu;
    } else {
      other = true;
    }
  }
  if (!position && other) {
    return Fail(Code::kNotFound, "the CNI network made no interface " + Quoted(name) + " in the container");
  }
  std::vector<const ResultAddress*> addresses;
  for (const ResultAddress& address : result.addresses) {
    if (address.interface && address.interface != position) continue;
    addresses.push_back(&address);
    interface.addresses.push_back(address.address);
  }
  for (const ResultRoute& route : result.routes) {
    if (route.table.value_or(kTableMain) != kTableMain && route.table != kTableUnspecified) continue;
    Route out;
    out.destination = route.destination;
    out.gateway = route.gateway;
    out.metric = route.priority;
    const bool direct = route.scope == kScopeLink || route.scope == kScopeHost;
    for (const ResultAddress* address : addresses) {
      if (!out.gateway.empty() || direct) break;
      if (FamilyOf(address->address) == FamilyOf(route.destination)) out.gateway = address->gateway;
    }
    interface.routes.push_back(std::move(out));
  }
  return interface;
}

}  // namespace virtcontainers::cni
