// Which files of the host's share the containers use.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_USES_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_USES_H_

#include <map>
#include <set>
#include <string>

#include "agent.pb.h"
#include "guest/agent/os/event_loop.h"

namespace virtcontainers::guest {

// virtiofsd announces each directory of the share that is a mount on the host as a mount of the guest's: the
// kernel makes a file system of it when a path first leads there, one for each mount namespace in which that
// happens. Of two such file systems neither sees the other's locks or mapped pages. So the agent mounts each
// directory once, in its own namespace, before the first container's is copied from it, and unmounts it after
// the last. Not thread-safe; everything happens in the loop.
class ShareUses {
 public:
  // `directory` is where the share is mounted.
  ShareUses(EventLoop& loop, std::string directory) : loop_(loop), directory_(std::move(directory)) {}

  // Notes the root file system and the bind mounts of `spec` that are in the share, and mounts them. A path
  // that is not there is no error here.
  void Take(const std::string& container, const grpc::Spec& spec);

  // Unmounts what no other container uses, and has the kernel forget it as soon as the host has taken it
  // away: until then virtiofsd holds the host's directory open. Also of a container without any files.
  void Release(const std::string& container);

 private:
  void TakePath(const std::string& container, const std::string& path);

  EventLoop& loop_;
  std::string directory_;
  std::map<std::string, std::set<std::string>> users_;  // of a path
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SHARE_USES_H_
