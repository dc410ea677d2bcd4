// A directory with a root of pods in it, and the processes that belong to it.

#ifndef VIRTCONTAINERS_TEST_STRESS_SCRATCH_H_
#define VIRTCONTAINERS_TEST_STRESS_SCRATCH_H_

#include <string>
#include <vector>

#include "virtcontainers/hypervisor.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers::stress {

// Ends the program with a line on standard error and status 2: it cannot do what it was asked to.
[[noreturn]] void GiveUp(const std::string& why);

// The result's value, or the end of the program.
template <typename T>
T OrGiveUp(Result<T> result, const std::string& doing) {
  if (!result) GiveUp(doing + ": " + result.error().ToString());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// A monitor, or a process that it has started.
struct PodProcess {
  ProcessIdentity identity;
  std::string command;  // its words, with spaces between them
};

class Scratch {
 public:
  // Makes one below $TMPDIR. All processes that are started by this one from then on are known by it.
  Scratch();
  // One that another process made.
  explicit Scratch(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string root() const { return path_ + "/root"; }
  std::string run() const { return path_ + "/run"; }
  std::string rootfs() const { return path_ + "/rootfs"; }

  Runtime OpenRuntime() const;

  // A directory for containers to have as their root; for those that really run, one with a busybox.
  void MakeRootfs(bool real) const;

  PodConfig Pod(const std::string& id, bool real, std::vector<ContainerConfig> containers) const;
  ContainerConfig Container(const std::string& id, std::vector<std::string> args) const;

  // Whatever runs for one of its pods.
  std::vector<PodProcess> Processes() const;

  // What is left of pods that have been deleted, a line each. Callers that died leave their drafts, for the
  // next who comes an hour later.
  std::vector<std::string> Leftovers(bool drafts_too) const;

  void Remove() const;

 private:
  std::string path_;
};

}  // namespace virtcontainers::stress

#endif  // VIRTCONTAINERS_TEST_STRESS_SCRATCH_H_
