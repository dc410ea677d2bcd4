// The streams and the ends of the noop agent's processes.

#include <algorithm>
#include <utility>

#include "agent/noop/noop_agent.h"
#include "base/errors.h"

namespace virtcontainers {

void NoopAgent::WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) {
  Result<ExitStatus> answer;
  {
    const std::lock_guard lock(mutex_);
    const Result<Process*> found = Find(process);
    if (!found) {
      answer = Fail(found.error());
    } else if ((*found)->exit) {
      answer = *(*found)->exit;
    } else {
      (*found)->waiters.push_back(std::move(done));
      return;
    }
  }
  done(std::move(answer));
}

void NoopAgent::ReadOutput(const ProcessRef& process, OutputStream stream, uint32_t size,
                           Callback<std::string> done) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    const Result<Process*> found = Find(process);
    if (!found) {
      calls.push_back([done, error = found.error()] { done(Fail(error)); });
    } else {
      (*found)->readers[static_cast<int>(stream)].push_back(
          {std::max(size, 1u), {}, [done = std::move(done)](const Result<OutputPiece>& piece) {
             done(piece.map([](const OutputPiece& got) { return got.data; }));
           }});
      Feed(**found, calls);
    }
  }
  CallAll(calls);
}

void NoopAgent::ReadOutputFrom(const ProcessRef& process, OutputStream stream, const OutputRange& range,
                               Callback<OutputPiece> done) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    const Result<Process*> found = Find(process);
    Status legal;
    if (!found) {
      legal = Fail(found.error());
    } else {
      Process& reading = **found;
      const uint64_t end = stream == OutputStream::kStdout ? reading.out_base + reading.out.size() : 0;
      uint64_t& base = stream == OutputStream::kStdout ? reading.out_base : reading.err_base;
      const uint64_t from = range.offset.value_or(std::max(base, range.acknowledged));
      if (range.acknowledged > end || from < base || from > end) {
        legal = Fail(Code::kOutOfRange,
                     "the bytes from " + std::to_string(base) + " to " + std::to_string(end) + " are there");
      } else {
        if (range.acknowledged > base) {
          reading.out.erase(0, range.acknowledged - base);
          base = range.acknowledged;
        }
        reading.readers[static_cast<int>(stream)].push_back({std::max(range.size, 1u), from, done});
        Feed(reading, calls);
      }
    }
    if (!legal) calls.push_back([done, error = legal.error()] { done(Fail(error)); });
  }
  CallAll(calls);
}

Status NoopAgent::CheckPosition(const Process& process, const InputPosition& position) {
  if (position.writer.empty()) return {};
  const auto known = process.writers.find(position.writer);
  if (known == process.writers.end()) {
    if (position.offset == 0) return {};
    return Fail(Code::kAborted, "how much of this writer's input has been taken is not known");
  }
  if (position.offset <= known->second) return {};
  return Fail(Code::kOutOfRange, "only " + std::to_string(known->second) + " bytes of input have been taken");
}

Result<InputTaken> NoopAgent::Take(const ProcessRef& process, const InputPosition& position,
                                   const std::string& data, Calls& calls) {
  VC_ASSIGN_OR_RETURN(Process * found, Find(process));
  VC_RETURN_IF_ERROR(CheckPosition(*found, position));
  uint64_t uncounted = position.offset;
  uint64_t& taken = position.writer.empty() ? uncounted : found->writers[position.writer];
  const bool closed = found->exit || found->stdin_closed;
  const uint64_t known = taken - position.offset;
  if (closed || known >= data.size()) return InputTaken{taken, closed};
  taken = position.offset + data.size();
  if (found->cat) found->out += data.substr(known);
  Feed(*found, calls);
  return InputTaken{taken, false};
}

// Everything is taken at once.
void NoopAgent::WriteStdin(const ProcessRef& process, const InputPosition& position, std::string data,
                           Deadline, Callback<InputTaken> done) {
  Calls calls;
  Result<InputTaken> answer;
  {
    const std::lock_guard lock(mutex_);
    answer = Take(process, position, data, calls);
  }
  CallAll(calls);
  done(std::move(answer));
}

Status NoopAgent::CloseStdin(const ProcessRef& process, const InputPosition& end, Deadline) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    VC_ASSIGN_OR_RETURN(Process * found, Find(process));
    if (!found->stdin_closed) VC_RETURN_IF_ERROR(CheckPosition(*found, end));
    found->stdin_closed = true;
    if (found->cat) End(*found, 0, calls);
    if (process.exec.empty() && found->exit) EndExecs(process.container, calls);
  }
  CallAll(calls);
  return {};
}

void NoopAgent::Feed(Process& process, Calls& calls) {
  auto& readers = process.readers[0];
  while (!readers.empty()) {
    const uint64_t at =
        std::max(readers.front().offset.value_or(process.out_base), process.out_base) - process.out_base;
    if (at >= process.out.size() && !process.exit) break;
    Reader reader = std::move(readers.front());
    readers.erase(readers.begin());
    OutputPiece piece;
    piece.offset = process.out_base + at;
    if (at < process.out.size()) piece.data = process.out.substr(at, reader.size);
    if (!reader.offset) {
      process.out.erase(0, piece.data.size());
      process.out_base += piece.data.size();
    }
    calls.push_back([done = std::move(reader.done), piece = std::move(piece)] { done(piece); });
  }
  // Nothing is ever said on standard error.
  if (process.exit || process.terminal) {
    for (auto& reader : process.readers[1])
      calls.push_back([done = std::move(reader.done)] { done(OutputPiece()); });
    process.readers[1].clear();
  }
}

}  // namespace virtcontainers
