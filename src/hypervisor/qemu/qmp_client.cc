#include "hypervisor/qemu/qmp_client.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/errors.h"
#include "os/poll.h"
#include "os/thread.h"

namespace virtcontainers {
namespace {

Error RefusedError(std::string_view command, const QmpReply& reply) {
  const Code code = reply.error_class == "CommandNotFound" ? Code::kNotFound : Code::kFailedPrecondition;
  return Error(code, "qemu refuses " + Quoted(command) + ": " + reply.description);
}

// Sends a part of `line`, and all descriptors with its first byte. As send(2).
ssize_t SendPart(int socket, std::string_view line, const std::vector<int>& descriptors) {
  iovec part{const_cast<char*>(line.data()), line.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::vector<char> control(CMSG_SPACE(descriptors.size() * sizeof(int)));
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

QmpClient::QmpClient(UniqueFd socket, EventHandler on_event)
    : socket_(std::move(socket)), on_event_(std::move(on_event)) {}

Result<std::unique_ptr<QmpClient>> QmpClient::Open(UniqueFd socket, EventHandler on_event,
                                                   Deadline deadline) {
  // The reading thread sleeps in recv, whatever the socket was made for.
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) return FailErrno("fcntl");
  std::unique_ptr<QmpClient> client(new QmpClient(std::move(socket), std::move(on_event)));
  VC_ASSIGN_OR_RETURN(client->reader_, StartThread([raw = client.get()] { raw->ReadLoop(); }));
  {
    std::unique_lock lock(client->mutex_);
    if (!client->WaitFor(lock, deadline, [&] { return client->greeting_ || client->closed_; })) {
      return Fail(Code::kDeadlineExceeded, "qemu's monitor sent no greeting in time");
    }
    if (!client->greeting_) return Fail(*client->closed_);
    client->version_ = client->greeting_->version;
  }
  VC_RETURN_IF_ERROR(client->Execute("qmp_capabilities", deadline));
  return client;
}

QmpClient::~QmpClient() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (reader_.joinable()) reader_.join();
}

Result<Json> QmpClient::Execute(std::string_view command, const Json& arguments,
                                const std::vector<int>& descriptors, Deadline deadline) {
  uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Fail(*closed_);
    id = next_id_++;
    pending_.emplace(id, std::nullopt);
  }
  if (Status sent = Send(EncodeQmpCommand(id, command, arguments), descriptors, deadline); !sent) {
    const std::lock_guard lock(mutex_);
    pending_.erase(id);
    return Fail(std::move(sent.error()));
  }

  std::unique_lock lock(mutex_);
  const bool ready = WaitFor(lock, deadline, [&] { return pending_.at(id).has_value() || closed_; });
  auto node = pending_.extract(id);
  if (node.mapped()) {
    QmpReply reply = std::move(*node.mapped());
    if (reply.failed) return Fail(RefusedError(command, reply));
    return std::move(reply.value);
  }
  if (ready) return Fail(*closed_);
  return Fail(Code::kDeadlineExceeded, "qemu did not answer " + Quoted(command) + " in time");
}

bool QmpClient::WaitClosed(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return WaitFor(lock, deadline, [this] { return closed_.has_value(); });
}

bool QmpClient::WaitFor(std::unique_lock<std::mutex>& lock, Deadline deadline,
                        const std::function<bool()>& ready) {
  if (!deadline.infinite()) return changed_.wait_until(lock, deadline.time(), ready);
  changed_.wait(lock, ready);
  return true;
}

Status QmpClient::Send(std::string_view line, const std::vector<int>& descriptors, Deadline deadline) {
  const std::lock_guard lock(write_mutex_);
  bool descriptors_sent = descriptors.empty();
  while (!line.empty()) {
    const ssize_t n =
        descriptors_sent ? SendPart(socket_.get(), line, {}) : SendPart(socket_.get(), line, descriptors);
    if (n >= 0) {
      descriptors_sent = true;
      line.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      VC_ASSIGN_OR_RETURN(const bool writable, WaitWritable(socket_.get(), deadline));
      if (!writable) {
        // Half a command may have been written: nothing can follow it.
        ::shutdown(socket_.get(), SHUT_RDWR);
        return Fail(Code::kDeadlineExceeded, "qemu's monitor does not read");
      }
    } else if (errno != EINTR) {
      return Fail(Code::kUnavailable, "the connection to qemu's monitor has ended");
    }
  }
  return {};
}

void QmpClient::ReadLoop() {
  QmpDecoder decoder;
  char buffer[16 << 10];
  while (true) {
    const ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    // After `quit` the connection ends with ECONNRESET as often as with an end.
    if (n <= 0) return Close(Error(Code::kUnavailable, "qemu closed its monitor"));
    decoder.Feed({buffer, static_cast<size_t>(n)});
    while (true) {
      Result<std::optional<QmpMessage>> message = decoder.Next();
      if (!message) return Close(std::move(message.error()));
      if (!*message) break;
      Handle(std::move(**message));
    }
  }
}

void QmpClient::Handle(QmpMessage message) {
  if (const auto* event = std::get_if<QmpEvent>(&message)) {
    if (on_event_) on_event_(*event);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (auto* greeting = std::get_if<QmpGreeting>(&message)) {
    greeting_ = std::move(*greeting);
  } else if (auto* reply = std::get_if<QmpReply>(&message)) {
    // Nobody waits for the answer that came after its deadline.
    if (const auto found = pending_.find(reply->id); found != pending_.end()) {
      found->second = std::move(*reply);
    }
  }
  changed_.notify_all();
}

void QmpClient::Close(Error why) {
  ::shutdown(socket_.get(), SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  closed_ = std::move(why);
  changed_.notify_all();
}

}  // namespace virtcontainers
