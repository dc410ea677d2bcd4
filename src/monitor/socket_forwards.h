// Unix sockets of the host that appear in containers. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_SOCKET_FORWARDS_H_
#define VIRTCONTAINERS_SRC_MONITOR_SOCKET_FORWARDS_H_

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "os/connection_pump.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// Has a process "listen" in the container for each socket, and always one process "connect accepted" that
// waits for its next connection. A connection in the container becomes one to the host's socket, made by this
// process. All of it ends with the container; nothing of it is on the host. Thread-safe, but Open and Adopt.
class SocketForwards {
 public:
  // So many connections of one socket are served at once; others wait in the socket's queue.
  static constexpr int kMost = 64;

  explicit SocketForwards(std::shared_ptr<Agent> agent) : agent_(std::move(agent)) {}
  // Ends the connections. The agent has been closed.
  ~SocketForwards();

  SocketForwards(const SocketForwards&) = delete;
  SocketForwards& operator=(const SocketForwards&) = delete;

  // Makes the sockets of a container that is made in the guest and not started, and serves them from now on.
  // Errors: those of the guest, naming the socket. What was made before the error ends with the container.
  Status Open(const ContainerConfig& config, Deadline deadline);

  // Instead, of a container with these executed processes that was there when the pod was taken over: ends
  // the connections of the monitor that died, and serves the sockets if the container `lives`; otherwise
  // ends their processes.
  void Adopt(const ContainerConfig& config, const std::vector<std::string>& execs, bool lives);

  // Whether an executed process is one of this class, which no caller has asked for.
  static bool IsOwn(const std::string& exec);

 private:
  struct Forward {
    std::string container;
    std::string listener;  // the name of its process "listen", also by which "connect accepted" finds that
    ForwardedSocket socket;
    std::thread thread;
    int connections = 0;  // under mutex_, as `ended` is
    bool ended = false;   // its thread has nothing more to do
  };
  struct Connection {
    std::shared_ptr<ConnectionPump> pump;  // under mutex_, as `ended` is
    std::thread thread;
    bool ended = false;
  };

  Status Listen(const ContainerConfig& config, const ForwardedSocket& socket, const std::string& listener,
                Deadline deadline);
  Status Serve(const std::string& container, const std::string& listener, const ForwardedSocket& socket);
  // The thread of a socket: until its container has ended.
  void Run(Forward& forward);
  void AcceptAll(Forward& forward);
  bool AwaitRoom(const Forward& forward);
  // A connection that `listen` has accepted, for the process of that name.
  Result<std::unique_ptr<ConnectionStreams>> Accept(const Forward& forward, const std::string& name);
  void Connect(Forward& forward, std::unique_ptr<ConnectionStreams> streams);
  // The thread of a connection.
  void Carry(Forward& forward, Connection& connection);
  // Forgets connections and sockets that have ended.
  void JoinEnded();

  const std::shared_ptr<Agent> agent_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::list<Forward> forwards_;
  std::list<Connection> connections_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_SOCKET_FORWARDS_H_
