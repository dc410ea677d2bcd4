#include "runtime/remote_process.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/errors.h"
#include "monitor.pb.h"
#include "pod/validate.h"
#include "ttrpc/message.h"

namespace virtcontainers {
namespace {

// More than anybody waits, and far from where times overflow.
constexpr std::chrono::hours kLongest{24 * 365};

// How long a read that may be cancelled goes on after its token has been stopped.
constexpr std::chrono::milliseconds kSlice{100};

template <typename Request>
void Name(Request& request, const std::string& container, const std::string& exec) {
  request.mutable_process()->set_container(container);
  request.mutable_process()->set_exec(exec);
}

}  // namespace

Result<size_t> RemoteProcess::Read(bool from_stderr, std::span<char> buffer, const Deadline& deadline) {
  if (buffer.empty()) return Fail(Code::kInvalidArgument, "the buffer to read into is empty");
  if (OutputReader* const reader = Reader()) {
    return OrCancelled(deadline, reader->ReadFrom(from_stderr, buffer, deadline));
  }
  // The monitor keeps the time, and so keeps what comes too late. ttRPC cannot take a call back: a read that
  // may be cancelled is made of short ones.
  const bool sliced = deadline.token().stop_possible();
  while (true) {
    const Deadline slice = sliced ? Min(Deadline::After(kSlice), deadline) : deadline;
    Result<size_t> count = ReadOnce(from_stderr, buffer, slice.OrStopped({}));
    const bool late = !count && count.error().code() == Code::kDeadlineExceeded;
    if (!late || deadline.passed()) return OrCancelled(deadline, std::move(count));
  }
}

Result<size_t> RemoteProcess::ReadOnce(bool from_stderr, std::span<char> buffer, const Deadline& deadline) {
  wire::ReadRequest request;
  Name(request, container_, exec_);
  request.set_stderr(from_stderr);
  request.set_size(static_cast<uint32_t>(std::min<size_t>(buffer.size(), 1 << 20)));
  Deadline patience = Deadline::Infinite().OrStopped(deadline.token());
  if (!deadline.infinite()) {
    const auto remaining = std::min<std::chrono::nanoseconds>(deadline.remaining(), kLongest);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(remaining);
    request.set_timeout_ms(static_cast<uint64_t>(std::max<int64_t>(1, left.count())));
    // This end only gives up on a monitor that is stuck.
    patience = Min(patience, Deadline::After(remaining + std::chrono::seconds(10)));
  }
  Position& position = positions_[from_stderr ? 1 : 0];
  {
    const std::lock_guard lock(position.mutex);
    if (position.next) request.set_acknowledged(*position.next);
  }
  VC_ASSIGN_OR_RETURN(const std::string payload,
                      monitor_->Call("Read", ttrpc::SerializeMessage(request), patience, Again::kYes));
  VC_ASSIGN_OR_RETURN(const auto answer, ttrpc::ParseMessage<wire::ReadResponse>(payload, Code::kInternal));
  if (answer.data().size() > buffer.size())
    return Fail(Code::kInternal, "the monitor sent more than it was asked for");
  std::memcpy(buffer.data(), answer.data().data(), answer.data().size());
  if (!answer.data().empty()) {
    const std::lock_guard lock(position.mutex);
    position.next = std::max(position.next.value_or(0), answer.offset() + answer.data().size());
  }
  return answer.data().size();
}

Result<size_t> RemoteProcess::ReadStdout(std::span<char> buffer, Deadline deadline) {
  return Read(false, buffer, deadline);
}

Result<size_t> RemoteProcess::ReadStderr(std::span<char> buffer, Deadline deadline) {
  return Read(true, buffer, deadline);
}

OutputReader* RemoteProcess::Reader() const {
  const std::lock_guard lock(reader_mutex_);
  return reader_.get();
}

Result<OutputReader*> RemoteProcess::StartReader() {
  const std::lock_guard lock(reader_mutex_);
  if (!reader_) {
    // A call of the reader's that is cut short loses its answer. That happens only when the handle goes, and
    // its connection with it: the monitor keeps what it has not sent by then.
    VC_ASSIGN_OR_RETURN(
        reader_,
        OutputReader::Start(
            {.read = [this](bool from_stderr, std::span<char> buffer,
                            const Deadline& deadline) { return ReadOnce(from_stderr, buffer, deadline); },
             .wait = [this](const Deadline& deadline) { return WaitForExit(deadline); }}));
  }
  return reader_.get();
}

Result<ProcessOutput> RemoteProcess::ReadOutput(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(OutputReader* const reader, StartReader());
  return OrCancelled(deadline, reader->Read(deadline));
}

Result<int> RemoteProcess::fd() {
  VC_ASSIGN_OR_RETURN(OutputReader* const reader, StartReader());
  return reader->fd();
}

Result<ExitStatus> RemoteProcess::Wait(Deadline deadline) {
  OutputReader* const reader = Reader();
  const bool awaited = reader != nullptr && reader->waits_for_exit();
  return OrCancelled(deadline, awaited ? reader->Wait(deadline) : WaitForExit(deadline));
}

Result<ExitStatus> RemoteProcess::WaitForExit(const Deadline& deadline) {
  wire::ProcessRequest request;
  request.set_container(container_);
  request.set_exec(exec_);
  VC_ASSIGN_OR_RETURN(const std::string payload,
                      monitor_->Call("Wait", ttrpc::SerializeMessage(request), deadline, Again::kYes));
  VC_ASSIGN_OR_RETURN(const auto answer, ttrpc::ParseMessage<wire::WaitResponse>(payload, Code::kInternal));
  return ExitStatus{answer.code()};
}

Status RemoteProcess::Signal(int signal, Deadline deadline) {
  VC_RETURN_IF_ERROR(ValidateSignal(signal));
  wire::SignalRequest request;
  Name(request, container_, exec_);
  request.set_signal(static_cast<uint32_t>(signal));
  VC_RETURN_IF_ERROR(OrCancelled(
      deadline, monitor_->Call("Signal", ttrpc::SerializeMessage(request), deadline, Again::kNo)));
  return {};
}

Status RemoteProcess::Resize(uint16_t rows, uint16_t columns, Deadline deadline) {
  wire::ResizeRequest request;
  Name(request, container_, exec_);
  request.set_rows(rows);
  request.set_columns(columns);
  VC_RETURN_IF_ERROR(OrCancelled(
      deadline, monitor_->Call("Resize", ttrpc::SerializeMessage(request), deadline, Again::kYes)));
  return {};
}

}  // namespace virtcontainers
