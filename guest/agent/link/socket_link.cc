#include "guest/agent/link/socket_link.h"

#include <linux/vm_sockets.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxClients = 64;

Result<UniqueFd> Listen(int family, const sockaddr* address, socklen_t size, const std::string& name) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return FailErrno("make a socket for " + name);
  if (::bind(socket.get(), address, size) < 0) return FailErrno("bind to " + name);
  if (::listen(socket.get(), 16) < 0) return FailErrno("listen on " + name);
  return socket;
}

}  // namespace

Result<UniqueFd> ListenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Fail(Code::kInvalidArgument, "socket path " + Quoted(path) + " is empty or longer than 107 bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  ::unlink(path.c_str());
  return Listen(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), Quoted(path));
}

Result<UniqueFd> ListenVsock(uint32_t port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  return Listen(AF_VSOCK, reinterpret_cast<const sockaddr*>(&address), sizeof(address),
                "vsock port " + std::to_string(port));
}

Result<std::unique_ptr<SocketLink>> SocketLink::Create(EventLoop& loop, UniqueFd listener,
                                                       Connection::Handler handler) {
  const int fd = listener.get();
  std::unique_ptr<SocketLink> self(new SocketLink(loop, std::move(listener), std::move(handler)));
  VC_RETURN_IF_ERROR(loop.Add(fd, EPOLLIN, [link = self.get()](uint32_t) { link->Accept(); }));
  return self;
}

SocketLink::SocketLink(EventLoop& loop, UniqueFd listener, Connection::Handler handler)
    : loop_(loop), listener_(std::move(listener)), handler_(std::move(handler)) {}

SocketLink::~SocketLink() {
  loop_.Remove(listener_.get());
  while (!clients_.empty()) Drop(clients_.begin()->first);
}

void SocketLink::Accept() {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  if (clients_.size() >= kMaxClients) {
    Log(LogLevel::kWarn, "a client is turned away: there are " + std::to_string(kMaxClients) + " already");
    return;
  }
  const int fd = socket.get();
  auto connection = std::make_shared<Connection>(
      [this](Call call, ttrpc::ServerCall request) { handler_(std::move(call), std::move(request)); },
      [this, fd] { loop_.Post([this, fd] { OnEvent(fd, EPOLLOUT); }); });
  if (!loop_.Add(fd, EPOLLIN, [this, fd](uint32_t events) { OnEvent(fd, events); })) return;
  clients_[fd] = Client{std::move(socket), std::move(connection)};
}

void SocketLink::OnEvent(int fd, uint32_t events) {
  const auto client = clients_.find(fd);
  if (client == clients_.end()) return;
  bool alive = true;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) alive = Receive(client->second);
  if (alive) alive = Send(client->second);
  Update(fd, alive && !client->second.connection->failed());
}

bool SocketLink::Receive(Client& client) {
  std::array<char, kReadSize> buffer;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t count = ::read(client.socket.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    client.connection->Receive(std::string_view(buffer.data(), static_cast<size_t>(count)));
    if (static_cast<size_t>(count) < buffer.size()) return true;
  }
  return true;
}

bool SocketLink::Send(Client& client) {
  Connection& connection = *client.connection;
  while (!connection.Output().empty()) {
    const std::string_view output = connection.Output();
    const ssize_t count = ::send(client.socket.get(), output.data(), output.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN;
    connection.Sent(static_cast<size_t>(count));
  }
  return true;
}

void SocketLink::Update(int fd, bool alive) {
  if (!alive) return Drop(fd);
  Client& client = clients_.at(fd);
  const bool wants_write = !client.connection->Output().empty();
  if (wants_write == client.wants_write) return;
  client.wants_write = wants_write;
  if (!loop_.Modify(fd, wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN)) Drop(fd);
}

void SocketLink::Drop(int fd) {
  const auto found = clients_.find(fd);
  if (found == clients_.end()) return;
  loop_.Remove(fd);
  const Client client = std::move(found->second);
  clients_.erase(found);
  client.connection->Close();
}

}  // namespace virtcontainers::guest
