// Reading ahead, from a process that a test plays.

#include "runtime/output_reader.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <future>
#include <mutex>
#include <string>

#include "base/errors.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

// What a process says, piece by piece; each piece answers one read, and an empty one is the end.
class PlayedProcess {
 public:
  void Say(bool to_stderr, Result<std::string> piece) {
    const std::lock_guard lock(mutex_);
    said_[to_stderr ? 1 : 0].push_back(std::move(piece));
    changed_.notify_all();
  }
  void Out(const std::string& text) { Say(false, text); }
  void Err(const std::string& text) { Say(true, text); }

  void End(Result<ExitStatus> exit) {
    const std::lock_guard lock(mutex_);
    exits_.push_back(std::move(exit));
    changed_.notify_all();
  }

  OutputReader::Source Source() {
    return {.read = [this](bool from_stderr, std::span<char> buffer,
                           const Deadline& deadline) { return Read(from_stderr, buffer, deadline); },
            .wait = [this](const Deadline& deadline) { return Next(exits_, deadline); }};
  }

  // The pieces and ends that nobody has asked for.
  size_t unread(bool from_stderr) {
    const std::lock_guard lock(mutex_);
    return said_[from_stderr ? 1 : 0].size();
  }

 private:
  template <typename T>
  Result<T> Next(std::deque<Result<T>>& queue, const Deadline& deadline) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, deadline.token(), [&] { return !queue.empty(); })) {
      return Fail(Code::kDeadlineExceeded, "the reader has gone");
    }
    Result<T> next = std::move(queue.front());
    queue.pop_front();
    return next;
  }

  Result<size_t> Read(bool from_stderr, std::span<char> buffer, const Deadline& deadline) {
    VC_ASSIGN_OR_RETURN(const std::string piece, Next(said_[from_stderr ? 1 : 0], deadline));
    std::memcpy(buffer.data(), piece.data(), std::min(piece.size(), buffer.size()));
    return piece.size();
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Result<std::string>> said_[2];
  std::deque<Result<ExitStatus>> exits_;
};

class OutputReaderTest : public testing::Test {
 protected:
  // "out: text", "err: text", "end", or the error's code.
  std::string Read(const Deadline& deadline = Soon()) {
    const Result<ProcessOutput> output = reader_->Read(deadline);
    if (!output) return std::string(CodeName(output.error().code()));
    if (output->stream == ProcessOutput::Stream::kEnd) return "end" + output->data;
    return (output->stream == ProcessOutput::Stream::kStdout ? "out: " : "err: ") + output->data;
  }

  std::string ReadFrom(bool from_stderr, size_t size, const Deadline& deadline = Soon()) {
    std::string buffer(size, '\0');
    const Result<size_t> count = reader_->ReadFrom(from_stderr, buffer, deadline);
    return count ? buffer.substr(0, *count) : std::string(CodeName(count.error().code()));
  }

