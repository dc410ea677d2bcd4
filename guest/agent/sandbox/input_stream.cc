#include "guest/agent/sandbox/input_stream.h"

#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent.pb.h"

namespace virtcontainers::guest {

namespace {

Error Closed() { return Error(Code::kFailedPrecondition, "the process's standard input is closed"); }

}  // namespace

void InputStream::Write(Call call, std::string data) {
  if (!fd_) return call.Fail(Closed());
  writes_.push_back({std::move(call), std::move(data)});
  Pump();
}

void InputStream::Close(Call call, std::string response) {
  writes_.push_back({std::move(call), {}, 0, true, std::move(response)});
  Pump();
}

void InputStream::End() {
  Watch(false);
  fd_.reset();
  Pump();
}

void InputStream::SendEndOfFile() {
  termios settings;
  if (::tcgetattr(fd_.get(), &settings) < 0 || (settings.c_lflag & ICANON) == 0) return;
  const char end_of_file = static_cast<char>(settings.c_cc[VEOF]);
  [[maybe_unused]] const ssize_t ignored = ::write(fd_.get(), &end_of_file, 1);
}

void InputStream::Pump() {
  while (!writes_.empty()) {
    Pending& write = writes_.front();
    // A request nobody waits for, and of which nothing was taken, will come again from a new session.
    if (!write.close && write.written == 0 && !write.call.live()) {
      writes_.pop_front();
      continue;
    }
    if (write.close) {
      if (fd_ && terminal_) {
        SendEndOfFile();
      } else {
        Watch(false);
        fd_.reset();
      }
      write.call.Respond(std::move(write.response));
      writes_.pop_front();
      continue;
    }
    if (!fd_) {
      write.call.Fail(Closed());
      writes_.pop_front();
      continue;
    }
    if (write.written < write.data.size()) {
      const ssize_t count =
          ::write(fd_.get(), write.data.data() + write.written, write.data.size() - write.written);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return Watch(true);
      if (count < 0) {
        // Nobody reads: EPIPE, or EIO of a terminal.
        Watch(false);
        fd_.reset();
        continue;
      }
      write.written += static_cast<size_t>(count);
      if (write.written < write.data.size()) continue;
    }
    grpc::WriteStreamResponse response;
    response.set_len(static_cast<uint32_t>(write.data.size()));
    write.call.Answer(response);
    writes_.pop_front();
  }
  Watch(false);
}

void InputStream::Watch(bool on) {
  if (on == watched_ || !fd_) return;
  watched_ = on;
  if (!on) return loop_.Remove(fd_.get());
  if (!loop_.Add(fd_.get(), EPOLLOUT, [this](uint32_t) { Pump(); })) watched_ = false;
}

}  // namespace virtcontainers::guest
