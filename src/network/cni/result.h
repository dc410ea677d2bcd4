// What plugins answer to ADD: interfaces, addresses, routes and name servers. Host only.
//
// (CNI specification, "Section 5: Result Types")

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_RESULT_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_RESULT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/cni/version.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers::cni {

struct ResultInterface {
  std::string name;
  std::string mac;          // may be empty
  uint32_t mtu = 0;         // 0: not said (1.1.0)
  std::string sandbox;      // the network namespace; empty: the host's
  std::string socket_path;  // (1.1.0)
  std::string pci_id;       // (1.1.0)
};

struct ResultAddress {
  std::string address;              // with the length of its prefix
  std::string gateway;              // may be empty
  std::optional<size_t> interface;  // a position in CniResult::interfaces
};

struct ResultRoute {
  std::string destination;  // a network
  std::string gateway;      // may be empty
  uint32_t mtu = 0;         // 0: not said; this and what follows (1.1.0)
  uint32_t advmss = 0;
  uint32_t priority = 0;
  std::optional<uint32_t> table;
  std::optional<uint32_t> scope;  // 0 global, 253 link, 254 host
};

struct CniResult {
  Version version = Version::kV100;
  std::vector<ResultInterface> interfaces;
  std::vector<ResultAddress> addresses;
  std::vector<ResultRoute> routes;
  DnsConfig dns;       // its searches begin with the domain, if there is one
  std::string domain;  // may be empty
  std::string text;    // the result as JSON, which later calls are made with
};

// Reads a result. One without a version has `version`. Errors: InvalidArgument, with the position or the
// field.
Result<CniResult> ParseResult(std::string_view text, Version version);

// The container's interface of this name with its addresses and routes: those addresses that say no
// interface, too. A route without a gateway has that of the first address of its family that has one, unless
// its scope is the link or the host. Routes of another table than the main one are left out. `mtu` is the
// answer's where the result says none. Errors: NotFound if the result has interfaces of the container, and
// none of this name.
Result<NetworkInterface> InterfaceOf(const CniResult& result, const std::string& name, uint32_t mtu = 1500);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_RESULT_H_
