#include "link/session_stream.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "os/thread.h"

namespace virtcontainers::link {
namespace {

constexpr std::chrono::milliseconds kMarkInterval{20};
constexpr size_t kWriteChunk = 64 << 10;

Result<uint64_t> RandomId() {
  uint64_t id = 0;
  if (::getrandom(&id, sizeof(id), 0) != sizeof(id)) return FailErrno("getrandom");
  return id;
}

}  // namespace

void SessionStream::Reader::SessionStarted(uint64_t id) {
  if (id == id_ && (!open_ || fresh_)) {
    open_ = true;
    fresh_ = true;
  } else if (open_ && !failure_) {
    failure_ = Error(Code::kUnavailable, "the guest has begun another session of the link");
  }
  // Before our own: an answer to a session that is over.
}

void SessionStream::Reader::SessionData(std::string_view data) {
  if (!open_ || failure_) return;
  fresh_ = false;
  // Data that follows an ignored mark moves forward to what is there already.
  if (data.data() != out_) std::memmove(out_, data.data(), data.size());
  out_ += data.size();
}

void SessionStream::Reader::SessionBroken() {
  if (open_ && !failure_) failure_ = Error(Code::kDataLoss, "the link to the guest has lost bytes");
}

size_t SessionStream::Reader::Decode(std::span<char> buffer) {
  out_ = buffer.data();
  decoder_.Receive(buffer, *this);
  return static_cast<size_t>(out_ - buffer.data());
}

Result<std::unique_ptr<SessionStream>> SessionStream::Open(std::unique_ptr<Stream> stream,
                                                           Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const uint64_t id, RandomId());
  std::unique_ptr<SessionStream> session(new SessionStream(std::move(stream), id));
  VC_RETURN_IF_ERROR(session->WaitForGuest(deadline));
  return session;
}

// Read and Write of a Stream know no deadline, and a port nobody has opened may block both: each gets a
// thread for this while, and this one keeps the time.
Status SessionStream::WaitForGuest(Deadline deadline) {
  std::mutex mutex;
  std::condition_variable changed;
  Status outcome;
  bool answered = false;  // or failed
  int running = 2;
  const auto finish = [&](Status status) {
    const std::lock_guard lock(mutex);
    if (!answered) outcome = std::move(status);
    answered = true;
    --running;
    changed.notify_all();
  };

  VC_ASSIGN_OR_RETURN(std::thread knocking, StartThread([&] {
                        std::string mark;
                        AppendSessionMark(mark, id_);
                        Status written;
                        std::unique_lock lock(mutex);
                        while (!answered && written) {
                          lock.unlock();
                          written = stream_->Write(mark);
                          lock.lock();
                          if (written) changed.wait_for(lock, kMarkInterval, [&] { return answered; });
                        }
                        lock.unlock();
                        finish(std::move(written));
                      }));
  Result<std::thread> listening = StartThread([&] { finish(ListenForGuest()); });
  if (!listening) finish(Fail(listening.error()));

  std::unique_lock lock(mutex);
  const auto over = [&] { return running == 0 || (answered && !outcome); };
  if (deadline.infinite()) {
    changed.wait(lock, over);
  } else if (!changed.wait_until(lock, deadline.time(), over)) {
    outcome = Fail(Code::kDeadlineExceeded, "the guest did not answer on its link");
    answered = true;
    changed.notify_all();
  }
  const bool failed = !outcome;
  lock.unlock();
  if (failed) stream_->Shutdown();
  if (listening) listening->join();
  knocking.join();
  return outcome;
}

Status SessionStream::ListenForGuest() {
  std::array<char, 4096> buffer;
  while (!reader_.open()) {
    VC_ASSIGN_OR_RETURN(const size_t count, stream_->Read(buffer));
    if (count == 0) return Fail(Code::kUnavailable, "the link was closed before the guest answered");
    early_.append(buffer.data(), reader_.Decode(std::span(buffer).first(count)));
  }
  return {};
}

Result<size_t> SessionStream::Read(std::span<char> buffer) {
  if (buffer.empty()) return Fail(Code::kInvalidArgument, "read into an empty buffer");
  if (!early_.empty()) {
    const size_t count = std::min(buffer.size(), early_.size());
    std::copy_n(early_.data(), count, buffer.data());
    early_.erase(0, count);
    return count;
  }
  while (true) {
    // Data that was before what went wrong has been given out by now.
    if (reader_.failure()) return Fail(*reader_.failure());
    VC_ASSIGN_OR_RETURN(const size_t count, stream_->Read(buffer));
    if (count == 0) return 0;
    const size_t decoded = reader_.Decode(buffer.first(count));
    if (decoded > 0) return decoded;
  }
}

Status SessionStream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view chunk = bytes.substr(0, kWriteChunk);
    scratch_.clear();
    AppendSessionData(scratch_, chunk);
    VC_RETURN_IF_ERROR(stream_->Write(scratch_));
    bytes.remove_prefix(chunk.size());
  }
  return {};
}

}  // namespace virtcontainers::link
