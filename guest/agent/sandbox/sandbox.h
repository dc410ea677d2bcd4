// The pod as the guest sees it: what containers share, and the containers.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SANDBOX_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SANDBOX_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "guest.pb.h"
#include "guest/agent/container/cgroup.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/os/reaper.h"
#include "guest/agent/sandbox/container.h"
#include "guest/agent/sandbox/file_copies.h"
#include "guest/agent/sandbox/oom_watcher.h"
#include "guest/agent/sandbox/sandbox_namespaces.h"
#include "guest/agent/sandbox/share_guard.h"
#include "guest/agent/sandbox/share_uses.h"
#include "guest/agent/sandbox/storage.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

struct SandboxConfig {
  std::string state_dir = "/run/kata-containers";
  std::string cgroup = "vc";
  // Run on somebody's host for a test: nothing of the machine itself is changed, and a limit that cannot be
  // set is only logged.
  bool standalone = false;
};

// Not thread-safe; everything happens in the loop. On disk:
//
//   <state_dir>/<container>/rootfs       the container's root, mounted
//   <state_dir>/sandbox/resolv.conf      what CreateSandbox was told
//   <state_dir>/shared/containers/       the host's share
class Sandbox {
 public:
  // `end` is called once the sandbox has been destroyed and the host been told so.
  Sandbox(EventLoop& loop, Reaper& reaper, SandboxConfig config, std::function<void()> end);
  ~Sandbox();

  Status Create(const grpc::CreateSandboxRequest& request);
  // Kills everything, cleans up, answers, and ends.
  void Destroy(Call call);

  void CreateContainer(Call call, std::unique_ptr<wire::ExtendedCreateRequest> request);
  void Exec(const Call& call, const wire::ExtendedExecRequest& request);
  Status UpdateContainer(const wire::ExtendedUpdateRequest& request);
  void RemoveContainer(Call call, const std::string& id, uint32_t timeout_seconds);

  // The container of an id. The sandbox's own id stands for the guest, unless a container has it.
  Result<std::shared_ptr<Container>> Find(const std::string& id);
  // The same, but the guest itself is FAILED_PRECONDITION.
  Result<std::shared_ptr<Container>> FindContainer(const std::string& id);

  void Pause(Call call, const std::string& id);
  void Resume(Call call, const std::string& id);

  // See LimitShareRequest.
  Status LimitShare(uint64_t descriptors);

  // What there is, for a host that has forgotten it.
  wire::GetStateResponse Describe() const;

  bool created() const { return created_; }
  StorageSet& storages() { return *storages_; }
  OomWatcher& oom() { return oom_; }
  FileCopies& copies() { return copies_; }
  CgroupTree& cgroups() { return cgroups_; }
  EventLoop& loop() { return loop_; }
  const SandboxConfig& config() const { return config_; }
  std::string SharedDirectory() const { return config_.state_dir + "/shared/containers"; }

 private:
  static constexpr size_t kMaxContainers = 1024;

  Status CheckRequest(const wire::ExtendedCreateRequest& extended) const;
  Status Prepare(const std::shared_ptr<Container>& container, const wire::ExtendedCreateRequest& extended);
  Status BindRootfs(const grpc::Root& root, const std::string& rootfs);
  std::vector<std::shared_ptr<Container>> Containers() const;
  std::string ContainerDirectory(const std::string& id) const { return config_.state_dir + "/" + id; }
  Status Clean(Container& container);
  void Discard(const std::shared_ptr<Container>& container, EventLoop::Clock::time_point deadline,
               std::function<void(Status)> done);
  void AwaitFrozen(Call call, std::shared_ptr<Container> container, EventLoop::Clock::time_point deadline);
  void AwaitEmpty(Call call, EventLoop::Clock::time_point deadline);

  EventLoop& loop_;
  Reaper& reaper_;
  SandboxConfig config_;
  std::function<void()> end_;
  CgroupTree cgroups_;
  std::unique_ptr<StorageSet> storages_;
  ShareUses share_;
  ShareGuard share_guard_;
  OomWatcher oom_;
  FileCopies copies_;
  std::unique_ptr<SandboxNamespaces> namespaces_;
  bool created_ = false;
  bool destroying_ = false;
  std::string id_;
  std::string hostname_;
  bool shared_pid_ = false;
  std::map<std::string, std::shared_ptr<Container>> containers_;
  std::shared_ptr<Container> guest_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SANDBOX_H_
