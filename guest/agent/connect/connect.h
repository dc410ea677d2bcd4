// The guest's program "connect": one connection to a socket of the guest, carried by standard input and
// output.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONNECT_CONNECT_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONNECT_CONNECT_H_

namespace virtcontainers::guest {

// The name by which the agent's program is this one.
inline constexpr char kConnectProgram[] = "connect";

//   connect tcp PORT [ADDRESS]     default address: 127.0.0.1, and ::1 where that refuses
//   connect unix PATH
//   connect accepted NAME          the next connection of the program "listen" that has this name (listen.h)
//
// The first byte of standard output is 0 once the connection is there, and the error's number otherwise,
// after which the program ends. What follows are the connection's bytes. Standard input has frames
// (base/connect_frames.h). Blocks until the host has let go of the connection, or has said nothing for
// kConnectSilence while its bytes were taken. Returns the program's exit status: 0, 1 for a connection that
// failed or was reset, 2 for wrong arguments.
// "connect accepted" answers when there is a connection, and waits for it without a limit.
int RunConnect(int argc, char** argv);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONNECT_CONNECT_H_
