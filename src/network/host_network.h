// A network as the host has it, for one VM: what each kind of network makes there. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_HOST_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_HOST_NETWORK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/unique_fd.h"
#include "network/network_traces.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// One network. Make, or Adopt in a process that takes the pod over; at the end Release. One call at a time.
class HostNetwork {
 public:
  // What all kinds need to know of their pod.
  struct Context {
    std::string key;      // of the pod; unique on the host: a name of 1 to 64 characters as in ids
    std::string run_dir;  // of the pod
    uint32_t queues = 1;  // of each tap
    // Writes down what is about to be made, before it is made, and whose it is (NetworkTraces::owner).
    // Errors: those of writing; then nothing may be made.
    std::function<Status(const NetworkTraces&)> note;
    // Called once, from any thread, when a process of the network has ended without which the network is of
    // no use. Must not block and must not destroy the object.
    std::function<void(const std::string& reason)> on_exit;
  };

  // An end of the network, for one network device of the VM.
  struct Port {
    NetworkInterface guest;                                 // what the guest's interface is to be
    std::variant<std::vector<UniqueFd>, UniqueFd> backend;  // queues of a tap, or a stream socket
  };

  struct Made {
    std::vector<Port> ports;
    std::string host;  // NetworkStatus::host
    DnsConfig dns;     // what the network brings
  };

  // A process without which the network is of no use.
  struct Helper {
    std::string name;
    ProcessIdentity identity;
  };

  // Kills and closes what Release has not, unless Leave was called.
  virtual ~HostNetwork() = default;

  // Makes the network. Nothing is left of a failure.
  virtual Result<Made> Make(Deadline deadline) = 0;

  // The VM runs, and has the ports. What is to end with the VM is told which process that is.
  virtual Status Bind(const ProcessIdentity& vm, Deadline deadline) {
    (void)vm, (void)deadline;
    return {};
  }

  // Goes on with what another object has made, in a process that has died since. Errors: NotFound when what
  // the VM cannot do without has ended.
  virtual Status Adopt(const NetworkTraces& traces, Deadline deadline) {
    (void)traces, (void)deadline;
    return {};
  }

  virtual std::optional<Helper> helper() const { return {}; }

  // Undoes all of it. The VM has ended, or has let go of the ports. Idempotent, also of what Make made by
  // half. Errors: what could not be undone; the call may be repeated.
  virtual Status Release(Deadline deadline) = 0;

  // Leaves everything as it is when the object is destroyed.
  virtual void Leave() {}
};

// `descriptor` is for NetworkKind::kDescriptor: a tap's queue, or a stream socket. `config` has been
// validated and has a name. Errors: InvalidArgument, without a descriptor where one is needed.
Result<std::unique_ptr<HostNetwork>> MakeHostNetwork(const NetworkConfig& config,
                                                     HostNetwork::Context context, UniqueFd descriptor);

// The guest's interface of a network that brings no addresses: as `config` has it. `mtu`: of the host's side.
NetworkInterface StaticInterface(const NetworkConfig& config, const HostNetwork::Context& context,
                                 uint32_t mtu);

// A MAC address for the guest's interface, always the same for one `key` and `name`: locally administered, of
// one station.
std::string DerivedMac(const std::string& key, const std::string& name);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_HOST_NETWORK_H_
