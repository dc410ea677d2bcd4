// Keeps the guest from using up the descriptors of the host's virtiofsd.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_GUARD_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_GUARD_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/os/reaper.h"
#include "guest/agent/os/spawn.h"
#include "guest/agent/sandbox/container.h"
#include "guest/agent/sandbox/open_files.h"
#include "guest/agent/sandbox/share_budget.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Looks at what the kernel holds of the share as often as ShareBudget says, and does what that says. A
// container with more than its part of the open files gets "too many open files" for more, until there are
// enough again: the limit RLIMIT_NOFILE of its larger processes is lowered to what they have. A container
// that gets on all the same, as with files that it maps and closes, loses its largest process. Not
// thread-safe; everything happens in the loop.
class ShareGuard {
 public:
  using Containers = std::vector<std::shared_ptr<Container>>;

  // `containers` answers with those that there are.
  ShareGuard(EventLoop& loop, Reaper& reaper, std::function<Containers()> containers)
      : loop_(loop), reaper_(reaper), containers_(std::move(containers)) {}
  ~ShareGuard();
  ShareGuard(const ShareGuard&) = delete;
  ShareGuard& operator=(const ShareGuard&) = delete;

  // Begins, or goes on with another number of descriptors. To be called when the share is mounted.
  Status Limit(uint64_t descriptors);

 private:
  struct Process {
    pid_t pid = 0;
    OpenFiles files;
    size_t container = 0;  // an index
  };
  // The limits of a process, and of the children that it has had since.
  struct Lowered {
    rlimit before{}, now{};
  };

  void Look();
  void Forget();
  Result<ShareUse> Read() const;
  void HandleShortage(const ShareUse& use);
  std::vector<Process> CountProcesses(const Containers& containers) const;
  static std::string Describe(const Process& process, const Container& container);
  void Lower(const Process& process, const Container& container);
  void RaiseAgain();

  EventLoop& loop_;
  Reaper& reaper_;
  std::function<Containers()> containers_;
  EventLoop::TimerId timer_ = 0;
  Child forgetting_;  // the process that has the kernel forget inodes, if there is one
  std::optional<ShareBudget> budget_;
  UniqueFd inodes_, files_;  // of the kernel's statistics
  std::vector<Lowered> lowered_;
  std::set<pid_t> killed_;  // and not gone yet
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_GUARD_H_
