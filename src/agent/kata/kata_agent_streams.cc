// The streams and the ends of a guest's processes.

#include <algorithm>
#include <chrono>

#include "agent.pb.h"
#include "agent/kata/kata_calls.h"
#include "guest.pb.h"

namespace virtcontainers {
namespace {

// A stream that ended: older agents answer an error where newer ones answer nothing.
bool IsEndOfStream(const Error& error) { return error.message().find("read meet eof") != std::string::npos; }

// One request's worth of input: far from a frame's 4 MiB, and more than a pipe takes at once.
constexpr size_t kMaxWrite = 256 << 10;

// An agent that is asked for an answer in no time at all is asked how much it has taken.
std::chrono::milliseconds WaitOf(Deadline deadline) {
  constexpr std::chrono::hours kLongest{24 * 365};
  return std::chrono::ceil<std::chrono::milliseconds>(
      std::min<std::chrono::nanoseconds>(deadline.remaining(), kLongest));
}

Error Uncounted() {
  return Error(Code::kUnimplemented,
               "the guest's agent knows only Kata's protocol, which does not report how much of a "
               "process's input has been taken");
}

}  // namespace

Status KataAgent::ResizeTerminal(const ProcessRef& process, uint16_t rows, uint16_t columns,
                                 Deadline deadline) {
  auto request = ForProcess<grpc::TtyWinResizeRequest>(process);
  request.set_row(rows);
  request.set_column(columns);
  Status resized = Done(Call("TtyWinResize", request, deadline));
  // Agents say Unavailable of a process without a terminal; so does a link that is broken.
  const auto to = client();
  if (!resized && resized.error().code() == Code::kUnavailable && to && !(*to)->closed()) {
    return Fail(Code::kFailedPrecondition, "the process has no terminal");
  }
  return resized;
}

void KataAgent::AcknowledgeExits(const std::vector<ProcessRef>& processes) {
  const auto to = client();
  if (!to) return;
  wire::AcknowledgeExitsRequest request;
  for (const ProcessRef& process : processes) {
    wire::AcknowledgeExitsRequest::Process& entry = *request.add_processes();
    entry.set_container_id(process.container);
    entry.set_exec_id(process.exec);
  }
  (*to)->CallAsync(kGuestService, "AcknowledgeExits", request.SerializeAsString(), {},
                   [](const Result<std::string>&) {});
}

void KataAgent::WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) {
  const auto to = client();
  if (!to) return done(Fail(to.error()));
  (*to)->CallAsync(kAgentService, "WaitProcess",
                   ForProcess<grpc::WaitProcessRequest>(process).SerializeAsString(), {},
                   [done = std::move(done)](Result<std::string> payload) {
                     const auto answer = Parse<grpc::WaitProcessResponse>(std::move(payload));
                     if (!answer) return done(Fail(answer.error()));
                     if (answer->status() < 0 || answer->status() > 255) {
                       return done(Fail(Code::kInternal, "the agent answered exit status " +
                                                             std::to_string(answer->status())));
                     }
                     done(ExitStatus{answer->status()});
                   });
}

void KataAgent::ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                           Callback<std::string> done) {
  const auto to = client();
  if (!to) return done(Fail(to.error()));
  size = std::max(size, 1u);
  auto request = ForProcess<grpc::ReadStreamRequest>(process);
  request.set_len(size);
  (*to)->CallAsync(kAgentService, stream == OutputStream::kStdout ? "ReadStdout" : "ReadStderr",
                   request.SerializeAsString(), {},
                   [done = std::move(done), size](Result<std::string> payload) {
                     auto answer = Parse<grpc::ReadStreamResponse>(std::move(payload));
                     if (!answer && IsEndOfStream(answer.error())) return done(std::string());
                     if (!answer) return done(Fail(answer.error()));
                     if (answer->data().size() > size) {
                       return done(Fail(Code::kInternal, "the agent sent more output than it was asked for"));
                     }
                     done(std::move(*answer->mutable_data()));
                   });
}

void KataAgent::ReadOutputFrom(const ProcessRef& process, OutputStream stream, const OutputRange& range,
                               Callback<OutputPiece> done) {
  const auto to = client();
  if (!to) return done(Fail(to.error()));
  const uint32_t size = std::max(range.size, 1u);
  {
    std::unique_lock lock(mutex_);
    if (plain_) {
      lock.unlock();
      return ReadPlain(process, stream, range.offset, size, std::move(done));
    }
  }
  auto request = ForProcess<wire::ReadOutputRequest>(process);
  request.set_stderr(stream == OutputStream::kStderr);
  if (range.offset) request.set_offset(*range.offset);
  request.set_acknowledged(range.acknowledged);
  request.set_size(size);
  (*to)->CallAsync(
      kGuestService, "ReadOutput", request.SerializeAsString(), {},
      [this, process, stream, size, wanted = range.offset,
       done = std::move(done)](Result<std::string> payload) {
        auto answer = Parse<wire::ReadOutputResponse>(std::move(payload));
        if (!answer && answer.error().code() == Code::kUnimplemented) {
          {
            const std::lock_guard lock(mutex_);
            plain_ = true;
          }
          return ReadPlain(process, stream, wanted, size, done);
        }
        if (!answer) return done(Fail(answer.error()));
        if (answer->data().size() > size) {
          return done(Fail(Code::kInternal, "the agent sent more output than it was asked for"));
        }
        if (wanted && !answer->data().empty() && answer->offset() != *wanted) {
          return done(
              Fail(Code::kInternal, "the agent sent output from byte " + std::to_string(answer->offset()) +
                                        " on, and was asked for that from " + std::to_string(*wanted)));
        }
        done(OutputPiece{answer->offset(), std::move(*answer->mutable_data())});
      });
}

