// What a handle writes, with a monitor that answers what a test tells it to.

#include "runtime/input_writer.h"

#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/test_deadline.h"
#include "monitor.pb.h"
#include "os/test_directory.h"
#include "ttrpc/message.h"
#include "ttrpc/server.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// The monitor, and a guest with one writer in it.
class FakeMonitor final : public ttrpc::Handler {
 public:
  void Handle(ttrpc::Call call, ttrpc::Responder responder) override {
    const std::lock_guard lock(mutex_);
    if (call.method == "CloseStdin") {
      wire::CloseStdinRequest request;
      EXPECT_TRUE(request.ParseFromString(call.payload));
      end_ = request.position().offset();
      return responder.Respond(std::string());
    }
    EXPECT_EQ(call.method, "Write");
    wire::WriteRequest request;
    EXPECT_TRUE(request.ParseFromString(call.payload));
    asked_.push_back(request);
    asked_changed_.notify_all();
    if (error_) return responder.Respond(Fail(*error_));
    EXPECT_LE(request.position().offset(), taken_.size());
    const std::string fresh =
        request.data().substr(std::min(request.data().size(), taken_.size() - request.position().offset()));
    taken_ += fresh.substr(0, room_);
    room_ -= std::min(room_, fresh.size());
    // A guest that stands still, or a monitor about to die.
    if (mute_) return kept_.push_back(std::move(responder));
    wire::WriteResponse response;
    response.set_taken(taken_.size() + lie_);
    response.set_closed(closed_);
    responder.Respond(ttrpc::SerializeMessage(response));
  }

  void AwaitCalls(size_t count) {
    std::unique_lock lock(mutex_);
    asked_changed_.wait(lock, [&] { return asked_.size() >= count; });
  }

  // Answers from now on. A call that timed out may still be under way.
  void Speak(size_t room = SIZE_MAX) {
    const std::lock_guard lock(mutex_);
    mute_ = false;
    room_ = room;
  }

  // Legal while no call is under way.
  size_t room_ = SIZE_MAX;  // of the process's pipe
  bool mute_ = false;
  bool closed_ = false;
  uint64_t lie_ = 0;
  std::optional<Error> error_;
  std::string taken_;
  std::optional<uint64_t> end_;
  std::vector<wire::WriteRequest> asked_;

 private:
  std::mutex mutex_;
  std::condition_variable asked_changed_;
  std::vector<ttrpc::Responder> kept_;
};

class InputWriterTest : public testing::Test {
 protected:
  InputWriterTest() { Serve(); }

  void Serve() {
    server_.emplace(monitor_);
    const Status listening = server_->Listen(Socket());
    ASSERT_TRUE(listening) << listening.error().ToString();
  }

  std::string Socket() const { return directory_ / "monitor.sock"; }
  static Deadline AMoment() { return Deadline::After(milliseconds(20)); }

  // How much was taken, with the error's code and text.
  std::string Write(std::string_view data, Deadline deadline = Soon()) {
    size_t taken = SIZE_MAX;
    const Status written = writer_.Write(data, deadline, &taken);
    error_ = written ? "" : written.error().ToString();
    return std::to_string(taken) + (written ? "" : " " + std::string(CodeName(written.error().code())));
  }

  const TestDirectory directory_;
  FakeMonitor monitor_;
  std::optional<ttrpc::Server> server_;
  std::function<Status(Deadline)> restore_ = [](Deadline) { return Fail(Code::kUnavailable, "no pod"); };
  std::string error_;
  InputWriter writer_{
      std::make_shared<MonitorLink>(Socket(), [this](Deadline deadline) { return restore_(deadline); }), "c",
      "e", milliseconds(30)};
};

