// What a process writes, as the host asks for it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OUTPUT_STREAM_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OUTPUT_STREAM_H_

#include <deque>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"

namespace virtcontainers::guest {

// Stays in the pipe until somebody reads, so a process that writes much is slowed down and nothing is lost.
// Reads are answered in order: with what is there, later if nothing is, with nothing at the end of the
// stream.
class OutputStream : public std::enable_shared_from_this<OutputStream> {
 public:
  // A non-blocking descriptor.
  OutputStream(EventLoop& loop, UniqueFd fd) : loop_(loop), fd_(std::move(fd)) {}
  // Whoever still reads is answered with the end.
  ~OutputStream();

  // Answers `call` with at most `size` bytes.
  void Read(Call call, size_t size);

  // The process has ended. Others may hold its pipe: from kDrain on, a pipe with nothing in it is at its end.
  void ProcessEnded();

 private:
  struct Pending {
    Call call;
    size_t size;
  };

  void Pump();
  bool AnswerOne(const Pending& read);  // false: nothing to answer with yet
  void AnswerData(const Pending& read, std::string data);
  void Watch(bool on);
  void Close();

  EventLoop& loop_;
  UniqueFd fd_;
  std::deque<Pending> reads_;
  std::string returned_;  // was on its way to a session that ended
  bool watched_ = false;
  bool draining_ = false;  // waits for a connection to take more
  bool ended_ = false;
  EventLoop::Clock::time_point end_{};
  EventLoop::TimerId timer_ = 0;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OUTPUT_STREAM_H_
