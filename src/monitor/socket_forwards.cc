#include "monitor/socket_forwards.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "monitor/agent_streams.h"
#include "os/random_name.h"
#include "os/thread.h"
#include "pod/defaults.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

// "forward.NUMBER.RANDOM" and "forwarded.RANDOM".
constexpr std::string_view kListenerPrefix = "forward.";
constexpr std::string_view kConnectionPrefix = "forwarded.";

// What the guest may take to execute a process, and to kill one.
constexpr std::chrono::seconds kExecuting{30};
constexpr std::chrono::seconds kKilling{5};
// Between two tries to execute a process that the guest cannot execute now.
constexpr std::chrono::seconds kPause{1};
// What the host's socket may take to accept.
constexpr std::chrono::seconds kConnecting{10};

// A program of the guest that runs as the container's root, whatever else the container's processes may do.
ProcessConfig GuestProgram(std::vector<std::string> args, std::vector<std::string> capabilities) {
  ProcessConfig config;
  config.args = std::move(args);
  config.guest_program = true;
  config.no_new_privileges = true;
  Capabilities& sets = config.capabilities.emplace();
  sets.bounding = sets.effective = sets.permitted = std::move(capabilities);
  return CompleteProcess(std::move(config), false);
}

// The place in ContainerConfig::forward_sockets, of a listener's name.
std::optional<size_t> NumberOf(std::string_view listener) {
  size_t number = 0;
  const char* const begin = listener.data() + kListenerPrefix.size();
  const auto [end, error] = std::from_chars(begin, listener.data() + listener.size(), number);
  if (!listener.starts_with(kListenerPrefix) || error != std::errc() || *end != '.') return {};
  return number;
}

Error ListenError(const std::string& path, int error) {
  const std::string what = "socket " + Quoted(path) + " in the container";
  switch (error) {
    case EROFS:
      return Error(Code::kFailedPrecondition,
                   what + ": its directory is read-only: mount a tmpfs there, or choose another path");
    case EEXIST:
      return Error(Code::kAlreadyExists, what + ": something else than a socket is there");
    case EADDRINUSE:
      return Error(Code::kAlreadyExists, what + ": somebody listens there");
    default:
      return ErrnoError(what, error);
  }
}

// The container sees a connection that ends; the log has the reason.
void LogRefusal(const std::string& container, const ForwardedSocket& socket, const Error& error) {
  std::fprintf(stderr, "container '%s': socket '%s': %s\n", container.c_str(), socket.destination.c_str(),
               error.ToString().c_str());
}

Result<UniqueFd> ConnectHost(const std::string& path) {
  // The last part and those before it may be symbolic links, as /var/run is: the caller has named them.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error) return FailErrno("connect to " + Quoted(path), error.value());
  VC_ASSIGN_OR_RETURN(UniqueFd socket, ttrpc::ConnectUnix(real, Deadline::After(kConnecting)));
  if (::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK) < 0) {
    return FailErrno("fcntl");
  }
  return socket;
}

}  // namespace

SocketForwards::~SocketForwards() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const Connection& connection : connections_) {
      if (connection.pump) connection.pump->Abort();
    }
  }
  changed_.notify_all();
  for (Forward& forward : forwards_) forward.thread.join();
  for (Connection& connection : connections_) connection.thread.join();
}

bool SocketForwards::IsOwn(const std::string& exec) {
  return exec.starts_with(kListenerPrefix) || exec.starts_with(kConnectionPrefix);
}

Status SocketForwards::Open(const ContainerConfig& config, Deadline deadline) {
  if (!agent_->has_guest()) return {};
  for (size_t i = 0; i < config.forward_sockets.size(); ++i) {
    const ForwardedSocket& socket = config.forward_sockets[i];
    const std::string listener = std::string(kListenerPrefix) + std::to_string(i) + "." + RandomName();
    VC_RETURN_IF_ERROR(Listen(config, socket, listener, deadline));
    VC_RETURN_IF_ERROR(Serve(config.id, listener, socket));
  }
  return {};
}