TEST_F(InputWriterTest, Write_IsCountedAndNamed) {
  EXPECT_EQ(Write("hello "), "6");
  EXPECT_EQ(Write(""), "0");
  EXPECT_EQ(Write("you"), "3");
  EXPECT_TRUE(writer_.Close(Soon()));
  EXPECT_EQ(monitor_.taken_, "hello you");
  EXPECT_EQ(monitor_.end_, 9u);
  ASSERT_EQ(monitor_.asked_.size(), 2u);
  const wire::WriteRequest second = monitor_.asked_[1];
  EXPECT_EQ(second.process().container(), "c");
  EXPECT_EQ(second.process().exec(), "e");
  EXPECT_EQ(second.position().offset(), 6u);
  EXPECT_FALSE(second.position().again());
  EXPECT_EQ(second.position().writer(), monitor_.asked_[0].position().writer());
  monitor_.taken_.clear();
  InputWriter other(std::make_shared<MonitorLink>(Socket(), restore_), "c", "e");
  ASSERT_TRUE(other.Write("x", Soon(), nullptr));
  EXPECT_FALSE(second.position().writer().empty());
  EXPECT_NE(monitor_.asked_[2].position().writer(), second.position().writer());
  EXPECT_EQ(monitor_.asked_[2].position().offset(), 0u);
}

TEST_F(InputWriterTest, Write_MonitorDiesBeforeItAnswers_IsRepeatedAtItsPosition) {
  EXPECT_EQ(Write("before "), "7");
  monitor_.mute_ = true;
  std::promise<void> died;
  restore_ = [this, ended = died.get_future().share()](Deadline) -> Status {
    ended.wait();
    if (server_) return {};
    monitor_.Speak();
    Serve();
    return {};
  };
  auto writing = std::async(std::launch::async, [&] { return Write("once", Deadline::Infinite()); });
  monitor_.AwaitCalls(2);
  server_.reset();
  died.set_value();
  EXPECT_EQ(writing.get(), "4");
  EXPECT_EQ(monitor_.taken_, "before once");
  ASSERT_EQ(monitor_.asked_.size(), 3u);
  EXPECT_FALSE(monitor_.asked_[1].position().again());
  EXPECT_TRUE(monitor_.asked_[2].position().again());
  EXPECT_EQ(monitor_.asked_[2].position().offset(), 7u);
  EXPECT_EQ(monitor_.asked_[2].data(), "once");
  EXPECT_EQ(Write("!"), "1");
  EXPECT_EQ(monitor_.taken_, "before once!");
}

TEST_F(InputWriterTest, Write_DeadlinePasses_SaysHowMuchWasTakenAndGoesOn) {
  monitor_.room_ = 3;
  EXPECT_EQ(Write("hello", AMoment()), "3 DEADLINE_EXCEEDED");
  EXPECT_THAT(error_, HasSubstr("the process has taken 3 of 5 bytes of its input in time"));
  EXPECT_EQ(Write("lo", Deadline::After(milliseconds(-1))), "0 DEADLINE_EXCEEDED");
  monitor_.Speak();
  EXPECT_EQ(Write("lo"), "2");
  EXPECT_EQ(monitor_.taken_, "hello");
}

TEST_F(InputWriterTest, Write_GuestDoesNotAnswer_RepeatedBytesAreNotSentAgain) {
  EXPECT_EQ(Write("before "), "7");
  monitor_.mute_ = true;
  monitor_.room_ = 3;
  EXPECT_EQ(Write("hello", AMoment()), "0 DEADLINE_EXCEEDED");
  EXPECT_THAT(error_, HasSubstr("at least 0 of 5 bytes"));
  EXPECT_EQ(Write("hello", AMoment()), "0 DEADLINE_EXCEEDED") << "nor has it said more since";
  monitor_.Speak();
  EXPECT_EQ(Write("hello"), "5");
  EXPECT_EQ(monitor_.taken_, "before hello");
}

TEST_F(InputWriterTest, Write_GuestDoesNotAnswer_RepeatedInSmallerPieces_IsNotSentAgain) {
  monitor_.mute_ = true;
  EXPECT_EQ(Write("hello", AMoment()), "0 DEADLINE_EXCEEDED");
  monitor_.Speak();
  for (const char* piece : {"he", "l", "lo you"}) EXPECT_EQ(Write(piece), std::to_string(strlen(piece)));
  EXPECT_EQ(monitor_.taken_, "hello you");
}

TEST_F(InputWriterTest, Write_GuestDoesNotAnswer_OtherBytesComeAfterThoseThatWereTaken) {
  monitor_.mute_ = true;
  monitor_.room_ = 3;
  EXPECT_EQ(Write("hello", AMoment()), "0 DEADLINE_EXCEEDED");
  monitor_.Speak();
  EXPECT_EQ(Write("p me"), "4");
  EXPECT_EQ(monitor_.taken_, "help me");
}

