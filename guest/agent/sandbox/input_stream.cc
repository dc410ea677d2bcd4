#include "guest/agent/sandbox/input_stream.h"

#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "agent.pb.h"
#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

// Of all streams; the agent has one thread.
size_t g_held = 0;

Error Closed() {
  return Error(Code::kFailedPrecondition, Reason::kInputClosed, "the process's standard input is closed");
}

}  // namespace

void InputStream::Write(Call call, std::string data) {
  if (closed()) return call.Fail(Closed());
  Push({.call = std::move(call), .data = std::move(data), .kata = true, .writer = {}});
  Pump();
}

InputStream::Writer* InputStream::Find(const std::string& name) {
  const auto found = std::find_if(writers_.rbegin(), writers_.rend(),
                                  [&](const Writer& writer) { return writer.name == name; });
  return found == writers_.rend() ? nullptr : &*found;
}

Result<InputStream::Writer*> InputStream::Know(const std::string& name, uint64_t offset, bool again) {
  if (Writer* const known = Find(name)) {
    std::rotate(known, known + 1, writers_.data() + writers_.size());
    return &writers_.back();
  }
  if (name.size() > kMaxWriterName) {
    return Fail(Code::kInvalidArgument,
                "a writer's name has at most " + std::to_string(kMaxWriterName) + " bytes");
  }
  if (offset > 0 || (again && forgotten_)) {
    return Fail(
        Code::kAborted,
        "how much of this writer's input has been taken is not known: the process is another one, or " +
            std::to_string(kMaxWriters) + " others have written since");
  }
  if (writers_.size() >= kMaxWriters) {
    writers_.erase(writers_.begin());
    forgotten_ = true;
  }
  return &writers_.emplace_back(Writer{name});
}

void InputStream::WriteInput(Call call, wire::WriteInputRequest& request) {
  uint64_t offset = request.offset();
  std::string data = std::move(*request.mutable_data());
  if (!request.writer().empty()) {
    FinishOf(request.writer());
    const auto writer = Know(request.writer(), offset, request.again());
    if (!writer) return call.Fail(writer.error());
    const uint64_t taken = (*writer)->taken;
    if (offset > taken) {
      return call.Fail(Error(Code::kOutOfRange, "the input from byte " + std::to_string(offset) +
                                                    " on was sent, and only " + std::to_string(taken) +
                                                    " bytes have been taken"));
    }
    data.erase(0, taken - offset);
    offset = taken;
  }
  if (data.empty() || closed()) {
    wire::WriteInputResponse response;
    response.set_taken(offset);
    response.set_closed(closed());
    return call.Answer(response);
  }
  data.resize(std::min(data.size(), std::max(kMaxHeld - std::min(kMaxHeld, g_held), kLeastHeld)));
  call.ReleasePayload();
  Pending pending{
      .call = std::move(call), .data = std::move(data), .kata = false, .writer = request.writer()};
  pending.offset = offset;
  pending.id = next_id_++;
  if (request.has_wait_ms()) {
    const std::chrono::milliseconds wait(std::min<uint64_t>(request.wait_ms(), 1ULL << 40));
    pending.timer = loop_.After(wait, [this, id = pending.id] {
      const auto late =
          std::find_if(writes_.begin(), writes_.end(), [&](const Pending& write) { return write.id == id; });
      if (late == writes_.end()) return;
      Finish(late);
      Pump();
    });
  }
  Push(std::move(pending));
  Pump();
}

void InputStream::CloseInput(const Call& call, const wire::CloseInputRequest& request) {
  if (closed()) return call.Answer();
  if (!request.writer().empty()) {
    FinishOf(request.writer());
    const auto writer = Know(request.writer(), request.offset(), request.again());
    if (!writer) return call.Fail(writer.error());
    if (request.offset() > (*writer)->taken) {
      return call.Fail(Error(Code::kOutOfRange, "the input is said to end at byte " +
                                                    std::to_string(request.offset()) + ", and only " +
                                                    std::to_string((*writer)->taken) + " have been taken"));
    }
  }
  Close();
  call.Answer();
}

void InputStream::Close() {
  if (closed()) return;
  closing_ = true;
  Pump();
}

void InputStream::End() {
  CloseFd();
  Pump();
}

void InputStream::Push(Pending pending) {
  g_held += pending.data.size();
  writes_.push_back(std::move(pending));
}

InputStream::Queue::iterator InputStream::Finish(const Queue::iterator& pending) {
  const Pending write = std::move(*pending);
  const auto next = writes_.erase(pending);
  g_held -= write.data.size();
  loop_.Cancel(write.timer);
  if (!write.kata) {
    wire::WriteInputResponse response;
    response.set_taken(write.offset + write.written);
    response.set_closed(!fd_);
    write.call.Answer(response);
  } else if (write.written < write.data.size()) {
    write.call.Fail(Closed());
  } else {
    grpc::WriteStreamResponse response;
    response.set_len(static_cast<uint32_t>(write.data.size()));
    write.call.Answer(response);
  }
  return next;
}

void InputStream::FinishOf(const std::string& writer) {
  for (auto write = writes_.begin(); write != writes_.end();)
    write = write->writer == writer ? Finish(write) : std::next(write);
}

bool InputStream::WriteFirst() {
  Pending& write = writes_.front();
  while (write.written < write.data.size()) {
    const ssize_t count =
        ::write(fd_.get(), write.data.data() + write.written, write.data.size() - write.written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) {
      // Nobody reads: EPIPE, or EIO of a terminal.
      CloseFd();
      return true;
    }
    write.written += static_cast<size_t>(count);
    line_open_ = write.data[write.written - 1] != '\n';
    if (write.writer.empty()) continue;
    if (Writer* const writer = Find(write.writer)) writer->taken += static_cast<uint64_t>(count);
  }
  return true;
}

// In the middle of a line the first one ends the line, and the second one is the end of the input.
// (termios(3), VEOF)
bool InputStream::SendEndOfFile() {
  termios settings;
  while (ends_of_file_ > 0) {
    if (::tcgetattr(fd_.get(), &settings) < 0 || (settings.c_lflag & ICANON) == 0) break;
    const char end_of_file = static_cast<char>(settings.c_cc[VEOF]);
    const ssize_t count = ::write(fd_.get(), &end_of_file, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) break;
    --ends_of_file_;
  }
  return true;
}

void InputStream::Pump() {
  while (!writes_.empty()) {
    Pending& write = writes_.front();
    // What nobody waits for comes again from a new session, if its writer counts or nothing of it was taken.
    const bool comes_again = !write.call.live() && (!write.writer.empty() || write.written == 0);
    if (fd_ && !comes_again && !WriteFirst()) return Watch(true);
    Finish(writes_.begin());
  }
  if (!closing_ || !fd_) return Watch(false);
  if (std::exchange(terminal_, false)) ends_of_file_ = line_open_ ? 2 : 1;
  if (!SendEndOfFile()) return Watch(true);
  CloseFd();
}

void InputStream::CloseFd() {
  Watch(false);
  fd_.reset();
}

void InputStream::Watch(bool on) {
  if (on == watched_ || !fd_) return;
  watched_ = on;
  if (!on) return loop_.Remove(fd_.get());
  if (!loop_.Add(fd_.get(), EPOLLOUT, [this](uint32_t) { Pump(); })) watched_ = false;
}

}  // namespace virtcontainers::guest
