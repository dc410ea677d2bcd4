// How "listen" hands a connection that it has accepted to "connect accepted": over a unix socket with an
// abstract name in the container's network namespace.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONNECT_ACCEPTED_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONNECT_ACCEPTED_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

namespace virtcontainers::guest {

// Returns the address's size. `name` is cut where the address has no room for it.
socklen_t AbstractAddress(std::string_view name, sockaddr_un& address);

// Sends `connection` to the other end of `socket`. False, with errno, if it is gone.
bool SendConnection(int socket, int connection);
// Blocks until the other end has sent a connection. -1, with errno, if it is gone.
int ReceiveConnection(int socket);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONNECT_ACCEPTED_H_
