// One attachment of a container to a CNI network. Host only.
//
// (CNI specification, "Attachment Parameters")

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_REQUEST_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_REQUEST_H_

#include <map>
#include <string>

#include "base/json.h"
#include "virtcontainers/error.h"

namespace virtcontainers::cni {

struct Request {
  std::string container;  // CNI_CONTAINERID: with `interface` the key of everything that plugins allocate
  std::string netns;      // CNI_NETNS: the path of a network namespace
  std::string interface;  // CNI_IFNAME
  std::map<std::string, std::string> args;   // CNI_ARGS
  std::map<std::string, Json> capabilities;  // by the name of the capability (capabilities.h)
};

// Whether plugins can be called with it. Errors: InvalidArgument, with the value.
Status CheckRequest(const Request& request);

// "IgnoreUnknown=1;A=x;B=y": plugins refuse arguments that they do not know unless the first says otherwise.
// Empty if there are none.
std::string FormatArgs(const std::map<std::string, std::string>& args);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_REQUEST_H_
