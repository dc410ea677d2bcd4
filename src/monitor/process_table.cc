#include "monitor/process_table.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"

namespace virtcontainers {
namespace {

// What the agent is asked for at once, at most.
constexpr uint32_t kMaxRead = 256 << 10;
// Streams that are read ahead at a time: what was read for one who goes away is held until the process is
// forgotten.
constexpr long kMaxAhead = 32;

void CallAll(std::vector<std::function<void()>>& calls) {
  for (auto& call : calls) call();
}

}  // namespace

Error ProcessTable::Unknown(const ProcessRef& process) const {
  if (process.exec.empty()) {
    return Error(Code::kNotFound, Reason::kContainerNotRunning,
                 "container " + Quoted(process.container) + " has no process: start it first");
  }
  return Error(Code::kNotFound, Reason::kProcessNotFound, "no process " + Quoted(process.exec));
}

ProcessTable::~ProcessTable() {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    while (!processes_.empty()) Forget(processes_.begin(), calls);
  }
  CallAll(calls);
}

void ProcessTable::Add(const ProcessRef& ref, bool readable, OnExit on_exit) {
  auto process = std::make_shared<Process>();
  process->ref = ref;
  process->readable = readable;
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    const auto earlier = processes_.find(KeyOf(ref));
    if (earlier != processes_.end()) Forget(earlier, calls);
    processes_[KeyOf(ref)] = process;
  }
  CallAll(calls);
  agent_->WaitProcess(ref, [this, process, on_exit = std::move(on_exit)](const Result<ExitStatus>& exit) {
    if (!on_exit) return Ended(process, exit);
    on_exit(exit, [this, process, exit] { Ended(process, exit); });
  });
}

void ProcessTable::Ended(const std::shared_ptr<Process>& process, const Result<ExitStatus>& exit) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    process->exit = exit;
    for (Waiter& waiter : process->waiters) {
      if (!waiter.gone || !waiter.gone()) NoteTold(*process, calls);
      calls.push_back([done = std::move(waiter.done), exit] { done(exit); });
    }
    process->waiters.clear();
    if (!process->ref.exec.empty()) ended_.push_back(process);
    ForgetOldest(calls);
  }
  CallAll(calls);
}

void ProcessTable::ForgetOldest(Calls& calls) {
  while (ended_.size() > kMaxEnded) {
    auto next = std::find_if(ended_.begin(), ended_.end(), [](const std::weak_ptr<Process>& entry) {
      const std::shared_ptr<Process> process = entry.lock();
      return !process || process->told;
    });
    if (next == ended_.end()) next = ended_.begin();
    const std::shared_ptr<Process> oldest = next->lock();
    ended_.erase(next);
    if (!oldest) continue;
    const auto entry = processes_.find(KeyOf(oldest->ref));
    if (entry != processes_.end() && entry->second == oldest) Forget(entry, calls);
  }
}

// A first process's end is written down, and its container's record keeps it.
void ProcessTable::NoteTold(Process& process, Calls& calls) {
  if (process.told || process.ref.exec.empty() || !*process.exit) return;
  process.told = true;
  told_.push_back(process.ref);
  if (told_.size() < kAcknowledged) return;
  calls.push_back([this, told = std::exchange(told_, {})] { agent_->AcknowledgeExits(told); });
}

void ProcessTable::Forget(std::map<Key, std::shared_ptr<Process>>::iterator entry, Calls& calls) {
  const std::shared_ptr<Process> process = entry->second;
  processes_.erase(entry);
  const Error gone(Code::kUnavailable, Reason::kProcessNotFound, "the process has been removed");
  for (Waiter& waiter : process->waiters)
    calls.push_back([done = std::move(waiter.done), gone] { done(Fail(gone)); });
  process->waiters.clear();
  for (Stream& stream : process->streams) {
    for (auto& reader : stream.readers)
      calls.push_back([done = std::move(reader.done), gone] { done(Fail(gone)); });
    stream.readers.clear();
    stream.ended = true;
  }
}

void ProcessTable::Remove(const std::string& container) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    auto entry = processes_.lower_bound(Key(container, ""));
    while (entry != processes_.end() && entry->first.first == container) {
      const auto next = std::next(entry);
      Forget(entry, calls);
      entry = next;
    }
  }
  CallAll(calls);
}

Status ProcessTable::Check(const ProcessRef& process) const {
  const std::lock_guard lock(mutex_);
  if (processes_.count(KeyOf(process)) == 0) return Fail(Unknown(process));
  return {};
}

void ProcessTable::Wait(const ProcessRef& ref, Deadline deadline, Callback<ExitStatus> done,
                        std::function<bool()> gone) {
  Result<ExitStatus> answer;
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    const auto found = processes_.find(KeyOf(ref));
    if (found == processes_.end()) {
      answer = Fail(Unknown(ref));
    } else if (found->second->exit) {
      answer = *found->second->exit;
      NoteTold(*found->second, calls);
    } else {
      found->second->waiters.push_back({deadline, std::move(done), std::move(gone)});
      return;
    }
  }
  done(std::move(answer));
  CallAll(calls);
}

void ProcessTable::Acknowledge(Stream& stream, std::optional<uint64_t> acknowledged) {
  if (!stream.next) {
    // A reader of the monitor before this one: it knows where to go on.
    stream.next = acknowledged;
    stream.acknowledged = acknowledged.value_or(0);
    return;
  }
  // Who asks for the first time is not who was answered before; that one has gone, or will say so itself.
  stream.acknowledged =
      std::max(stream.acknowledged, std::min(acknowledged.value_or(*stream.next), *stream.next));
}

