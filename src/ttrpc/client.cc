#include "ttrpc/client.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "ttrpc/client_connection.h"

namespace virtcontainers::ttrpc {
namespace {

// Frames are joined up to this size, so that many small calls cost one write.
constexpr size_t kWriteBatch = 64 << 10;

Error NoAnswer(std::string_view service, std::string_view method) {
  return Error(
      Code::kDeadlineExceeded,
      "no answer to " + Quoted(std::string(service) + "/" + std::string(method)) + " before the deadline");
}

}  // namespace

// Each thread keeps it alive, so that a client can be destroyed by a callback.
class Client::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(std::unique_ptr<Stream> stream, Options options)
      : stream_(std::move(stream)), options_(std::move(options)) {}

  void Run();
  void Join();

  // The stream id; or why the call was not sent, and then `callback` was not moved from. With `on_time`, the
  // callback is told that error when the timeout has passed.
  Result<uint32_t> Send(std::string_view service, std::string_view method, std::string payload,
                        std::chrono::nanoseconds timeout, Callback& callback, std::optional<Error> on_time);

  // The callback of a call that is closed unanswered; nothing if it was over already.
  Callback Forget(uint32_t stream_id);

  void Close(Error reason);
  bool closed() const;
  uint64_t ignored_frames() const;

 private:
  struct Timer {
    uint32_t stream_id;
    Error error;
  };
  using Timers = std::multimap<Deadline::Clock::time_point, Timer>;

  void Read();
  void Write();
  void KeepTime();
  Status StartThread(std::thread& thread, void (Impl::*body)());
  void RemoveUnsent(uint32_t stream_id);
  void RemoveTimer(uint32_t stream_id);
  void Finish(Error reason);
  static void RunAll(std::vector<ClientConnection::Completion> completions);

  const std::unique_ptr<Stream> stream_;
  const Options options_;

  mutable std::mutex mutex_;
  std::condition_variable unsent_changed_;
  std::condition_variable timers_changed_;
  ClientConnection connection_;
  std::deque<ClientConnection::Request> unsent_;
  size_t unsent_bytes_ = 0;  // with those that the writer has in hand
  Timers timers_;
  std::unordered_map<uint32_t, Timers::iterator> timer_of_;
  std::optional<Error> closing_;  // why, from the moment that the end was decided on
  std::thread reader_;
  std::thread writer_;
  std::thread timer_;
};

Status Client::Impl::StartThread(std::thread& thread, void (Impl::*body)()) {
  try {
    thread = std::thread([self = shared_from_this(), body] { (self.get()->*body)(); });
  } catch (const std::system_error& e) {
    return Fail(Code::kResourceExhausted, std::string("start a thread: ") + e.what());
  }
  return {};
}

void Client::Impl::Run() {
  Status started;
  bool reading = false;
  {
    const std::lock_guard lock(mutex_);
    started = StartThread(reader_, &Impl::Read);
    reading = started.has_value();
    if (started) started = StartThread(writer_, &Impl::Write);
  }
  if (started) return;
  Close(started.error());
  if (!reading) Finish(started.error());
}

void Client::Impl::Join() {
  // Nobody starts a thread once the end has been decided on.
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.push_back(std::move(reader_));
    threads.push_back(std::move(writer_));
    threads.push_back(std::move(timer_));
  }
  for (std::thread& thread : threads) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else if (thread.joinable()) {
      thread.join();
    }
  }
}

Result<uint32_t> Client::Impl::Send(std::string_view service, std::string_view method, std::string payload,
                                    std::chrono::nanoseconds timeout, Callback& callback,
                                    std::optional<Error> on_time) {
  const std::lock_guard lock(mutex_);
  if (closing_) return Fail(*closing_);
  if (unsent_bytes_ + payload.size() > options_.unsent_bytes) {
    return Fail(Code::kResourceExhausted,
                "the peer leaves " + std::to_string(unsent_bytes_) + " bytes of requests unread");
  }
  if (on_time && !timer_.joinable()) VC_RETURN_IF_ERROR(StartThread(timer_, &Impl::KeepTime));
  VC_ASSIGN_OR_RETURN(ClientConnection::Request request,
                      connection_.Start(service, method, std::move(payload), timeout, std::move(callback)));
  const uint32_t id = request.stream_id;
  if (on_time) {
    const auto timer = timers_.emplace(Deadline::After(timeout).time(), Timer{id, std::move(*on_time)});
    timer_of_.emplace(id, timer);
    timers_changed_.notify_one();
  }
  unsent_bytes_ += request.frame.size();
  unsent_.push_back(std::move(request));
  unsent_changed_.notify_one();
  return id;
}

Client::Callback Client::Impl::Forget(uint32_t stream_id) {
  const std::lock_guard lock(mutex_);
  RemoveUnsent(stream_id);
  return connection_.Forget(stream_id);
}

void Client::Impl::RemoveUnsent(uint32_t stream_id) {
  // Ids grow along the queue.
  const auto found =
      std::lower_bound(unsent_.begin(), unsent_.end(), stream_id,
                       [](const auto& request, uint32_t id) { return request.stream_id < id; });
  if (found == unsent_.end() || found->stream_id != stream_id) return;
  unsent_bytes_ -= found->frame.size();
  unsent_.erase(found);
}

void Client::Impl::RemoveTimer(uint32_t stream_id) {
  const auto found = timer_of_.find(stream_id);
  if (found == timer_of_.end()) return;
  timers_.erase(found->second);
  timer_of_.erase(found);
}

void Client::Impl::Close(Error reason) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = std::move(reason);
    unsent_changed_.notify_all();
    timers_changed_.notify_all();
  }
  // The reader's Read returns, and it tells every call.
  stream_->Shutdown();
}

