// Executes one plugin once. Host only.
//
// (CNI specification, "Section 2: Execution Protocol")

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_CALL_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_CALL_H_

#include <string>
#include <utility>
#include <vector>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::cni {

// Of what a plugin prints, to stdout and to stderr.
inline constexpr size_t kMaxPluginOutput = 1 << 20;

struct PluginCall {
  std::string network;                                          // for messages
  std::string type;                                             // for messages
  std::string program;                                          // a path
  std::string command;                                          // CNI_COMMAND: "ADD"
  std::vector<std::pair<std::string, std::string>> parameters;  // {"CNI_IFNAME", "eth0"}
  std::string mark;                                             // plugin_processes.h
  std::string config;                                           // what it reads from stdin
};

// Runs the plugin in the calling thread's namespaces, and answers what it printed to stdout. Its environment
// has CNI_COMMAND, the parameters, the mark, the pod's mark (os/marked_process.h), PATH with the directories
// for system programs, and TMPDIR; nothing else of this process's.
//
// A plugin that is not done at the deadline, or prints too much, is killed with all processes that it
// started. One that ends leaves its children alone: what it needs in the background goes on. Never leaves a
// zombie.
//
// Errors: NotFound, PermissionDenied if it cannot be executed; DeadlineExceeded, Cancelled; ResourceExhausted
// for too much output. For an error that the plugin answers, with its text and its code: InvalidArgument for
// its codes 1, 2, 4, 6 and 7, NotFound for 3, which is success of DEL, Unavailable for 11, 50 and 51, Aborted
// for all others and for one that fails without an answer, with the end of what it printed.
Result<std::string> CallPlugin(const PluginCall& call, Deadline deadline);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_CALL_H_
