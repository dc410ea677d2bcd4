// What a process reads, as the host writes it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_INPUT_STREAM_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_INPUT_STREAM_H_

#include <deque>
#include <string>

#include "base/unique_fd.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"

namespace virtcontainers::guest {

// Writes are answered once the process's pipe has taken all of them, so a host that waits for its answers is
// slowed down to what the process reads.
class InputStream {
 public:
  // A non-blocking descriptor: the writing end of a pipe, or the master of a terminal.
  InputStream(EventLoop& loop, UniqueFd fd, bool terminal)
      : loop_(loop), fd_(std::move(fd)), terminal_(terminal) {}
  ~InputStream() { End(); }

  // FAILED_PRECONDITION when the process does not read any more or the stream was closed.
  void Write(Call call, std::string data);

  // The end of the input, after what has been written. A terminal is sent its end-of-file character, which a
  // program that reads lines takes for it. Closing twice is fine. Answered with `response`.
  void Close(Call call, std::string response);

  // The process has ended: what nobody will read fails.
  void End();

 private:
  struct Pending {
    Call call;
    std::string data;
    size_t written = 0;
    bool close = false;
    std::string response;  // of a close
  };

  void Pump();
  void SendEndOfFile();
  void Watch(bool on);

  EventLoop& loop_;
  UniqueFd fd_;
  bool terminal_;
  bool watched_ = false;
  std::deque<Pending> writes_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_INPUT_STREAM_H_
