// What a process reads, as the host writes it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_INPUT_STREAM_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_INPUT_STREAM_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "guest.pb.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"

namespace virtcontainers::guest {

// Writes are answered once the process's pipe has taken all of them, so a host that waits for its answers is
// slowed down to what the process reads. Writes of several writers are taken one after the other.
//
// Of a writer that counts its bytes (proto/guest.proto, WriteInput) each byte is taken once, however often it
// is sent.
class InputStream {
 public:
  // Writers that are known at a time: the one that wrote the longest time ago is forgotten first.
  static constexpr size_t kMaxWriters = 1024;
  static constexpr size_t kMaxWriterName = 64;
  // Bytes that wait for their processes, in all streams of the agent. Beyond it a counted write keeps
  // kLeastHeld of its bytes, and its answer says that no more were taken.
  static constexpr size_t kMaxHeld = 8 << 20;
  static constexpr size_t kLeastHeld = 4 << 10;

  // A non-blocking descriptor: the writing end of a pipe, or the master of a terminal.
  InputStream(EventLoop& loop, UniqueFd fd, bool terminal)
      : loop_(loop), fd_(std::move(fd)), terminal_(terminal) {}
  ~InputStream() { End(); }

  // FAILED_PRECONDITION when the process does not read any more or the stream was closed.
  void Write(Call call, std::string data);

  // As the protocol has it.
  void WriteInput(Call call, wire::WriteInputRequest& request);
  void CloseInput(const Call& call, const wire::CloseInputRequest& request);

  // The process reads the end of its input after what has been written. A terminal is sent its end-of-file
  // character, which a program that reads lines takes for it. Does not wait; idempotent.
  void Close();

  // The process has ended: what nobody will read fails.
  void End();

 private:
  struct Writer {
    std::string name;
    uint64_t taken = 0;
  };

  struct Pending {
    Call call;
    std::string data;
    bool kata;           // answered as Kata's WriteStdin
    std::string writer;  // empty: one that does not count
    uint64_t offset = 0;
    size_t written = 0;
    EventLoop::TimerId timer = 0;
    uint64_t id = 0;
  };
  using Queue = std::deque<Pending>;

  bool closed() const { return closing_ || !fd_; }
  // The writer, which is known from then on. Errors: ABORTED for one that has written, as it says, and that
  // is not known.
  Result<Writer*> Know(const std::string& name, uint64_t offset, bool again);
  Writer* Find(const std::string& name);

  void Push(Pending pending);
  // Answers with what was taken, and forgets the rest.
  Queue::iterator Finish(const Queue::iterator& pending);
  // A writer has one write under way.
  void FinishOf(const std::string& writer);
  void Pump();
  // Of the first write; false when the process has to read first.
  bool WriteFirst();
  bool SendEndOfFile();
  void CloseFd();
  void Watch(bool on);

  EventLoop& loop_;
  UniqueFd fd_;
  bool terminal_;
  bool watched_ = false;
  bool closing_ = false;
  bool line_open_ = false;       // the last byte that a terminal was sent ends no line
  int ends_of_file_ = 0;         // that a terminal that is being closed has yet to be sent
  std::vector<Writer> writers_;  // the last one that wrote comes last
  bool forgotten_ = false;       // at least one of them
  uint64_t next_id_ = 1;
  Queue writes_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_INPUT_STREAM_H_