  bool Readable(int timeout_ms = 0) {
    pollfd entry = {reader_->fd().value(), POLLIN, 0};
    return ::poll(&entry, 1, timeout_ms) == 1;
  }
  bool BecomesReadable() { return Readable(10'000); }

  PlayedProcess process_;
  std::unique_ptr<OutputReader> reader_ = *OutputReader::Start(process_.Source());
};

TEST_F(OutputReaderTest, Read_EitherStreamHasData_ReturnsIt) {
  process_.Err("first");
  EXPECT_EQ(Read(), "err: first");
  process_.Out("second");
  EXPECT_EQ(Read(), "out: second");
}

TEST_F(OutputReaderTest, Read_StreamsSpeakInTurn_ReturnsEachWithItsStream) {
  for (int i = 0; i < 20; ++i) {
    const bool to_stderr = i % 3 == 0;
    process_.Say(to_stderr, "a");
    EXPECT_EQ(Read(), to_stderr ? "err: a" : "out: a");
  }
}

TEST_F(OutputReaderTest, Read_BothStreamsEnd_ReturnsEndFromThenOn) {
  process_.Out("");
  EXPECT_EQ(Read(Deadline::After(milliseconds(20))), "DEADLINE_EXCEEDED") << "the other one may say more";
  process_.Err("last");
  process_.Err("");
  EXPECT_EQ(Read(), "err: last");
  EXPECT_EQ(Read(), "end");
  EXPECT_EQ(Read(Passed()), "end");
}

TEST_F(OutputReaderTest, Read_DeadlineHasPassed_ReturnsWhatIsThere) {
  EXPECT_EQ(Read(Passed()), "DEADLINE_EXCEEDED");
  process_.Out("there");
  ASSERT_TRUE(BecomesReadable());
  EXPECT_EQ(Read(Passed()), "out: there");
  EXPECT_EQ(Read(Passed()), "DEADLINE_EXCEEDED");
}

TEST_F(OutputReaderTest, Read_TokenStopped_Returns) {
  std::stop_source stop;
  auto reading =
      std::async(std::launch::async, [&] { return Read(Deadline::Infinite().OrStopped(stop.get_token())); });
  stop.request_stop();
  EXPECT_EQ(reading.get(), "DEADLINE_EXCEEDED");
}

TEST_F(OutputReaderTest, Read_StreamFails_ReturnsDataThenErrorOnceAndReadsAgain) {
  process_.Err("kept");
  ASSERT_TRUE(BecomesReadable());
  process_.Say(false, Fail(Code::kUnavailable, "the guest does not answer"));
  EXPECT_EQ(Read(), "err: kept");
  EXPECT_EQ(Read(), "UNAVAILABLE");
  EXPECT_FALSE(Readable()) << "the error has been returned";
  process_.Out("goes on");
  EXPECT_FALSE(Readable()) << "only a read asks again";
  EXPECT_EQ(Read(), "out: goes on");
}

TEST_F(OutputReaderTest, ReadAhead_NobodyReads_StopsAfterOnePiece) {
  for (const char* text : {"one", "two", "three"}) process_.Out(text);
  ASSERT_TRUE(Eventually([&] { return process_.unread(false) == 2; }));
  EXPECT_EQ(Read(), "out: one");
  ASSERT_TRUE(Eventually([&] { return process_.unread(false) == 1; }));
  EXPECT_EQ(Read(), "out: two");
  EXPECT_EQ(Read(), "out: three");
}

TEST_F(OutputReaderTest, ReadFrom_OneStream_LeavesTheOther) {
  process_.Out("out");
  process_.Err("error");
  EXPECT_EQ(ReadFrom(true, 3), "err");
  EXPECT_EQ(ReadFrom(true, 100), "or");
  EXPECT_EQ(ReadFrom(true, 100, Deadline::After(milliseconds(10))), "DEADLINE_EXCEEDED");
  EXPECT_EQ(Read(), "out: out");
  process_.Err("");
  EXPECT_EQ(ReadFrom(true, 100), "");
  process_.Say(false, Fail(Code::kNotFound, "gone"));
  EXPECT_EQ(ReadFrom(false, 100), "NOT_FOUND");
}

TEST_F(OutputReaderTest, Fd_OutputComesAndIsTaken_IsReadableMeanwhile) {
  EXPECT_FALSE(Readable());
  process_.Out("a");
  process_.Err("b");
  ASSERT_TRUE(BecomesReadable());
  Read();
  EXPECT_TRUE(BecomesReadable()) << "the other output has data, too";
  Read();
  EXPECT_FALSE(Readable());
}

TEST_F(OutputReaderTest, Fd_OutputsEndAndProcessEnds_IsReadableUntilBothAreReturned) {
  ASSERT_FALSE(Readable());
  process_.Out("");
  process_.Err("");
  ASSERT_TRUE(BecomesReadable());
  EXPECT_EQ(Read(), "end");
  EXPECT_FALSE(Readable());
  process_.End(ExitStatus{7});
  ASSERT_TRUE(BecomesReadable());
  EXPECT_EQ(reader_->Wait(Passed())->code, 7);
  EXPECT_FALSE(Readable());
  EXPECT_EQ(reader_->Wait(Passed())->code, 7) << "waiting collects nothing";
}

TEST_F(OutputReaderTest, Fd_CalledLate_IsReadableAtOnce) {
  process_.Out("early");
  ASSERT_TRUE(Eventually([&] { return process_.unread(false) == 0; }));
  EXPECT_TRUE(BecomesReadable());
  EXPECT_EQ(reader_->fd().value(), reader_->fd().value());
}

TEST_F(OutputReaderTest, Wait_Fails_ReturnsErrorOnceAndWaitsAgain) {
  ASSERT_FALSE(Readable());
  process_.End(Fail(Code::kUnavailable, "the guest does not answer"));
  ASSERT_TRUE(BecomesReadable());
  EXPECT_CODE(reader_->Wait(Soon()), Code::kUnavailable);
  EXPECT_FALSE(Readable());
  process_.End(ExitStatus{0});
  EXPECT_EQ(reader_->Wait(Soon())->code, 0);
}

TEST_F(OutputReaderTest, Destroy_ThreadsAreBlocked_ReturnsAtOnce) {
  ASSERT_FALSE(Readable());
  reader_.reset();
  reader_ = *OutputReader::Start(process_.Source());
  process_.Out("nobody takes it");
  reader_.reset();
}

}  // namespace
}  // namespace virtcontainers
