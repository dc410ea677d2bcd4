// The cgroups (v2) of the guest: one tree of the agent's, in it one cgroup per container.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_H_

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Names of files to what is written to them.
using UnifiedSettings = std::map<std::string, std::string>;

// The path of cgroup v2 in `text`, the content of /proc/PID/cgroup, whose line for it is "0::/vc/web"; empty
// without such a line. A path that ends in " (deleted)" may be one of a cgroup that is gone. (cgroups(7))
std::string_view UnifiedPath(std::string_view text);

// One cgroup, held open. Made by CgroupTree. Without a directory (no cgroup v2 where the agent runs) every
// call that changes something does nothing and the others answer UNIMPLEMENTED.
class Cgroup {
 public:
  Cgroup() = default;
  // `name` is the path below the mount of cgroup v2 at `mount`.
  Cgroup(const std::string& mount, std::string name, UniqueFd directory)
      : path_(mount + name), name_(std::move(name)), directory_(std::move(directory)) {}

  // For SpawnOptions::cgroup_fd; -1 if there is none.
  int fd() const { return directory_.get(); }
  const std::string& path() const { return path_; }
  // What `path`, a path as /proc/PID/cgroup has it, is below this cgroup: "" for this one, "/init" for one in
  // it; nothing for one that is elsewhere.
  std::optional<std::string_view> Below(std::string_view path) const;

  // Sets the limits that are given and leaves the others; after a failure they are as they were. With
  // `lenient` a controller that the kernel does not have is a line in the log; without, it is
  // FAILED_PRECONDITION.
  Status Limit(const grpc::LinuxResources& resources, bool lenient) const;

  // Writes files of the cgroup by name, line by line. INVALID_ARGUMENT for a name that is no file's of a
  // controller, FAILED_PRECONDITION where the kernel has no such file; nothing has been written then.
  Status CheckUnified(const UnifiedSettings& unified) const;
  Status WriteUnified(const UnifiedSettings& unified) const;

  // SIGKILL to all processes in it, those that are being forked included. False if this kernel cannot.
  bool Kill() const;

  // Stops or continues all processes, and returns before they have.
  Status Freeze(bool frozen) const;
  bool IsFrozen() const;

  // True while a process that is not a zombie is in it.
  bool IsPopulated() const;

  // Opens the cgroup that process `pid` is in, which is this one or one below it; FAILED_PRECONDITION
  // otherwise.
  Result<UniqueFd> OpenOf(pid_t pid) const;

  // The content of one of its files.
  Result<std::string> Read(const std::string& file) const;

  // Removes the directory with those below it. FAILED_PRECONDITION while a process is in one of them.
  Status Remove();

 private:
  // Completes a limit that cgroup v2 can say only together with another, which stays.
  grpc::LinuxResources WithCurrent(const grpc::LinuxResources& resources) const;

  std::string path_;
  std::string name_;  // as /proc/PID/cgroup has it: "/vc/web"
  UniqueFd directory_;
};

// Where the containers' cgroups are.
class CgroupTree {
 public:
  // Makes `name` below the cgroup v2 mount. Without one, or without controllers, a line in the log says so,
  // and containers run without limits if `lenient`.
  CgroupTree(const std::string& name, bool lenient);
  // Removes what is empty.
  ~CgroupTree();
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;

  Result<Cgroup> Make(const std::string& name);
  bool lenient() const { return lenient_; }
  // All containers at once.
  const Cgroup& root() const { return root_; }

 private:
  bool lenient_;
  std::string mount_;
  std::string name_;
  Cgroup root_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_H_