OutputRange ProcessTable::Range(const Stream& stream, uint32_t size) {
  OutputRange range{.offset = stream.next, .acknowledged = stream.acknowledged, .size = size};
  if (range.offset) *range.offset += stream.pending.size();
  return range;
}

void ProcessTable::Read(const ProcessRef& ref, OutputStream which, uint32_t size, Deadline deadline,
                        Callback<OutputPiece> done, std::function<bool()> gone,
                        std::optional<uint64_t> acknowledged) {
  Calls calls;
  std::shared_ptr<Process> process;
  uint32_t fetch = 0;
  OutputRange range;
  {
    const std::lock_guard lock(mutex_);
    const auto found = processes_.find(KeyOf(ref));
    if (found == processes_.end()) {
      calls.push_back([&] { done(Fail(Unknown(ref))); });
    } else if (!found->second->readable) {
      calls.push_back([&] {
        done(Fail(Code::kFailedPrecondition,
                  "the output of container " + Quoted(ref.container) +
                      " goes to its log: read that, or create it with attached output"));
      });
    } else {
      process = found->second;
      Stream& stream = process->streams[static_cast<int>(which)];
      Acknowledge(stream, acknowledged);
      stream.readers.push_back({std::clamp(size, 1u, kMaxRead), deadline, std::move(done), std::move(gone)});
      fetch = Serve(stream, calls);
      range = Range(stream, fetch);
    }
  }
  CallAll(calls);
  if (fetch > 0) Fetch(process, which, range);
}

uint32_t ProcessTable::Serve(Stream& stream, Calls& calls) {
  while (!stream.readers.empty()) {
    if (stream.readers.front().gone && stream.readers.front().gone()) {
      stream.readers.pop_front();
      continue;
    }
    if (stream.pending.empty() && !stream.ended && !stream.error) break;
    Reader reader = std::move(stream.readers.front());
    stream.readers.pop_front();
    if (!stream.pending.empty()) {
      stream.followed = true;
      OutputPiece piece{*stream.next, stream.pending.substr(0, reader.size)};
      stream.pending.erase(0, piece.data.size());
      *stream.next += piece.data.size();
      calls.push_back([done = std::move(reader.done), piece = std::move(piece)] { done(piece); });
    } else if (stream.error) {
      calls.push_back([done = std::move(reader.done), error = *stream.error] { done(Fail(error)); });
    } else {
      calls.push_back([done = std::move(reader.done), at = stream.next.value_or(0)] {
        done(OutputPiece{at, ""});
      });
    }
  }
  if (stream.reading || stream.ended || stream.error || !stream.pending.empty()) return 0;
  stream.ahead.reset();
  if (!stream.readers.empty()) {
    stream.reading = true;
    return stream.readers.front().size;
  }
  // Who has read will read on: the guest is asked while the reader is still busy with what it got.
  if (!stream.followed || ahead_.use_count() > kMaxAhead) return 0;
  stream.ahead = ahead_;
  stream.reading = true;
  return kMaxRead;
}

void ProcessTable::Take(Stream& stream, const Result<OutputPiece>& piece, Calls& calls) {
  stream.reading = false;
  if (!piece && piece.error().code() == Code::kOutOfRange && !stream.readers.empty()) {
    // Who said that it had come so far was wrong, and nobody else is.
    calls.push_back(
        [done = std::move(stream.readers.front().done), error = piece.error()] { done(Fail(error)); });
    stream.readers.pop_front();
    if (stream.pending.empty()) stream.next.reset();
    stream.acknowledged = 0;
  } else if (!piece) {
    stream.error = piece.error();
  } else if (piece->data.empty()) {
    stream.ended = true;
  } else {
    if (!stream.next) stream.next = piece->offset;
    // A second reader may have said where it is while the first was asking for what there is.
    const uint64_t expected = *stream.next + stream.pending.size();
    if (piece->offset <= expected && expected - piece->offset <= piece->data.size()) {
      stream.pending += piece->data.substr(expected - piece->offset);
    } else {
      stream.error = Error(Code::kInternal, "the guest's output has a gap");
    }
  }
}

void ProcessTable::Fetch(const std::shared_ptr<Process>& process, OutputStream which,
                         const OutputRange& range) {
  agent_->ReadOutputFrom(process->ref, which, range,
                         [this, process, which](const Result<OutputPiece>& piece) {
                           Calls calls;
                           uint32_t more = 0;
                           OutputRange next;
                           {
                             const std::lock_guard lock(mutex_);
                             Stream& stream = process->streams[static_cast<int>(which)];
                             Take(stream, piece, calls);
                             more = Serve(stream, calls);
                             next = Range(stream, more);
                           }
                           CallAll(calls);
                           if (more > 0) Fetch(process, which, next);
                         });
}

Deadline ProcessTable::Expire() {
  Calls calls;
  Deadline next = Deadline::Infinite();
  // Takes those whose deadline has passed out of `entries`.
  const auto expire = [&](auto& entries, const char* what) {
    std::erase_if(entries, [&](auto& entry) {
      if (!entry.deadline.passed()) {
        next = Min(next, entry.deadline);
        return false;
      }
      calls.push_back([done = std::move(entry.done), what] { done(Fail(Code::kDeadlineExceeded, what)); });
      return true;
    });
  };
  {
    const std::lock_guard lock(mutex_);
    for (auto& [key, process] : processes_) {
      for (Stream& stream : process->streams) expire(stream.readers, "the process said nothing in time");
      expire(process->waiters, "the process has not ended in time");
    }
  }
  CallAll(calls);
  return next;
}

}  // namespace virtcontainers
