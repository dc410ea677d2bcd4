#include "ttrpc/served_connection.h"

#include <system_error>
#include <thread>
#include <utility>

#include "base/errors.h"

namespace virtcontainers::ttrpc {

ServedConnection::ServedConnection(std::unique_ptr<Stream> stream, Handler& handler,
                                   const ServerLimits& limits)
    : stream_(std::move(stream)),
      handler_(handler),
      connection_([this](ServerCall call) { received_.push_back(std::move(call)); }, limits) {}

void ServedConnection::Run() {
  std::thread writer;
  try {
    writer = std::thread([this] { Write(); });
  } catch (const std::system_error&) {
    // Out of threads: the client sees the connection closed.
    return Close();
  }
  Read();
  Close();
  writer.join();
}

void ServedConnection::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    output_changed_.notify_all();
  }
  stream_->Shutdown();
}

void ServedConnection::Respond(uint32_t stream_id, Result<std::string> answer) {
  bool failed = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    connection_.Respond(stream_id, std::move(answer));
    failed = connection_.failure().has_value();
    output_changed_.notify_all();
  }
  // The writer cannot: it waits for the peer.
  if (failed) Close();
}

void ServedConnection::ReleasePayload(uint32_t stream_id) {
  const std::lock_guard lock(mutex_);
  connection_.ReleasePayload(stream_id);
}

void ServedConnection::Read() {
  std::vector<char> buffer(kReadBuffer);
  while (true) {
    const Result<size_t> count = stream_->Read(buffer);
    if (!count || *count == 0) return;
    std::vector<ServerCall> calls;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      connection_.Receive({buffer.data(), *count});
      // Its answers to what it refused may be the ones too many.
      if (connection_.failure()) return;
      calls.swap(received_);
      output_changed_.notify_all();
    }
    for (ServerCall& call : calls) {
      handler_.Handle({std::move(call.service), std::move(call.method), std::move(call.payload),
                       call.timeout.count() > 0 ? Deadline::After(call.timeout) : Deadline::Infinite()},
                      Responder(weak_from_this(), call.stream_id));
    }
  }
}

void ServedConnection::Write() {
  std::unique_lock lock(mutex_);
  while (true) {
    output_changed_.wait(lock, [&] { return closed_ || !connection_.Output().empty(); });
    if (closed_) return;
    const std::string output = connection_.TakeOutput();
    lock.unlock();
    const Status written = stream_->Write(output);
    lock.lock();
    if (!written) break;
  }
  lock.unlock();
  Close();
}

}  // namespace virtcontainers::ttrpc
