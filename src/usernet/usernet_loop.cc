#include "usernet/usernet_loop.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/errors.h"
#include "usernet/guest_frame.h"

namespace virtcontainers {
namespace {

constexpr uint32_t kMostWait = 1000;  // milliseconds

// The queue for the guest is a tenth of a second of its rate.
size_t HoldAbove(const RateLimit& limit) {
  constexpr uint64_t kLeast = 64 << 10, kMost = 512 << 10;
  return limit.rate == 0 ? kMost : std::clamp(limit.rate / 10, kLeast, kMost);
}

}  // namespace

UsernetLoop::UsernetLoop(UniqueFd stream, const UsernetOptions& options)
    : stream_(std::move(stream)),
      options_(options),
      to_guest_(options.limits.receive),
      from_guest_(options.limits.transmit),
      hold_above_(HoldAbove(options.limits.receive)) {}

Status UsernetLoop::Start() {
  VC_ASSIGN_OR_RETURN(replies_, LoopbackReplies::Create(options_, MonotonicNow));
  VC_ASSIGN_OR_RETURN(stack_, SlirpStack::Create(options_, [this](std::string_view frame) {
                        (void)queue_.Add(replies_.ToGuest(frame));
                      }));
  for (const PortForward& forward : options_.forwards) VC_RETURN_IF_ERROR(stack_->Forward(forward));
  return {};
}

short UsernetLoop::StreamEvents(int64_t& wait) {
  const int64_t now = MonotonicNow();
  int events = 0;
  if (from_guest_.Ready(now, reader_.free())) {
    events |= POLLIN;
  } else {
    wait = std::min(wait, from_guest_.WaitFor(reader_.free()));
  }
  if (const size_t size = queue_.bytes().size(); size > 0) {
    if (to_guest_.Ready(now, size)) {
      events |= POLLOUT;
    } else {
      wait = std::min(wait, to_guest_.WaitFor(size));
    }
  }
  return static_cast<short>(events);
}

Result<bool> UsernetLoop::Read() {
  const size_t most = std::min(reader_.free(), from_guest_.Available(MonotonicNow()));
  if (most == 0) return true;
  const ssize_t got = ::recv(stream_.get(), reader_.space(), most, MSG_DONTWAIT);
  if (got == 0) return false;
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    if (errno == ECONNRESET) return false;
    return FailErrno("read from the VM");
  }
  reader_.Put(static_cast<size_t>(got));
  from_guest_.Take(static_cast<size_t>(got));
  VC_RETURN_IF_ERROR(reader_.Next([this](std::string_view frame) {
    if (MayPass(frame)) stack_->Input(replies_.FromGuest(frame));
  }));
  return true;
}

Result<bool> UsernetLoop::Write() {
  while (!queue_.bytes().empty()) {
    const size_t most = std::min(queue_.bytes().size(), to_guest_.Available(MonotonicNow()));
    if (most == 0) return true;
    const ssize_t put = ::send(stream_.get(), queue_.bytes().data(), most, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      if (errno == EPIPE || errno == ECONNRESET) return false;
      return FailErrno("write to the VM");
    }
    queue_.Drop(static_cast<size_t>(put));
    to_guest_.Take(static_cast<size_t>(put));
  }
  return true;
}

Status UsernetLoop::Run() {
  for (;;) {
    int64_t wait = int64_t{kMostWait} * 1'000'000;
    fds_.clear();
    const short events = StreamEvents(wait);
    // poll(2) tells of the end of the stream also where nothing else is asked for.
    fds_.push_back({stream_.get(), events, 0});
    const uint32_t timer = stack_->Prepare(fds_, Holding(), kMostWait);
    wait = std::min(wait, int64_t{timer} * 1'000'000);
    const timespec timeout{static_cast<time_t>(wait / 1'000'000'000),
                           static_cast<long>(wait % 1'000'000'000)};
    if (::ppoll(fds_.data(), fds_.size(), &timeout, nullptr) < 0) {
      if (errno != EINTR) return FailErrno("poll");
      continue;
    }
    const short happened = fds_[0].revents;
    if ((happened & (POLLIN | POLLHUP | POLLERR)) != 0) {
      // Without leave to read, only the end can have been told: what was sent before it is not needed.
      if ((events & POLLIN) == 0) return {};
      VC_ASSIGN_OR_RETURN(const bool open, Read());
      if (!open) return {};
    }
    stack_->Step(fds_);
    const size_t size = queue_.bytes().size();
    if (size > 0 && to_guest_.Ready(MonotonicNow(), size)) {
      VC_ASSIGN_OR_RETURN(const bool open, Write());
      if (!open) return {};
    }
  }
}

}  // namespace virtcontainers
