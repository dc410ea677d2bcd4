#include "guest/agent/sandbox/output_stream.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest.pb.h"

namespace virtcontainers::guest {

namespace {

// A pipe's capacity, as process.cc has it.
constexpr size_t kMaxRead = 256 << 10;
constexpr std::chrono::milliseconds kDrain{500};

}  // namespace

void OutputStream::Read(Call call, size_t size) {
  reads_.push_back({std::move(call), std::clamp<size_t>(size, 1, kMaxRead), {}});
  Pump();
}

void OutputStream::ProcessEnded() {
  ended_ = true;
  end_ = EventLoop::Clock::now() + kDrain;
  Pump();
  // Most streams of most processes are never read to their end: one with nothing in it and no writer costs
  // nothing more.
  pollfd state{fd_.get(), POLLIN, 0};
  if (fd_ && ::poll(&state, 1, 0) == 1 && (state.revents & (POLLIN | POLLHUP)) == POLLHUP) Close();
}

OutputStream::~OutputStream() {
  Close();
  for (const Pending& read : reads_) read.call.Answer();
}

void OutputStream::ReadFrom(Call call, std::optional<uint64_t> offset, uint64_t acknowledged, size_t size) {
  const uint64_t end = base_ + kept_.size();
  if (acknowledged > end) {
    return call.Fail(Error(Code::kOutOfRange, "byte " + std::to_string(acknowledged) +
                                                  " is acknowledged, and only " + std::to_string(end) +
                                                  " bytes have been sent"));
  }
  if (acknowledged > base_) {
    kept_.erase(0, acknowledged - base_);
    base_ = acknowledged;
  }
  const uint64_t from = offset.value_or(base_);
  if (from < base_ || from > end) {
    return call.Fail(Error(Code::kOutOfRange, "byte " + std::to_string(from) +
                                                  " is asked for, and those from " + std::to_string(base_) +
                                                  " to " + std::to_string(end) + " are there"));
  }
  if (from == end && kept_.size() >= kMaxKept) {
    return call.Fail(Error(Code::kResourceExhausted,
                           std::to_string(kept_.size()) + " bytes that were sent are not acknowledged"));
  }
  reads_.push_back({std::move(call), std::clamp<size_t>(size, 1, kMaxRead), from});
  Pump();
}

void OutputStream::AnswerKept(const Pending& read) {
  if (read.offset) {
    if (*read.offset < base_) {
      return read.call.Fail(Error(Code::kOutOfRange, "another reader has acknowledged byte " +
                                                         std::to_string(*read.offset) + " meanwhile"));
    }
    wire::ReadOutputResponse response;
    response.set_offset(*read.offset);
    response.set_data(kept_.substr(*read.offset - base_, read.size));
    return read.call.Answer(response);
  }
  std::string data = kept_.substr(0, read.size);
  kept_.erase(0, data.size());
  base_ += data.size();
  grpc::ReadStreamResponse response;
  response.set_data(data);
  // A session that ends before the bytes are out gives them back: the next one reads them again.
  read.call.Answer(response, [weak = weak_from_this(), data = std::move(data)] {
    const auto self = weak.lock();
    if (!self) return;
    self->kept_.insert(0, data);
    self->base_ -= data.size();
  });
}

bool OutputStream::AnswerOne(const Pending& read) {
  if (read.offset.value_or(base_) < base_ + kept_.size()) return AnswerKept(read), true;
  if (fd_) {
    // One thread, and nobody keeps it.
    static std::array<char, kMaxRead> buffer;
    ssize_t count = 0;
    do {
      count = ::read(fd_.get(), buffer.data(), read.size);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
      kept_.append(buffer.data(), static_cast<size_t>(count));
      return AnswerKept(read), true;
    }
    const bool empty = count < 0 && errno == EAGAIN;
    if (empty && !(ended_ && EventLoop::Clock::now() >= end_)) return false;
    // The end; a terminal says EIO.
    Close();
  }
  AnswerKept(read);
  return true;
}

void OutputStream::Pump() {
  while (!reads_.empty()) {
    if (!reads_.front().call.live()) {
      reads_.pop_front();
      continue;
    }
    Connection& connection = reads_.front().call.connection();
    if (connection.congested()) {
      Watch(false);
      if (std::exchange(draining_, true)) return;
      connection.WhenDrained([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->draining_ = false;
        self->Pump();
      });
      return;
    }
    if (!AnswerOne(reads_.front())) {
      Watch(true);
      if (!ended_ || timer_ != 0) return;
      timer_ = loop_.After(end_ - EventLoop::Clock::now(), [this] {
        timer_ = 0;
        Pump();
      });
      return;
    }
    reads_.pop_front();
  }
  Watch(false);
}

void OutputStream::Watch(bool on) {
  if (on == watched_ || !fd_) return;
  watched_ = on;
  if (!on) return loop_.Remove(fd_.get());
  if (!loop_.Add(fd_.get(), EPOLLIN, [this](uint32_t) { Pump(); })) watched_ = false;
}

void OutputStream::Close() {
  loop_.Cancel(std::exchange(timer_, 0));
  Watch(false);
  fd_.reset();
}

}  // namespace virtcontainers::guest
