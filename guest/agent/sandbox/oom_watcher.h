// Tells when the kernel kills a container's process for want of memory.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OOM_WATCHER_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OOM_WATCHER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/unique_fd.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"

namespace virtcontainers::guest {

// Events that nobody asks for are kept, the last kMaxEvents of them.
class OomWatcher {
 public:
  explicit OomWatcher(EventLoop& loop) : loop_(loop) {}
  ~OomWatcher();

  // Watches the cgroup until Remove. Without a memory controller there is nothing to see.
  void Add(const std::string& container_id, const std::string& cgroup_path);
  void Remove(const std::string& container_id);

  // Answers with the next event, whenever it comes.
  void Next(Call call);

 private:
  static constexpr size_t kMaxEvents = 256;
  static constexpr size_t kMaxCalls = 64;

  struct Watched {
    std::string container_id;
    std::string events_path;
    uint64_t kills = 0;
  };

  bool Start();
  void OnEvent();
  void Check(Watched& watched);
  void Deliver();

  EventLoop& loop_;
  UniqueFd inotify_;
  std::unordered_map<int, Watched> watched_;
  std::deque<std::string> events_;
  std::deque<Call> calls_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OOM_WATCHER_H_
