#include "link/session_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "link/test_session.h"

namespace virtcontainers::link {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionPortTest : public ::testing::Test {
 protected:
  void Receive(std::string bytes) { port_.Receive(std::span(bytes)); }

  std::string TakeOutput() {
    const std::string output(port_.Output());
    port_.Consume(output.size());
    return output;
  }

  std::vector<std::string> events_;
  SessionPort port_{{[this] { events_.push_back("started"); },
                     [this](std::string_view data) { events_.emplace_back(data); }}};
};

TEST_F(SessionPortTest, Receive_Mark_IsAnsweredFirst) {
  port_.Send("nobody hears");
  EXPECT_THAT(port_.Output(), IsEmpty());
  Receive(Mark(1) + "request");
  port_.Send("answer");
  EXPECT_EQ(TakeOutput(), Mark(1) + "answer");
  EXPECT_THAT(events_, ElementsAre("started", "request"));
}

TEST_F(SessionPortTest, Receive_RepeatedMark_IsSameSession) {
  Receive(Mark(1) + Mark(1));
  Receive(Mark(1) + "request");
  EXPECT_EQ(TakeOutput(), Mark(1) + Mark(1) + Mark(1));
  EXPECT_THAT(events_, ElementsAre("started", "request"));
}

TEST_F(SessionPortTest, Receive_MarkAfterData_StartsNewSession) {
  Receive(Mark(1) + "a" + Mark(1) + "b");
  EXPECT_THAT(events_, ElementsAre("started", "a", "started", "b"));
}

TEST_F(SessionPortTest, Receive_NewMark_DropsOldOutput) {
  Receive(Mark(1) + "a");
  port_.Send("a long answer");
  port_.Consume(Mark(1).size() + 3);
  Receive(Mark(2));
  EXPECT_EQ(TakeOutput(), Mark(2));
}

TEST_F(SessionPortTest, Receive_BytesWereLost_EndsSession) {
  Receive(Mark(1) + "a\xDB!b");
  EXPECT_FALSE(port_.in_session());
  EXPECT_EQ(port_.broken(), 1u);
  TakeOutput();
  port_.Send("nobody hears");
  EXPECT_THAT(port_.Output(), IsEmpty());
  Receive(Mark(1) + "c");
  EXPECT_EQ(TakeOutput(), Mark(1));
  EXPECT_THAT(events_, ElementsAre("started", "a", "started", "c"));
}

}  // namespace
}  // namespace virtcontainers::link
