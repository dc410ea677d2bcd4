// File systems the host asks for, beside those of the containers' specs.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_STORAGE_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_STORAGE_H_

#include <map>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "guest/agent/os/event_loop.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Names of the drivers there are.
std::vector<std::string> StorageDrivers();

// What is mounted for whom. Several containers may name the same mount point: the first mounts, the last
// unmounts.
class StorageSet {
 public:
  // Mount points are below `state_dir`, and nowhere else.
  explicit StorageSet(std::string state_dir) : state_dir_(std::move(state_dir)) {}
  ~StorageSet();
  StorageSet(const StorageSet&) = delete;
  StorageSet& operator=(const StorageSet&) = delete;

  // Blocks as long as mounting does, and up to 3 s for a block device that is on its way.
  Status Add(const grpc::Storage& storage);
  // Changes the options of what Add mounted, such as the size of a tmpfs.
  Status Update(const grpc::Storage& storage);
  void Release(const std::string& mount_point);

 private:
  struct Entry {
    int users = 0;
    bool mounted = false;  // or a directory only
  };

  std::string state_dir_;
  std::map<std::string, Entry> entries_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_STORAGE_H_
