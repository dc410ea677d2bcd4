// A network namespace that ends with the VM that uses it. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_NAMESPACE_HOLDER_H_
#define VIRTCONTAINERS_SRC_NETWORK_NAMESPACE_HOLDER_H_

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "os/subprocess.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// A process that keeps a new network namespace, with its loopback interface up, and does nothing else: no
// capabilities, no files, no system calls but those of waiting. It carries the pod's mark
// (os/marked_process.h). It ends, and the namespace with it,
//
// - with the process that Bind has named, or
// - if there is none yet, with this object, also when the process that has it is killed.
//
// Not thread-safe. The kernel takes devices of a namespace down a moment after its last process has ended.
class NamespaceHolder {
 public:
  struct Options {
    std::string program;                   // of the holder; NamespaceHolderProgram()
    std::vector<std::string> environment;  // with the pod's mark
  };

  // Blocks until the namespace is there. Errors: NotFound for the program; PermissionDenied without
  // CAP_SYS_ADMIN; DeadlineExceeded. Nothing is left after an error.
  static Result<NamespaceHolder> Start(const Options& options, Deadline deadline);

  // One that another process has started and bound. Errors: NotFound if it has ended.
  static Result<NamespaceHolder> Rejoin(const ProcessIdentity& process);

  NamespaceHolder(NamespaceHolder&& other) noexcept;
  NamespaceHolder& operator=(NamespaceHolder&& other) noexcept;
  // Ends a holder that is not bound, and waits for it. One that is bound stays.
  ~NamespaceHolder();

  // "/proc/1234/ns/net", for plugins; valid as long as the holder runs.
  std::string path() const;
  const ProcessIdentity& process() const { return process_; }
  bool bound() const { return bound_; }

  // From now on the holder lives as long as that process, whatever happens to this one. Errors: NotFound if
  // the process has ended: the holder is not bound then; FailedPrecondition if it is bound.
  Status Bind(const ProcessIdentity& vm, Deadline deadline);

  // Ends the holder, and blocks until it is gone. One that has ended is no error.
  Status Stop(Deadline deadline);

  // The object forgets the holder, bound or not. An unbound one ends.
  void Detach();

 private:
  NamespaceHolder() = default;

  ProcessIdentity process_;
  std::optional<Subprocess> child_;  // if it is this process's
  UniqueFd control_;
  bool bound_ = false;
};

// The program beside `monitor`, the path of the monitor's program.
std::string NamespaceHolderProgram(const std::string& monitor);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_NAMESPACE_HOLDER_H_