bool Client::Impl::closed() const {
  const std::lock_guard lock(mutex_);
  return closing_.has_value();
}

uint64_t Client::Impl::ignored_frames() const {
  const std::lock_guard lock(mutex_);
  return connection_.ignored_frames();
}

void Client::Impl::RunAll(std::vector<ClientConnection::Completion> completions) {
  for (auto& completion : completions) completion.Run();
}

void Client::Impl::Read() {
  std::vector<char> buffer(kReadBuffer);
  std::optional<Error> failure;
  while (!failure) {
    const Result<size_t> count = stream_->Read(buffer);
    std::vector<ClientConnection::Completion> completions;
    if (!count) {
      failure = Error(Code::kUnavailable, "the connection is broken: " + count.error().ToString());
    } else if (*count == 0) {
      failure = Error(Code::kUnavailable, "the peer closed the connection");
    } else {
      const std::lock_guard lock(mutex_);
      connection_.Receive({buffer.data(), *count}, completions);
      for (const auto& completion : completions) RemoveTimer(completion.stream_id);
      failure = connection_.failure();
    }
    RunAll(std::move(completions));
  }

  Close(*failure);
  Finish(*std::move(failure));
}

void Client::Impl::Finish(Error reason) {
  std::vector<ClientConnection::Completion> completions;
  {
    const std::lock_guard lock(mutex_);
    // Why the end was decided on, not how the reader came to know.
    if (closing_) reason = *closing_;
    connection_.Fail(reason, completions);
    unsent_.clear();
    timers_.clear();
    timer_of_.clear();
  }
  RunAll(std::move(completions));
  if (options_.on_close) options_.on_close(reason);
}

void Client::Impl::Write() {
  std::unique_lock lock(mutex_);
  while (true) {
    unsent_changed_.wait(lock, [&] { return closing_ || !unsent_.empty(); });
    if (closing_) return;
    std::string batch = std::move(unsent_.front().frame);
    unsent_.pop_front();
    while (!unsent_.empty() && batch.size() + unsent_.front().frame.size() <= kWriteBatch) {
      batch += unsent_.front().frame;
      unsent_.pop_front();
    }
    lock.unlock();
    const Status written = stream_->Write(batch);
    if (!written) {
      return Close(Error(Code::kUnavailable, "the connection is broken: " + written.error().ToString()));
    }
    lock.lock();
    unsent_bytes_ -= batch.size();
  }
}

void Client::Impl::KeepTime() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    if (timers_.empty()) {
      timers_changed_.wait(lock);
      continue;
    }
    if (const auto next = timers_.begin()->first; next > Deadline::Clock::now()) {
      timers_changed_.wait_until(lock, next);
      continue;
    }
    Timer timer = std::move(timers_.begin()->second);
    RemoveTimer(timer.stream_id);
    RemoveUnsent(timer.stream_id);
    if (Callback callback = connection_.Forget(timer.stream_id)) {
      lock.unlock();
      callback(Fail(std::move(timer.error)));
      callback = nullptr;
      lock.lock();
    }
  }
}

Client::Client(std::unique_ptr<Stream> stream) : Client(std::move(stream), Options()) {}

Client::Client(std::unique_ptr<Stream> stream, Options options)
    : impl_(std::make_shared<Impl>(std::move(stream), std::move(options))) {
  impl_->Run();
}

Client::~Client() {
  Close();
  impl_->Join();
}

Result<std::string> Client::Call(std::string_view service, std::string_view method, std::string payload,
                                 Deadline deadline) {
  if (deadline.passed()) return Fail(NoAnswer(service, method));
  // Outlives this call if the answer is on its way to the callback when the deadline passes.
  struct Waiter {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Result<std::string>> answer;
  };
  const auto waiter = std::make_shared<Waiter>();
  const std::stop_callback wake(deadline.token(), [waiter] {
    const std::lock_guard lock(waiter->mutex);
    waiter->answered.notify_one();
  });
  // 0 would be for ever.
  const auto timeout = deadline.infinite() ? std::chrono::nanoseconds(0)
                                           : std::max(std::chrono::nanoseconds(1), deadline.remaining());
  Callback callback = [waiter](Result<std::string> answer) {
    const std::lock_guard lock(waiter->mutex);
    waiter->answer = std::move(answer);
    waiter->answered.notify_one();
  };
  VC_ASSIGN_OR_RETURN(const uint32_t id,
                      impl_->Send(service, method, std::move(payload), timeout, callback, std::nullopt));
  std::unique_lock lock(waiter->mutex);
  const auto done = [&] { return waiter->answer || deadline.cancelled(); };
  if (deadline.infinite()) {
    waiter->answered.wait(lock, done);
  } else {
    waiter->answered.wait_until(lock, deadline.time(), done);
  }
  if (!waiter->answer) {
    lock.unlock();
    impl_->Forget(id);
    return Fail(NoAnswer(service, method));
  }
  return *std::move(waiter->answer);
}

void Client::CallAsync(std::string_view service, std::string_view method, std::string payload,
                       std::chrono::nanoseconds timeout, Callback callback) {
  std::optional<Error> on_time;
  if (timeout.count() > 0 && !Deadline::After(timeout).infinite()) on_time = NoAnswer(service, method);
  timeout = std::max(std::chrono::nanoseconds(0), timeout);
  const Result<uint32_t> id =
      impl_->Send(service, method, std::move(payload), timeout, callback, std::move(on_time));
  if (!id) callback(Fail(id.error()));
}

void Client::Close() { impl_->Close(Error(Code::kUnavailable, "the connection was closed on this side")); }

bool Client::closed() const { return impl_->closed(); }

uint64_t Client::ignored_frames() const { return impl_->ignored_frames(); }

}  // namespace virtcontainers::ttrpc
