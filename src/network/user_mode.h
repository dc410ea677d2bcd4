// A network behind the host's sockets, made by a process beside the VM. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_USER_MODE_H_
#define VIRTCONTAINERS_SRC_NETWORK_USER_MODE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "network/usernet_options.h"
#include "os/watched_process.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

enum class UserModeBackend {
  kPasst,
  kSlirp,  // virtcontainers-usernet, a program of the library's around libslirp
};

struct UserModeOptions {
  std::string run_dir;  // takes the log, usernet-<name>.log
  std::string program;  // virtcontainers-usernet; empty: beside this program, or where it is installed
  std::string name;     // of the network
  std::string mac;      // the guest's; passt sends there before the guest has sent anything
  uint32_t mtu = 0;     // 576 to 65521; 0: 65520
  std::vector<std::string>
      addresses;  // with prefix, at most one of each family, in the place of the defaults
  std::vector<PortForward> forwards;
  bool host_loopback = false;  // the gateway's address is the host's loopback address
  DnsConfig dns;               // in the place of the network's own
  NetworkLimits limits;
  std::optional<UserModeBackend> backend;  // instead of ChooseUserMode's
  // Called once, from a thread of the object's own, when the process has ended, unless Stop or the destructor
  // ended it: after the VM has closed its end, too. Must not block and must not destroy the object.
  std::function<void(std::string reason)> on_exit;
};

struct UserModeChoice {
  UserModeBackend backend = UserModeBackend::kSlirp;
  std::string program;
  std::string description;  // "libslirp 4.7.0", "passt 2025_05_03"
  std::string reason;       // why this one, for a person
};

// passt where it is installed, new enough, and does what is asked for; otherwise the library's own program.
// Limits are enforced, and ports below ip_unprivileged_port_start are bound, by the latter alone. Runs both
// to learn their versions. Errors: NotFound if neither is there, naming the packages; those of running them.
Result<UserModeChoice> ChooseUserMode(const UserModeOptions& options, Deadline deadline);

// The process of one network. It serves one VM, by one stream socket with QEMU's framing, and ends when the
// VM's end of it is closed; it outlives this process, and then Rejoin goes on with it. Thread-safe, except
// that TakeSocket is called once. The process is as confined as it can be made: SECURITY.md.
class UserModeNetwork {
 public:
  // Starts the process. When this returns, it runs and the host's ports are bound. On failure nothing is left
  // but the log. Errors: InvalidArgument for addresses, MTU, ports; FailedPrecondition for a port that is
  // taken; PermissionDenied; NotFound as ChooseUserMode; DeadlineExceeded.
  static Result<std::unique_ptr<UserModeNetwork>> Start(const UserModeOptions& options, Deadline deadline);

  // Takes over from a process that has died, while the VM runs. `process` is process() of then, and the
  // options are equal to those of then. Errors: NotFound when that process has ended.
  static Result<std::unique_ptr<UserModeNetwork>> Rejoin(UserModeOptions options,
                                                         const ProcessIdentity& process);

  // Ends the process, unless Detach was called.
  ~UserModeNetwork();

  UserModeNetwork(const UserModeNetwork&) = delete;
  UserModeNetwork& operator=(const UserModeNetwork&) = delete;

  // The VM's end of the stream. To be called once, after Start.
  UniqueFd TakeSocket() { return std::move(socket_); }

  const ProcessIdentity& process() const { return process_->process(); }
  // "libslirp 4.7.0", "passt 2025_05_03", with ", no IPv6 on the host" if that is so.
  const std::string& description() const { return description_; }
  // What the guest is to be given: addresses, both default routes, MTU. Name and MAC address are empty.
  const NetworkInterface& guest() const { return guest_; }
  // What resolv.conf inside should have: UserModeOptions::dns, or the network's forwarder to the host's
  // resolver. Empty if the host has none.
  const DnsConfig& dns() const { return dns_; }

  // How the process ended; nothing while it runs.
  std::optional<std::string> exit_reason() const { return process_->exit_reason(); }

  // Ends the process and waits until it is gone. Idempotent. Errors: DeadlineExceeded.
  Status Stop(Deadline deadline) { return process_->Stop(deadline); }

  // Leaves the process alone when the object is destroyed.
  void Detach() { process_->Detach(); }

 private:
  UserModeNetwork() = default;

  std::string description_;
  NetworkInterface guest_;
  DnsConfig dns_;
  UniqueFd socket_;
  std::unique_ptr<WatchedProcess> process_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_USER_MODE_H_
