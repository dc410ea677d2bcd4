// The guest's program "listen": a unix socket in a container, each of whose connections a process
// "connect accepted" carries to the host.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONNECT_LISTEN_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONNECT_LISTEN_H_

namespace virtcontainers::guest {

// The name by which the agent's program is this one.
inline constexpr char kListenProgram[] = "listen";

//   listen NAME PATH MODE UID GID
//
// Makes a unix socket at PATH, an absolute path, with the permission bits MODE (decimal) and that owner, and
// the directories above it that are missing. A socket there at which nobody listens is replaced. The first
// byte of standard output is 0 once the socket is there, and the error's number otherwise, after which the
// program ends.
//
// Each connection is handed to a process of the same user that has called "connect accepted NAME", in the
// order of the calls. Connections that nobody takes wait in the socket's queue. Returns the program's exit
// status, 1 for an error and 2 for wrong arguments; otherwise it runs until it is killed.
int RunListen(int argc, char** argv);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONNECT_LISTEN_H_
