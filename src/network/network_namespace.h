// A network namespace: which it is, and code that runs in it. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_NETWORK_NAMESPACE_H_
#define VIRTCONTAINERS_SRC_NETWORK_NETWORK_NAMESPACE_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Holds a network namespace by a descriptor: it exists as long as an object, a process, a mount or a
// descriptor elsewhere is of it. Copies share the descriptor. Thread-safe. (network_namespaces(7))
class NetworkNamespace {
 public:
  // The namespace at `path`, such as /run/netns/blue or /proc/1234/ns/net. A symbolic link is followed.
  // Errors: NotFound, InvalidArgument for anything that is not a network namespace; both name the path.
  static Result<NetworkNamespace> Open(const std::string& path);

  // The namespace of a descriptor. `name` stands for it in messages. Errors: InvalidArgument.
  static Result<NetworkNamespace> FromDescriptor(UniqueFd descriptor, std::string name);

  // The namespace that the calling thread is in.
  static Result<NetworkNamespace> OfThread();

  // A new one, with its loopback interface up, which nothing but this object holds.
  // Errors: PermissionDenied without CAP_SYS_ADMIN.
  static Result<NetworkNamespace> Create(std::string name);

  int fd() const { return descriptor_->get(); }
  // The path, for messages.
  const std::string& name() const { return name_; }

  // Device and inode: equal for the same namespace only, as long as one of the objects exists.
  dev_t device() const { return device_; }
  ino_t inode() const { return inode_; }
  friend bool operator==(const NetworkNamespace& a, const NetworkNamespace& b) {
    return a.device_ == b.device_ && a.inode_ == b.inode_;
  }

  // Errors: InvalidArgument if this is the namespace of the calling thread, which is the host's own for a
  // monitor: nothing of a guest may be joined to its interfaces.
  Status CheckNotCallers() const;

  // Runs `work` on a thread of its own in the namespace, and waits for it. What `work` opens by netlink or
  // /dev/net/tun is the namespace's; paths of /proc/self/net and /sys are not. Errors: PermissionDenied
  // without CAP_SYS_ADMIN; those of `work`.
  Status Run(const std::function<Status()>& work) const;

 private:
  NetworkNamespace() = default;

  std::shared_ptr<UniqueFd> descriptor_;
  std::string name_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// NetworkNamespace::Run with a value.
template <typename Work>
auto InNamespace(const NetworkNamespace& space, Work&& work) -> decltype(work()) {
  using Answer = decltype(work());
  std::optional<Answer> answer;
  const Status ran = space.Run([&]() -> Status {
    answer.emplace(std::forward<Work>(work)());
    return {};
  });
  if (!ran) return tl::make_unexpected(ran.error());
  return std::move(*answer);
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_NETWORK_NAMESPACE_H_
