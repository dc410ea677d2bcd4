// An agent on this machine with a sandbox in it, for tests of the whole.

#ifndef VIRTCONTAINERS_GUEST_AGENT_TESTING_AGENT_FIXTURE_H_
#define VIRTCONTAINERS_GUEST_AGENT_TESTING_AGENT_FIXTURE_H_

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "guest.pb.h"
#include "guest/agent/testing/standalone_agent.h"
#include "types.pb.h"

namespace virtcontainers::guest {

// Skips, saying why, where no container can be made. At the end the sandbox is destroyed, and nothing of it
// may be left.
class AgentTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // With crun's default config, in the rootfs of busybox.
  grpc::CreateContainerRequest Request(const std::string& id, const std::vector<std::string>& arguments);

  Result<types::Empty> Start(const std::string& id);
  Result<types::Empty> Remove(const std::string& id);
  Result<types::Empty> Signal(const std::string& id, const std::string& exec_id, int number);

  // Makes and starts it.
  void Run(const grpc::CreateContainerRequest& request);
  void Run(const wire::ExtendedCreateRequest& request);
  void Run(const std::string& id, const std::vector<std::string>& arguments) { Run(Request(id, arguments)); }

  // Runs a container to its end, and removes it: what it said on standard output, then on standard error.
  std::string OutputOf(const grpc::CreateContainerRequest& request);
  std::string OutputOf(const wire::ExtendedCreateRequest& request);
  std::string OutputOf(const std::string& script) { return OutputOf(Request("once", {"sh", "-c", script})); }

  // The same container for virtcontainers.Guest, with no more than it has.
  static wire::ExtendedCreateRequest Extended(const grpc::CreateContainerRequest& request);

  std::unique_ptr<StandaloneAgent> agent_;
  std::unique_ptr<AgentClient> client_;
  std::string rootfs_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_TESTING_AGENT_FIXTURE_H_
