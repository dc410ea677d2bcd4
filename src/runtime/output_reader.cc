#include "runtime/output_reader.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/errors.h"
#include "os/thread.h"

namespace virtcontainers {
namespace {

tl::unexpected<Error> NothingInTime(const char* what) { return Fail(Code::kDeadlineExceeded, what); }

}  // namespace

Result<std::unique_ptr<OutputReader>> OutputReader::Start(Source source) {
  std::unique_ptr<OutputReader> reader(new OutputReader(std::move(source)));
  for (const bool from_stderr : {false, true}) {
    VC_RETURN_IF_ERROR(
        reader->StartThread([self = reader.get(), from_stderr] { self->ReadAhead(from_stderr); }));
  }
  return reader;
}

OutputReader::~OutputReader() {
  stop_.request_stop();
  for (std::thread& thread : threads_) thread.join();
}

Status OutputReader::StartThread(std::function<void()> body) {
  VC_ASSIGN_OR_RETURN(std::thread thread, virtcontainers::StartThread(std::move(body)));
  threads_.push_back(std::move(thread));
  return {};
}

void OutputReader::ReadAhead(bool from_stderr) {
  const std::stop_token stop = stop_.get_token();
  const Deadline deadline = Deadline::Infinite().OrStopped(stop);
  Output& output = outputs_[from_stderr ? 1 : 0];
  std::string buffer(kPiece, '\0');
  while (true) {
    Result<size_t> count = source_.read(from_stderr, buffer, deadline);
    std::unique_lock lock(mutex_);
    if (stop.stop_requested()) return;
    output.told = false;
    if (!count) {
      output.error = std::move(count.error());
    } else if (*count == 0) {
      output.ended = true;
    } else {
      output.data.assign(buffer, 0, *count);
      output.arrival = ++arrivals_;
    }
    Changed();
    if (output.ended) return;
    const auto taken = [&] { return output.data.empty() && !output.error; };
    if (!changed_.wait(lock, stop, taken)) return;
  }
}

void OutputReader::AwaitExit() {
  const std::stop_token stop = stop_.get_token();
  const Deadline deadline = Deadline::Infinite().OrStopped(stop);
  while (true) {
    Result<ExitStatus> status = source_.wait(deadline);
    std::unique_lock lock(mutex_);
    if (stop.stop_requested()) return;
    exit_.told = false;
    if (!status) {
      exit_.error = std::move(status.error());
    } else {
      exit_.ended = true;
      exit_status_ = *status;
    }
    Changed();
    if (exit_.ended) return;
    if (!changed_.wait(lock, stop, [&] { return !exit_.error; })) return;
  }
}

void OutputReader::Changed() {
  ++changes_;
  changed_.notify_all();
  bool readable = false;
  for (const Output& output : outputs_) {
    if (!output.data.empty()) readable = true;
    // An output that goes to a log is not read here: who waits for the exit alone is not to be woken by it.
    const bool failed = output.error && output.error->code() != Code::kFailedPrecondition;
    if (failed && !output.told) readable = true;
  }
  const bool ended = outputs_[0].ended && outputs_[1].ended;
  if (ended && !(outputs_[0].told && outputs_[1].told)) readable = true;
  if ((exit_.ended || exit_.error) && !exit_.told) readable = true;
  if (!event_ || readable == readable_) return;
  // An eventfd that counts 0 or 1 takes and gives 8 bytes at once.
  uint64_t count = 1;
  readable_ = readable;
  (void)!(readable ? ::write(event_.get(), &count, sizeof(count))
                   : ::read(event_.get(), &count, sizeof(count)));
}

bool OutputReader::WaitForChange(std::unique_lock<std::mutex>& lock, const Deadline& deadline) {
  const auto changed = [this, seen = changes_] { return changes_ != seen; };
  return deadline.infinite() ? changed_.wait(lock, deadline.token(), changed)
                             : changed_.wait_until(lock, deadline.token(), deadline.time(), changed);
}

std::optional<Error> OutputReader::TakeError(std::initializer_list<Slot*> slots) {
  for (Slot* const slot : slots) {
    if (!slot->error || slot->told) continue;
    slot->told = true;
    Changed();
    return slot->error;
  }
  for (Slot* const slot : slots) {
    if (!slot->error) continue;
    slot->error.reset();
    Changed();
  }
  return {};
}

std::string OutputReader::TakeData(Output& output, size_t size) {
  std::string taken;
  if (output.data.size() <= size) {
    taken = std::exchange(output.data, {});
  } else {
    taken = output.data.substr(0, size);
    output.data.erase(0, size);
  }
  Changed();
  return taken;
}

Result<ProcessOutput> OutputReader::Read(const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  while (true) {
    Output* first = nullptr;
    for (Output& output : outputs_) {
      if (!output.data.empty() && (first == nullptr || output.arrival < first->arrival)) first = &output;
    }
    if (first != nullptr) {
      const auto stream =
          first == &outputs_[0] ? ProcessOutput::Stream::kStdout : ProcessOutput::Stream::kStderr;
      return ProcessOutput{stream, TakeData(*first, kPiece)};
    }
    if (outputs_[0].ended && outputs_[1].ended) {
      for (Output& output : outputs_) output.told = true;
      Changed();
      return ProcessOutput();
    }
    if (std::optional<Error> error = TakeError({&outputs_[0], &outputs_[1]})) return Fail(*std::move(error));
    if (!WaitForChange(lock, deadline)) return NothingInTime("the process said nothing in time");
  }
}

Result<size_t> OutputReader::ReadFrom(bool from_stderr, std::span<char> buffer, const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  Output& output = outputs_[from_stderr ? 1 : 0];
  while (true) {
    if (!output.data.empty()) {
      const std::string data = TakeData(output, buffer.size());
      std::memcpy(buffer.data(), data.data(), data.size());
      return data.size();
    }
    if (output.ended) {
      output.told = true;
      Changed();
      return 0;
    }
    if (std::optional<Error> error = TakeError({&output})) return Fail(*std::move(error));
    if (!WaitForChange(lock, deadline)) return NothingInTime("the process said nothing in time");
  }
}

Result<ExitStatus> OutputReader::Wait(const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (exit_.ended) {
      exit_.told = true;
      Changed();
      return exit_status_;
    }
    if (std::optional<Error> error = TakeError({&exit_})) return Fail(*std::move(error));
    if (!WaitForChange(lock, deadline)) return NothingInTime("the process has not ended in time");
  }
}

Result<int> OutputReader::fd() {
  const std::lock_guard lock(mutex_);
  if (!event_) {
    UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return FailErrno("watch a process: eventfd");
    VC_RETURN_IF_ERROR(StartThread([this] { AwaitExit(); }));
    waits_for_exit_ = true;
    event_ = std::move(event);
    Changed();
  }
  return event_.get();
}

bool OutputReader::waits_for_exit() const {
  const std::lock_guard lock(mutex_);
  return waits_for_exit_;
}

}  // namespace virtcontainers