TEST_F(InputWriterTest, Close_GuestDidNotAnswer_EndsAtWhatWasTaken) {
  monitor_.mute_ = true;
  monitor_.room_ = 3;
  EXPECT_EQ(Write("hello", AMoment()), "0 DEADLINE_EXCEEDED");
  monitor_.Speak(0);
  EXPECT_TRUE(writer_.Close(Soon()));
  EXPECT_EQ(monitor_.end_, 3u);
}

TEST_F(InputWriterTest, Write_InputIsClosedInTheMiddle_SaysHowMuchWasTaken) {
  monitor_.room_ = 2;
  monitor_.closed_ = true;
  EXPECT_EQ(Write("hello"), "2 FAILED_PRECONDITION");
  EXPECT_THAT(error_, HasSubstr("it has taken 2 of 5 bytes"));
}

TEST_F(InputWriterTest, Write_GuestClaimsMoreThanWasSent_IsRefused) {
  monitor_.lie_ = 1;
  EXPECT_EQ(Write("hello"), "0 INTERNAL");
}

TEST_F(InputWriterTest, Write_GuestTakesNothingAndAnswers_IsNotAskedForEver) {
  monitor_.room_ = 0;
  EXPECT_EQ(Write("hello", Deadline::Infinite()), "0 INTERNAL");
}

TEST_F(InputWriterTest, Write_AgentCountsNothing_UnansweredWriteIsReportedOnce) {
  monitor_.mute_ = true;
  EXPECT_EQ(Write("hello", AMoment()), "0 DEADLINE_EXCEEDED");
  monitor_.Speak();
  monitor_.error_ = Error(Code::kUnimplemented, "the agent speaks Kata's protocol");
  EXPECT_EQ(Write(" you"), "0 UNAVAILABLE");
  EXPECT_THAT(error_, HasSubstr("may or may not have arrived: the agent speaks Kata's protocol"));
  monitor_.error_.reset();
  monitor_.taken_.clear();
  EXPECT_EQ(Write(" you"), "4") << "as before";
}

TEST_F(InputWriterTest, Write_CancelledWhileTheGuestDoesNotAnswer_ReturnsAtOnceAndLosesNoByte) {
  monitor_.mute_ = true;
  monitor_.room_ = 3;
  std::stop_source source;
  auto writing = std::async(
      std::launch::async, [&] { return Write("hello", Deadline::Infinite().OrStopped(source.get_token())); });
  monitor_.AwaitCalls(1);
  source.request_stop();
  EXPECT_EQ(writing.get(), "0 DEADLINE_EXCEEDED");
  monitor_.Speak();
  EXPECT_EQ(Write("hello"), "5");
  EXPECT_EQ(monitor_.taken_, "hello");
}

TEST_F(InputWriterTest, Write_CancelledWhileItWaitsForItsTurn_ReturnsAtOnce) {
  monitor_.mute_ = true;
  std::stop_source first, second;
  const auto write = [&](const std::stop_source& source) {
    return std::async(std::launch::async, [this, token = source.get_token()] {
      const Deadline deadline = Deadline::Infinite().OrStopped(token);
      return writer_.Write("hello", deadline, nullptr).error().ToString();
    });
  };
  auto writing = write(first);
  monitor_.AwaitCalls(1);
  auto waiting = write(second);
  second.request_stop();
  EXPECT_THAT(waiting.get(), HasSubstr("another write"));
  first.request_stop();
  EXPECT_THAT(writing.get(), HasSubstr("at least 0 of 5 bytes"));
}

TEST_F(InputWriterTest, Write_BesideAnotherThatBlocks_WaitsForItsTurnUntilTheDeadline) {
  monitor_.mute_ = true;
  auto writing = std::async(std::launch::async, [&] {
    return writer_.Write("hello", Deadline::After(milliseconds(200)), nullptr).error().code();
  });
  monitor_.AwaitCalls(1);
  size_t taken = 7;
  const Status second = writer_.Write("x", AMoment(), &taken);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(second.error().ToString(), HasSubstr("another write"));
  EXPECT_EQ(taken, 0u);
  EXPECT_EQ(writer_.Close(AMoment()).error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(writing.get(), Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace virtcontainers
