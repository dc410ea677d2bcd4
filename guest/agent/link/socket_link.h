// The link over sockets: ttRPC as it is, one connection per client.

#ifndef VIRTCONTAINERS_GUEST_AGENT_LINK_SOCKET_LINK_H_
#define VIRTCONTAINERS_GUEST_AGENT_LINK_SOCKET_LINK_H_

#include <memory>
#include <string>
#include <unordered_map>

#include "base/unique_fd.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// A socket that listens, non-blocking. An old socket file at `path` is replaced.
Result<UniqueFd> ListenUnix(const std::string& path);
// On any CID.
Result<UniqueFd> ListenVsock(uint32_t port);

class SocketLink {
 public:
  static Result<std::unique_ptr<SocketLink>> Create(EventLoop& loop, UniqueFd listener,
                                                    Connection::Handler handler);
  ~SocketLink();

 private:
  struct Client {
    UniqueFd socket;
    std::shared_ptr<Connection> connection;
    bool wants_write = false;
  };

  SocketLink(EventLoop& loop, UniqueFd listener, Connection::Handler handler);
  void Accept();
  void OnEvent(int fd, uint32_t events);
  bool Receive(Client& client);
  bool Send(Client& client);
  void Update(int fd, bool alive);
  void Drop(int fd);

  EventLoop& loop_;
  UniqueFd listener_;
  Connection::Handler handler_;
  std::unordered_map<int, Client> clients_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_LINK_SOCKET_LINK_H_
