// What a process writes, as the host asks for it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OUTPUT_STREAM_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OUTPUT_STREAM_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
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

  // What is kept of a stream that is read with offsets.
  static constexpr size_t kMaxKept = 1 << 20;

  // Answers `call` with at most `size` bytes (ReadStreamResponse), and forgets them.
  void Read(Call call, size_t size);

  // Answers with at most `size` bytes from an offset on (ReadOutputResponse), and keeps what is not
  // acknowledged.
  void ReadFrom(Call call, std::optional<uint64_t> offset, uint64_t acknowledged, size_t size);

  // The process has ended. Others may hold its pipe: from kDrain on, a pipe with nothing in it is at its end.
  void ProcessEnded();

 private:
  struct Pending {
    Call call;
    size_t size;
    std::optional<uint64_t> offset;  // of one that reads with offsets
  };

  void Pump();
  bool AnswerOne(const Pending& read);  // false: nothing to answer with yet
  void AnswerKept(const Pending& read);
  void Watch(bool on);
  void Close();

  EventLoop& loop_;
  UniqueFd fd_;
  std::deque<Pending> reads_;
  // Has been read from the pipe, and is not acknowledged or was on its way to a session that ended.
  std::string kept_;
  uint64_t base_ = 0;  // the offset of kept_'s first byte
  bool watched_ = false;
  bool draining_ = false;  // waits for a connection to take more
  bool ended_ = false;
  EventLoop::Clock::time_point end_{};
  EventLoop::TimerId timer_ = 0;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OUTPUT_STREAM_H_
