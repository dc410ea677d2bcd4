#include "monitor/agent_streams.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <string>

#include "base/errors.h"

namespace virtcontainers {
namespace {

// What the guest may take for a call about a process that nobody needs any more.
constexpr std::chrono::seconds kLettingGo{5};
// How long one write may wait for the process. It is repeated from where it came to.
constexpr std::chrono::minutes kWriting{1};
constexpr char kWriter[] = "monitor";

// Blocks until a call of the agent that was begun by `begin` has answered. A late answer is dropped.
template <typename T, typename Begin>
Result<T> Await(Deadline deadline, Begin begin) {
  const auto answer = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = answer->get_future();
  begin([answer](Result<T> result) { answer->set_value(std::move(result)); });
  if (deadline.infinite()) return future.get();
  if (future.wait_until(deadline.time()) == std::future_status::ready) return future.get();
  return Fail(Code::kDeadlineExceeded, "the guest's process does not answer");
}

}  // namespace

AgentStreams::~AgentStreams() { agent_->AcknowledgeExits({process_}); }

InputPosition AgentStreams::Position() const { return {.writer = kWriter, .offset = written_}; }

Result<size_t> AgentStreams::ReadStdout(std::span<char> buffer, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::string data,
                      Await<std::string>(deadline, [&](Agent::Callback<std::string> done) {
                        agent_->ReadOutput(process_, OutputStream::kStdout,
                                           static_cast<uint32_t>(buffer.size()), std::move(done));
                      }));
  const size_t count = std::min(data.size(), buffer.size());
  std::copy_n(data.begin(), count, buffer.begin());
  return count;
}

Status AgentStreams::WriteStdin(std::string_view data) {
  bool again = false;
  while (!data.empty()) {
    InputPosition position = Position();
    position.again = again;
    const Result<InputTaken> taken =
        Await<InputTaken>(Deadline::Infinite(), [&](Agent::Callback<InputTaken> done) {
          agent_->WriteStdin(process_, position, std::string(data), Deadline::After(kWriting),
                             std::move(done));
        });
    // A guest that is paused answers later.
    again = !taken && taken.error().code() == Code::kDeadlineExceeded;
    if (again) continue;
    if (!taken) return Fail(taken.error());
    if (taken->closed) {
      return Fail(Code::kFailedPrecondition, Reason::kInputClosed, "the guest's process reads no more");
    }
    const uint64_t count = taken->taken - written_;
    if (taken->taken < written_ || count > data.size()) {
      return Fail(Code::kInternal, "the guest has taken more than was written");
    }
    written_ = taken->taken;
    data.remove_prefix(count);
  }
  return {};
}

void AgentStreams::CloseStdin() {
  (void)agent_->CloseStdin(process_, Position(), Deadline::After(kLettingGo));
}

bool AgentStreams::HasEnded(Deadline deadline) {
  return Await<ExitStatus>(
             deadline,
             [&](Agent::Callback<ExitStatus> done) { agent_->WaitProcess(process_, std::move(done)); })
      .has_value();
}

void AgentStreams::Kill() {
  (void)agent_->SignalProcess(process_, SIGKILL, false, Deadline::After(kLettingGo));
}

}  // namespace virtcontainers
