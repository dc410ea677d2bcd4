// Files that the host puts into containers, part by part.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_FILE_COPIES_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_FILE_COPIES_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "guest.pb.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/sandbox/container.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// The parts go to a hidden file beside the destination, which takes the destination's name with the last
// part; it is removed when the copy is given up: after an error, when the next part does not come in time,
// when the session ends, and when the container does.
class FileCopies {
 public:
  explicit FileCopies(EventLoop& loop) : loop_(loop) {}
  ~FileCopies();
  FileCopies(const FileCopies&) = delete;
  FileCopies& operator=(const FileCopies&) = delete;

  // Takes one part. The path is looked up in the container's root as its processes see it, mounts included,
  // and leads nowhere else. NOT_FOUND where the directory is missing, FAILED_PRECONDITION where the
  // destination is a directory or a mount, or the container has no process, INVALID_ARGUMENT for a part that
  // does not follow the last one.
  Status Write(const Call& call, const std::shared_ptr<Container>& container,
               const wire::CopyFileChunk& chunk);

  // Gives up all copies into a container.
  void GiveUp(const std::string& container_id);

 private:
  struct Copy {
    Call call;  // the last one, for its session
    std::shared_ptr<Container> container;
    std::string path;
    uint64_t size = 0;
    uint64_t written = 0;
    UniqueFd directory;
    std::string name;
    std::string temporary;  // the hidden file's name; empty once it has another
    UniqueFd file;
    EventLoop::Clock::time_point last;
  };
  using Key = std::pair<std::string, std::string>;  // the container's id, the copy's

  Status Begin(Copy& copy);
  static Status Append(Copy& copy, const wire::CopyFileChunk& chunk);
  static Status Finish(Copy& copy, const wire::CopyFileChunk& chunk);
  static void Remove(Copy& copy);
  void Sweep();
  void Schedule();

  EventLoop& loop_;
  EventLoop::TimerId sweep_ = 0;
  uint64_t next_ = 0;
  std::map<Key, Copy> copies_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_FILE_COPIES_H_