void KataAgent::ReadPlain(const ProcessRef& process, OutputStream stream, std::optional<uint64_t> from,
                          uint32_t size, Callback<OutputPiece> done) {
  ReadOutput(
      process, stream, size, [this, process, stream, from, done = std::move(done)](Result<std::string> data) {
        if (!data) return done(Fail(data.error()));
        OutputPiece piece;
        {
          const std::lock_guard lock(mutex_);
          uint64_t& counted =
              counted_.try_emplace({process.container, process.exec, stream}, from.value_or(0)).first->second;
          piece.offset = counted;
          counted += data->size();
        }
        piece.data = std::move(*data);
        done(std::move(piece));
      });
}

KataAgent::Counting KataAgent::counting() const {
  const std::lock_guard lock(mutex_);
  return counting_;
}

void KataAgent::SetCounting(Counting counting) {
  const std::lock_guard lock(mutex_);
  counting_ = counting;
}

void KataAgent::WriteStdin(const ProcessRef& process, const InputPosition& position, std::string data,
                           Deadline deadline, Callback<InputTaken> done) {
  const auto to = client();
  if (!to) return done(Fail(to.error()));
  if (data.empty() && position.writer.empty()) return done(InputTaken{position.offset});
  data.resize(std::min(data.size(), kMaxWrite));
  const Counting counting = this->counting();
  if (counting == Counting::kNone) return WritePlain(process, position, std::move(data), deadline, done);
  auto request = ForProcess<wire::WriteInputRequest>(process);
  request.set_writer(position.writer);
  request.set_offset(position.offset);
  request.set_again(position.again);
  request.set_data(data);
  if (!deadline.infinite()) request.set_wait_ms(static_cast<uint64_t>(WaitOf(deadline).count()));
  // Until the agent has answered this once, the data may have to be sent again in the other way.
  if (counting == Counting::kOwn) data.clear();
  (*to)->CallAsync(kGuestService, "WriteInput", request.SerializeAsString(), {},
                   [this, process, position, data = std::move(data), deadline,
                    done = std::move(done)](Result<std::string> payload) mutable {
                     const auto answer = Parse<wire::WriteInputResponse>(std::move(payload));
                     if (!answer && answer.error().code() == Code::kUnimplemented) {
                       SetCounting(Counting::kNone);
                       return WritePlain(process, position, std::move(data), deadline, std::move(done));
                     }
                     if (!answer) return done(Fail(answer.error()));
                     SetCounting(Counting::kOwn);
                     if (answer->taken() < position.offset) {
                       return done(Fail(Code::kInternal, "the agent says that it has taken " +
                                                             std::to_string(answer->taken()) +
                                                             " bytes of input, and has said " +
                                                             std::to_string(position.offset) + " before"));
                     }
                     done(InputTaken{answer->taken(), answer->closed()});
                   });
}

void KataAgent::WritePlain(const ProcessRef& process, const InputPosition& position, std::string data,
                           Deadline deadline, Callback<InputTaken> done) {
  if (position.again || data.empty()) return done(Fail(Uncounted()));
  const auto to = client();
  if (!to) return done(Fail(to.error()));
  const size_t size = data.size();
  auto request = ForProcess<grpc::WriteStreamRequest>(process);
  request.set_data(std::move(data));
  const auto timeout = deadline.infinite() ? std::chrono::nanoseconds(0)
                                           : std::max(std::chrono::nanoseconds(1), deadline.remaining());
  (*to)->CallAsync(
      kAgentService, "WriteStdin", request.SerializeAsString(), timeout,
      [size, offset = position.offset, done = std::move(done)](Result<std::string> payload) {
        const auto answer = Parse<grpc::WriteStreamResponse>(std::move(payload));
        if (!answer && answer.error().code() == Code::kFailedPrecondition)
          return done(InputTaken{offset, true});
        if (!answer) return done(Fail(answer.error()));
        // An agent that took nothing would be asked for ever.
        if (answer->len() == 0 || answer->len() > size) {
          return done(Fail(Code::kInternal, "the agent says that it took " + std::to_string(answer->len()) +
                                                " of " + std::to_string(size) + " bytes of input"));
        }
        done(InputTaken{offset + answer->len(), false});
      });
}

Status KataAgent::CloseStdin(const ProcessRef& process, const InputPosition& end, Deadline deadline) {
  if (counting() != Counting::kNone) {
    auto request = ForProcess<wire::CloseInputRequest>(process);
    request.set_writer(end.writer);
    request.set_offset(end.offset);
    request.set_again(end.again);
    Result<std::string> closed = CallOwn("CloseInput", request, "ends of input", deadline);
    if (closed || closed.error().code() != Code::kUnimplemented) return Done(std::move(closed));
    SetCounting(Counting::kNone);
  }
  return Done(Call("CloseStdin", ForProcess<grpc::CloseStdinRequest>(process), deadline));
}

}  // namespace virtcontainers