Status SocketForwards::Listen(const ContainerConfig& config, const ForwardedSocket& socket,
                              const std::string& listener, Deadline deadline) {
  const ProcessConfig program =
      GuestProgram({"listen", listener, socket.destination, std::to_string(socket.mode),
                    std::to_string(socket.uid), std::to_string(socket.gid)},
                   {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"});
  const ProcessRef process{config.id, listener};
  VC_RETURN_IF_ERROR(agent_->ExecProcess(process, program, deadline));
  AgentStreams streams(agent_, process);
  VC_ASSIGN_OR_RETURN(const int error, AwaitConnection(streams, deadline));
  if (error != 0) return Fail(ListenError(socket.destination, error));
  return {};
}

Status SocketForwards::Serve(const std::string& container, const std::string& listener,
                             const ForwardedSocket& socket) {
  JoinEnded();
  Forward& forward = forwards_.emplace_back();
  forward.container = container;
  forward.listener = listener;
  forward.socket = socket;
  Result<std::thread> thread = StartThread([this, &forward] { Run(forward); });
  if (!thread) {
    forwards_.pop_back();
    return Fail(std::move(thread.error()));
  }
  forward.thread = std::move(*thread);
  return {};
}

void SocketForwards::Adopt(const ContainerConfig& config, const std::vector<std::string>& execs, bool lives) {
  for (const std::string& exec : execs) {
    if (!IsOwn(exec)) continue;
    const std::optional<size_t> number = NumberOf(exec);
    if (lives && number && *number < config.forward_sockets.size()) {
      const ForwardedSocket& socket = config.forward_sockets[*number];
      if (Status served = Serve(config.id, exec, socket); !served)
        LogRefusal(config.id, socket, served.error());
      continue;
    }
    AgentStreams streams(agent_, {config.id, exec});
    streams.Kill();
    (void)streams.HasEnded(Deadline::After(kKilling));
  }
}

void SocketForwards::Run(Forward& forward) {
  AcceptAll(forward);
  const std::lock_guard lock(mutex_);
  forward.ended = true;
}

void SocketForwards::AcceptAll(Forward& forward) {
  std::string name;
  while (AwaitRoom(forward)) {
    // A process that may have been executed, though the guest has not answered, is the one to ask again for.
    if (name.empty()) name = std::string(kConnectionPrefix) + RandomName();
    Result<std::unique_ptr<ConnectionStreams>> streams = Accept(forward, name);
    if (!streams && streams.error().code() == Code::kDeadlineExceeded) {
      // A guest that is paused, or has much to do.
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kPause, [this] { return ending_; });
      continue;
    }
    if (!streams) return;
    name.clear();
    Connect(forward, std::move(*streams));
  }
}

bool SocketForwards::AwaitRoom(const Forward& forward) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ending_ || forward.connections < kMost; });
  return !ending_;
}

Result<std::unique_ptr<ConnectionStreams>> SocketForwards::Accept(const Forward& forward,
                                                                  const std::string& name) {
  const ProcessRef process{forward.container, name};
  const Status executed = agent_->ExecProcess(
      process, GuestProgram({"connect", "accepted", forward.listener}, {}), Deadline::After(kExecuting));
  if (!executed && executed.error().code() != Code::kAlreadyExists) return Fail(executed.error());
  auto streams = std::make_unique<AgentStreams>(agent_, process);
  VC_ASSIGN_OR_RETURN(const int error, AwaitConnection(*streams, Deadline::Infinite()));
  if (error != 0) {
    return Fail(Code::kAborted, "the process that listens has ended: " + std::string(std::strerror(error)));
  }
  return streams;
}

void SocketForwards::Connect(Forward& forward, std::unique_ptr<ConnectionStreams> streams) {
  Result<UniqueFd> host = ConnectHost(forward.socket.source);
  if (!host) {
    LogRefusal(forward.container, forward.socket, host.error());
    streams->CloseStdin();
    return;
  }
  JoinEnded();
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  Connection& connection = connections_.emplace_back();
  connection.pump = std::make_shared<ConnectionPump>(std::move(streams), std::move(*host));
  Result<std::thread> thread = StartThread([this, &forward, &connection] { Carry(forward, connection); });
  if (!thread) {
    connections_.pop_back();
    LogRefusal(forward.container, forward.socket, thread.error());
    return;
  }
  connection.thread = std::move(*thread);
  ++forward.connections;
}

void SocketForwards::Carry(Forward& forward, Connection& connection) {
  std::shared_ptr<ConnectionPump> pump;
  {
    const std::lock_guard lock(mutex_);
    pump = connection.pump;
  }
  Result<std::thread> out = StartThread([&] { pump->FromGuest(); });
  if (!out) pump->Abort();
  pump->FromCaller();
  if (out) out->join();
  const std::lock_guard lock(mutex_);
  connection.pump.reset();
  connection.ended = true;
  --forward.connections;
  changed_.notify_all();
}

void SocketForwards::JoinEnded() {
  std::list<Connection> connections;
  std::list<Forward> forwards;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;  // the destructor joins them
    for (auto next = connections_.begin(); next != connections_.end();) {
      const auto connection = next++;
      if (connection->ended) connections.splice(connections.end(), connections_, connection);
    }
    for (auto next = forwards_.begin(); next != forwards_.end();) {
      const auto forward = next++;
      if (forward->ended && forward->connections == 0) forwards.splice(forwards.end(), forwards_, forward);
    }
  }
  for (Connection& connection : connections) connection.thread.join();
  for (Forward& forward : forwards) forward.thread.join();
}

}  // namespace virtcontainers
