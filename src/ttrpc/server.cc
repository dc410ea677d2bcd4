#include "ttrpc/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "ttrpc/fd_stream.h"
#include "ttrpc/served_connection.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers::ttrpc {
namespace {

// How long to leave the listener alone when the process is out of descriptors.
constexpr int kExhaustedPauseMs = 50;

}  // namespace

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Respond(Fail(Code::kInternal, "no answer"));
    connection_ = std::move(other.connection_);
    stream_id_ = other.stream_id_;
  }
  return *this;
}

Responder::~Responder() { Respond(Fail(Code::kInternal, "no answer")); }

void Responder::Respond(Result<std::string> answer) {
  const std::weak_ptr<ServedConnection> once = std::exchange(connection_, {});
  if (const auto connection = once.lock()) connection->Respond(stream_id_, std::move(answer));
}

void Responder::ReleasePayload() {
  if (const auto connection = connection_.lock()) connection->ReleasePayload(stream_id_);
}

class Server::Impl {
 public:
  Impl(Handler& handler, Options options) : handler_(handler), options_(options) {}

  Status Listen(const std::string& path);
  Status Serve(std::unique_ptr<Stream> stream);
  void Stop();

 private:
  struct Served {
    std::weak_ptr<ServedConnection> connection;
    std::thread thread;
    bool over = false;
  };

  void Accept();
  void AcceptOne(UniqueFd fd);
  void Reap();

  Handler& handler_;
  const Options options_;
  std::mutex stop_mutex_;  // before mutex_
  std::mutex mutex_;
  bool stopped_ = false;
  std::list<Served> served_;
  std::optional<UnixListener> listener_;
  UniqueFd wake_;  // an eventfd: readable once the server is to stop
  std::thread acceptor_;
};

Status Server::Impl::Listen(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return Fail(Code::kFailedPrecondition, "the server has been stopped");
  if (listener_) return Fail(Code::kFailedPrecondition, "the server listens at " + Quoted(listener_->path()));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return FailErrno("eventfd");
  VC_ASSIGN_OR_RETURN(UnixListener listener, ListenUnix(path));
  listener_.emplace(std::move(listener));
  wake_ = std::move(wake);
  try {
    acceptor_ = std::thread([this] { Accept(); });
  } catch (const std::system_error& e) {
    listener_.reset();
    return Fail(Code::kResourceExhausted, std::string("start a thread: ") + e.what());
  }
  return {};
}

Status Server::Impl::Serve(std::unique_ptr<Stream> stream) {
  Reap();
  const std::lock_guard lock(mutex_);
  if (stopped_) return Fail(Code::kFailedPrecondition, "the server has been stopped");
  if (served_.size() >= options_.connections) {
    return Fail(Code::kResourceExhausted, std::to_string(served_.size()) + " connections are open already");
  }
  auto connection = std::make_shared<ServedConnection>(std::move(stream), handler_, options_.limits);
  served_.push_back({connection, {}, false});
  const auto served = std::prev(served_.end());
  try {
    served->thread = std::thread([this, served, running = std::move(connection)]() mutable {
      running->Run();
      // Its descriptor is closed now, not when somebody joins this thread.
      running.reset();
      const std::lock_guard over(mutex_);
      served->over = true;
    });
  } catch (const std::system_error& e) {
    served_.erase(served);
    return Fail(Code::kResourceExhausted, std::string("start a thread: ") + e.what());
  }
  return {};
}

void Server::Impl::Reap() {
  std::list<Served> over;
  {
    const std::lock_guard lock(mutex_);
    for (auto served = served_.begin(); served != served_.end();) {
      const auto next = std::next(served);
      if (served->over) over.splice(over.end(), served_, served);
      served = next;
    }
  }
  for (Served& served : over) served.thread.join();
}

void Server::Impl::Accept() {
  while (true) {
    pollfd fds[] = {{wake_.get(), POLLIN, 0}, {listener_->fd(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    UniqueFd fd(::accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) {
      AcceptOne(std::move(fd));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      // The connection stays in the queue, and poll would return at once for as long as it does.
      ::poll(fds, 1, kExhaustedPauseMs);
    }
  }
}

void Server::Impl::AcceptOne(UniqueFd fd) {
  const Result<ucred> peer = UnixPeer(fd.get());
  if (!peer || !MayCommand(peer->uid, ::geteuid())) return;
  Result<std::unique_ptr<FdStream>> stream = FdStream::Create(std::move(fd));
  // Refused: the client sees its connection closed, and there is nobody else to tell.
  if (stream) static_cast<void>(Serve(*std::move(stream)));
}

void Server::Impl::Stop() {
  // Who comes second waits as well.
  const std::lock_guard stopping(stop_mutex_);
  std::thread acceptor;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    acceptor = std::move(acceptor_);
    if (wake_) {
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
    }
    for (Served& served : served_) {
      if (const auto connection = served.connection.lock()) connection->Close();
    }
  }
  if (acceptor.joinable()) acceptor.join();
  std::list<Served> rest;
  {
    const std::lock_guard lock(mutex_);
    listener_.reset();
    rest.swap(served_);
  }
  for (Served& served : rest) served.thread.join();
}

Server::Server(Handler& handler) : Server(handler, Options()) {}
Server::Server(Handler& handler, Options options) : impl_(std::make_unique<Impl>(handler, options)) {}
Server::~Server() { Stop(); }

Status Server::Listen(const std::string& path) { return impl_->Listen(path); }
Status Server::Serve(std::unique_ptr<Stream> stream) { return impl_->Serve(std::move(stream)); }
void Server::Stop() { impl_->Stop(); }

}  // namespace virtcontainers::ttrpc
