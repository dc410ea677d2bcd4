// The last steps of a child that is becoming a process of a container, the same for its first and for later
// ones.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_PROCESS_SETUP_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_PROCESS_SETUP_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "guest.pb.h"
#include "guest/agent/container/capabilities.h"
#include "guest/agent/container/seccomp.h"
#include "guest/agent/container/user.h"
#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

inline constexpr mode_t kDefaultUmask = 022;

// What is asked for, checked by the agent before the child was made. Points into what outlives the child's
// setup.
struct ProcessPlan {
  const grpc::Process* process = nullptr;
  const grpc::StringUser* string_user = nullptr;  // may be null
  std::optional<CapabilitySets> capabilities;     // absent: those of the agent
  const SeccompProgram* seccomp = nullptr;        // may be null
  mode_t umask = kDefaultUmask;
  const wire::Scheduler* scheduler = nullptr;     // may be null
  const wire::IoPriority* io_priority = nullptr;  // may be null
  std::optional<unsigned long> personality;       // absent: that of the agent
  const std::string* cpus = nullptr;              // may be null
  int program = -1;                               // a file to execute; -1: the first argument names it
  // The child's ends, for 0, 1 and 2; with a terminal there are none yet.
  int stdio[3] = {-1, -1, -1};
  int report = -1;
};

// What was found out inside the container's root.
struct PreparedProcess {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  Credentials credentials;
};

// Names, counts and sizes that no process can have are INVALID_ARGUMENT. For the agent, before it makes the
// child.
Status CheckProcess(const grpc::Process& process);

// Strings that no program can be given are INVALID_ARGUMENT; `what` is their plural, for the message.
Status CheckStrings(const google::protobuf::RepeatedPtrField<std::string>& strings, const char* what);

// A umask of more than permission bits and words that scheduling does not know are INVALID_ARGUMENT.
Status CheckExtension(const wire::ProcessExtension& process);

// Looks the user up and completes the environment: PATH and HOME where they are missing, TERM with a
// terminal. In the root of the container.
Result<PreparedProcess> PrepareProcess(const ProcessPlan& plan);

// What makes the caller a process of the container, all but its standard input and output: working directory,
// limits, user, capabilities, filter.
Status EnterProcess(const ProcessPlan& plan, const PreparedProcess& prepared);

// Becomes the program: stdio, working directory, limits, user, capabilities, filter, exec. Returns only an
// error.
Error BecomeProcess(const ProcessPlan& plan, const PreparedProcess& prepared);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_PROCESS_SETUP_H_
