#include "runtime/input_writer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/errors.h"
#include "os/random_name.h"
#include "ttrpc/message.h"

namespace virtcontainers {
namespace {

// One frame's worth of input; the guest's pipe takes 64 KiB at a time anyway.
constexpr size_t kMaxPiece = 256 << 10;

// More than anybody waits, and far from where times overflow.
constexpr std::chrono::hours kLongestWait{24 * 365};

// Whether a call that failed so may have been carried out.
bool MayHaveArrived(Code code) {
  return code == Code::kDeadlineExceeded || code == Code::kUnavailable || code == Code::kCancelled ||
         code == Code::kInternal || code == Code::kUnknown;
}

}  // namespace

InputWriter::InputWriter(std::shared_ptr<MonitorLink> monitor, std::string container, std::string exec,
                         std::chrono::nanoseconds answer)
    : monitor_(std::move(monitor)), name_(RandomName()), answer_(answer) {
  process_.set_container(std::move(container));
  process_.set_exec(std::move(exec));
}

Result<InputWriter::Turn> InputWriter::TakeTurn(const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  const auto free = [this] { return !busy_; };
  const bool taken = deadline.infinite()
                         ? turn_ended_.wait(lock, deadline.token(), free)
                         : turn_ended_.wait_until(lock, deadline.token(), deadline.time(), free);
  if (!taken) return Fail(Code::kDeadlineExceeded, "another write to the process is still under way");
  busy_ = true;
  return Turn(this);
}

void InputWriter::EndTurn::operator()(InputWriter* writer) const {
  {
    const std::lock_guard lock(writer->mutex_);
    writer->busy_ = false;
  }
  writer->turn_ended_.notify_one();
}

wire::InputPosition InputWriter::Position(bool again) const {
  wire::InputPosition position;
  position.set_writer(name_);
  position.set_offset(taken_);
  position.set_again(again);
  return position;
}

Result<wire::WriteResponse> InputWriter::Ask(std::string_view piece, Deadline deadline) {
  wire::WriteRequest request;
  *request.mutable_process() = process_;
  request.set_data(std::string(piece));
  const auto payload = [&](bool again) {
    *request.mutable_position() = Position(again || piece.empty());
    if (!deadline.infinite()) {
      const auto left = std::min<std::chrono::nanoseconds>(deadline.remaining(), kLongestWait);
      request.set_wait_ms(static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    }
    return ttrpc::SerializeMessage(request);
  };
  const Deadline patience = deadline.infinite()
                                ? deadline
                                : Deadline::After(deadline.remaining() + answer_).OrStopped(deadline.token());
  const uint64_t most = taken_ + std::max(piece.size(), unanswered_.size());
  const Result<std::string> answer = monitor_->Call("Write", payload, patience);
  if (!answer) {
    if (!piece.empty() && MayHaveArrived(answer.error().code())) unanswered_ = piece;
    return Fail(answer.error());
  }
  VC_ASSIGN_OR_RETURN(auto response, ttrpc::ParseMessage<wire::WriteResponse>(*answer, Code::kInternal));
  if (response.taken() < taken_ || response.taken() > most) {
    return Fail(Code::kInternal, "the guest says that it has taken " + std::to_string(response.taken()) +
                                     " bytes of input, of which between " + std::to_string(taken_) + " and " +
                                     std::to_string(most) + " are possible");
  }
  taken_ = response.taken();
  return response;
}

Status InputWriter::Resolve(Deadline deadline) {
  if (unanswered_.empty()) return {};
  const uint64_t before = taken_;
  const auto answer = Ask({}, deadline);
  if (!answer && answer.error().code() == Code::kUnimplemented) {
    unanswered_.clear();
    return Fail(Code::kUnavailable, Reason::kMonitorDied,
                "the last write to the process may or may not have arrived: " + answer.error().ToString());
  }
  VC_RETURN_IF_ERROR(answer);
  ahead_ = std::exchange(unanswered_, {}).substr(0, taken_ - before);
  return {};
}

size_t InputWriter::Claim(std::string_view data) {
  const size_t size = std::min(data.size(), ahead_.size());
  if (data.substr(0, size) == std::string_view(ahead_).substr(0, size)) {
    ahead_.erase(0, size);
    return size;
  }
  // The caller has given that write up: these are other bytes.
  ahead_.clear();
  return 0;
}

Status InputWriter::Write(std::string_view data, Deadline deadline, size_t* taken) {
  size_t ignored = 0;
  size_t& done = taken != nullptr ? *taken : ignored;
  done = 0;
  if (data.empty()) return {};
  VC_ASSIGN_OR_RETURN(const Turn turn, TakeTurn(deadline));
  VC_RETURN_IF_ERROR(Resolve(deadline));
  done = Claim(data);
  const auto progress = [&] {
    return std::to_string(done) + " of " + std::to_string(data.size()) + " bytes of its input";
  };
  while (done < data.size()) {
    if (deadline.passed()) {
      return Fail(Code::kDeadlineExceeded, "the process has taken " + progress() + " in time");
    }
    const uint64_t before = taken_;
    auto answer = Ask(data.substr(done, kMaxPiece), deadline);
    if (!answer && answer.error().code() == Code::kUnimplemented) {
      return Fail(Code::kUnavailable, Reason::kMonitorDied,
                  "the pod's monitor died during the write, which may or may not have arrived: " +
                      answer.error().ToString());
    }
    if (!answer && !unanswered_.empty())
      answer.error().AddContext("the process has taken at least " + progress());
    VC_RETURN_IF_ERROR(answer);
    done += taken_ - before;
    if (answer->closed() && done < data.size()) {
      return Fail(Code::kFailedPrecondition, Reason::kInputClosed,
                  "the process's input is closed: it has taken " + progress());
    }
    if (taken_ == before && deadline.infinite()) {
      return Fail(Code::kInternal, "the guest took no input, and was to wait until it can");
    }
  }
  return {};
}

Status InputWriter::Close(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const Turn turn, TakeTurn(deadline));
  VC_RETURN_IF_ERROR(Resolve(deadline));
  wire::CloseStdinRequest request;
  *request.mutable_process() = process_;
  const auto payload = [&](bool again) {
    *request.mutable_position() = Position(again);
    return ttrpc::SerializeMessage(request);
  };
  VC_RETURN_IF_ERROR(monitor_->Call("CloseStdin", payload, deadline));
  return {};
}

}  // namespace virtcontainers
