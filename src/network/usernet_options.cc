#include "network/usernet_options.h"

#include <utility>

#include "base/errors.h"
#include "base/json.h"

namespace virtcontainers {
namespace {

Json SubnetToJson(const UsernetSubnet& subnet) {
  return Json{{"network", subnet.network},
              {"prefix", subnet.prefix},
              {"guest", subnet.guest},
              {"gateway", subnet.gateway},
              {"nameserver", subnet.nameserver}};
}

Json LimitToJson(const RateLimit& limit) { return Json{{"rate", limit.rate}, {"burst", limit.burst}}; }

Result<UsernetSubnet> ReadSubnet(const Json& json, const std::string& path) {
  JsonReader reader(json, path);
  UsernetSubnet subnet;
  uint16_t prefix = 0;
  reader.Read("network", subnet.network);
  reader.Read("prefix", prefix);
  reader.Read("guest", subnet.guest);
  reader.Read("gateway", subnet.gateway);
  reader.Read("nameserver", subnet.nameserver);
  VC_RETURN_IF_ERROR(reader.status());
  if (prefix > 128) return Fail(Code::kInvalidArgument, path + ".prefix is " + std::to_string(prefix));
  subnet.prefix = static_cast<uint8_t>(prefix);
  return subnet;
}

Status ReadLimit(JsonReader& limits, const char* name, RateLimit& limit) {
  const Json* const json = limits.Object(name);
  if (json == nullptr) return limits.status();
  JsonReader reader(*json, limits.PathOf(name));
  reader.Read("rate", limit.rate);
  reader.Read("burst", limit.burst);
  return reader.status();
}

Result<PortForward> ReadForward(const Json& json) {
  JsonReader reader(json, "forwards");
  PortForward forward;
  bool udp = false;
  reader.Read("address", forward.host_address);
  reader.Read("host", forward.host_port);
  reader.Read("guest", forward.guest_port);
  reader.Read("count", forward.count);
  reader.Read("udp", udp);
  VC_RETURN_IF_ERROR(reader.status());
  forward.protocol = udp ? NetworkProtocol::kUdp : NetworkProtocol::kTcp;
  return forward;
}

}  // namespace

std::string UsernetOptionsToJson(const UsernetOptions& options) {
  Json json;
  json["ipv4"] = SubnetToJson(options.ipv4);
  if (options.ipv6) json["ipv6"] = SubnetToJson(*options.ipv6);
  json["mtu"] = options.mtu;
  json["forwards"] = Json::array();
  for (const PortForward& forward : options.forwards) {
    json["forwards"].push_back(Json{{"address", forward.host_address},
                                    {"host", forward.host_port},
                                    {"guest", forward.guest_port},
                                    {"count", forward.count},
                                    {"udp", forward.protocol == NetworkProtocol::kUdp}});
  }
  json["host_loopback"] = options.host_loopback;
  json["limits"] = Json{{"receive", LimitToJson(options.limits.receive)},
                        {"transmit", LimitToJson(options.limits.transmit)}};
  json["user"] = options.user;
  return DumpJson(json, false);
}

Result<UsernetOptions> UsernetOptionsFromJson(std::string_view text) {
  VC_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  JsonReader reader(json, "options");
  UsernetOptions options;
  const Json* const ipv4 = reader.Object("ipv4");
  const Json* const ipv6 = reader.Object("ipv6");
  const Json* const forwards = reader.Array("forwards");
  const Json* const limits = reader.Object("limits");
  reader.Read("mtu", options.mtu);
  reader.Read("host_loopback", options.host_loopback);
  reader.Read("user", options.user);
  VC_RETURN_IF_ERROR(reader.status());
  if (ipv4 == nullptr) return Fail(Code::kInvalidArgument, "options.ipv4 is missing");
  VC_ASSIGN_OR_RETURN(options.ipv4, ReadSubnet(*ipv4, "options.ipv4"));
  if (ipv6 != nullptr) {
    VC_ASSIGN_OR_RETURN(UsernetSubnet subnet, ReadSubnet(*ipv6, "options.ipv6"));
    options.ipv6 = std::move(subnet);
  }
  if (forwards != nullptr) {
    for (const Json& one : *forwards) {
      VC_ASSIGN_OR_RETURN(PortForward forward, ReadForward(one));
      options.forwards.push_back(std::move(forward));
    }
  }
  if (limits != nullptr) {
    JsonReader both(*limits, "options.limits");
    VC_RETURN_IF_ERROR(ReadLimit(both, "receive", options.limits.receive));
    VC_RETURN_IF_ERROR(ReadLimit(both, "transmit", options.limits.transmit));
  }
  return options;
}

}  // namespace virtcontainers
