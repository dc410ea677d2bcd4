// An agent that runs on this machine for a test, in mount, pid and cgroup namespaces of its own.

#ifndef VIRTCONTAINERS_GUEST_AGENT_TESTING_STANDALONE_AGENT_H_
#define VIRTCONTAINERS_GUEST_AGENT_TESTING_STANDALONE_AGENT_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "guest/agent/testing/agent_client.h"
#include "guest/agent/testing/temp_dir.h"

namespace virtcontainers::guest {

// Kills whatever is left of it at the end. Needs root.
class StandaloneAgent {
 public:
  // Empty when it can run here, otherwise why not.
  static std::string WhyNot();

  StandaloneAgent();
  ~StandaloneAgent();
  StandaloneAgent(const StandaloneAgent&) = delete;
  StandaloneAgent& operator=(const StandaloneAgent&) = delete;

  // A new connection; null and a failed expectation if there is none.
  std::unique_ptr<AgentClient> Connect();

  // Waits until it has ended by itself: its exit status, or -1 after 10 s.
  int WaitForEnd();

  const std::string& directory() const { return dir_.path(); }
  std::string state() const { return dir_.path() + "/state"; }
  // A directory with busybox in it, not yet used.
  std::string MakeRootfs(const std::string& name);
  // Whether the agent's cgroup is still there.
  bool HasCgroup() const;
  std::string cgroup() const;

 private:
  TempDir dir_;
  pid_t pid_ = -1;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_TESTING_STANDALONE_AGENT_H_
