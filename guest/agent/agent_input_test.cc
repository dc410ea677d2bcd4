// The agent as a whole, on this machine: what is written to processes, once and repeatedly.

#include <signal.h>

#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "guest.pb.h"
#include "guest/agent/sandbox/input_stream.h"
#include "guest/agent/testing/agent_fixture.h"

namespace virtcontainers::guest {
namespace {

class AgentInputTest : public AgentTest {
 protected:
  static wire::WriteInputRequest Input(const std::string& exec, const std::string& writer, uint64_t offset,
                                       std::string data) {
    wire::WriteInputRequest request;
    request.set_container_id("c");
    request.set_exec_id(exec);
    request.set_writer(writer);
    request.set_offset(offset);
    request.set_data(std::move(data));
    return request;
  }

  // How much has been taken; or the error's code.
  std::string Write(const wire::WriteInputRequest& request) {
    const auto answer = client_->CallGuest<wire::WriteInputResponse>("WriteInput", request);
    if (!answer) return std::string(CodeName(answer.error().code()));
    return std::to_string(answer->taken()) + (answer->closed() ? "!" : "");
  }

  std::future<Result<wire::WriteInputResponse>> StartWrite(const wire::WriteInputRequest& request) {
    return client_->StartGuest<wire::WriteInputResponse>("WriteInput", request);
  }

  Result<types::Empty> Close(const std::string& exec) {
    wire::CloseInputRequest request;
    request.set_container_id("c");
    request.set_exec_id(exec);
    return client_->CallGuest("CloseInput", request);
  }
};

TEST_F(AgentInputTest, Writer_AfterManyOthers_IsForgottenAndRefusedRatherThanTakenTwice) {
  Run("c", {"sh", "-c", "exec cat > /dev/null"});
  EXPECT_EQ(Write(Input("", "first", 0, "once")), "4");
  for (size_t i = 0; i < InputStream::kMaxWriters - 1; ++i) {
    ASSERT_EQ(Write(Input("", "other" + std::to_string(i), 0, "x")), "1");
  }
  wire::WriteInputRequest again = Input("", "first", 0, "once");
  again.set_again(true);
  EXPECT_EQ(Write(again), "4") << "it is the oldest, and is the newest now";
  EXPECT_EQ(Write(Input("", "another", 0, "x")), "1");
  EXPECT_EQ(Write(Input("", "other0", 1, "x")), "ABORTED");
  again.set_writer("other0");
  EXPECT_EQ(Write(again), "ABORTED") << "it may have been taken";
  again.set_writer("first");
  EXPECT_EQ(Write(again), "4");
  EXPECT_EQ(Write(Input("", std::string(InputStream::kMaxWriterName + 1, 'n'), 0, "x")), "INVALID_ARGUMENT");
}

// 32 MiB of input that nobody reads: more than the agent holds, and than one connection's calls may.
TEST_F(AgentInputTest, ManyBlockedWrites_HoldUpNoOtherCall) {
  constexpr int kProcesses = 128;
  const std::string piece(256 << 10, 'i');
  Run("c", {"sleep", "1000"});
  std::vector<std::future<Result<wire::WriteInputResponse>>> writes;
  for (int i = 0; i < kProcesses; ++i) {
    const std::string exec = "e" + std::to_string(i);
    ASSERT_TRUE(client_->Exec("c", exec, {"sh", "-c", "trap 'exec wc -c' USR1; echo; sleep 1000 & wait"}));
    grpc::ReadStreamRequest ready;
    ready.set_container_id("c");
    ready.set_exec_id(exec);
    ready.set_len(10);
    ASSERT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", ready)->data(), "\n");
    writes.push_back(StartWrite(Input(exec, "w", 0, piece)));
  }
  EXPECT_EQ(client_->Output("c", {"echo", "hello"}), "hello\n");
  for (int i = 0; i < kProcesses; i += 16) {
    const std::string exec = "e" + std::to_string(i);
    EXPECT_TRUE(Signal("c", exec, SIGUSR1));
    uint64_t taken = 0;
    for (auto answer = writes[i].get();;
         answer = StartWrite(Input(exec, "w", taken, piece.substr(taken))).get()) {
      ASSERT_TRUE(answer) << answer.error().ToString();
      taken = answer->taken();
      if (taken == piece.size()) break;
    }
    EXPECT_TRUE(Close(exec));
    EXPECT_EQ(client_->ReadToEnd("c", exec), "262144\n");
  }
  EXPECT_TRUE(Signal("c", "", SIGKILL));
  for (int i = 0; i < kProcesses; ++i) {
    if (i % 16 == 0) continue;
    const auto answer = writes[i].get();
    ASSERT_TRUE(answer) << answer.error().ToString();
    EXPECT_LT(answer->taken(), piece.size());
  }
}

TEST_F(AgentInputTest, Close_BehindABlockedWrite_AnswersAtOnceAndComesAfterIt) {
  Run("c", {"sh", "-c", "trap 'exec wc -c' USR1; echo; sleep 1000 & wait"});
  grpc::ReadStreamRequest ready;
  ready.set_container_id("c");
  ready.set_len(10);
  ASSERT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", ready)->data(), "\n");
  auto write = StartWrite(Input("", "w", 0, std::string(200'000, 'x')));
  EXPECT_TRUE(Close(""));
  EXPECT_TRUE(Close(""));
  EXPECT_EQ(Write(Input("", "other", 0, "late")), "0!");
  EXPECT_EQ(write.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  EXPECT_TRUE(Signal("c", "", SIGUSR1));
  EXPECT_EQ(write.get()->taken(), 200'000u);
  EXPECT_EQ(client_->ReadToEnd("c", ""), "200000\n");
}

// A terminal's end of input is a character. Whoever reads after `cat` must not get a second one.
TEST_F(AgentInputTest, CloseOfATerminal_Repeated_EndsItsInputOnce) {
  for (const std::string text : {"whole line\n", "half a line", ""}) {
    SCOPED_TRACE(text);
    grpc::CreateContainerRequest request =
        Request("c", {"sh", "-c", "stty -echo; echo ready; cat; echo; echo first; cat; echo second"});
    request.mutable_oci()->mutable_process()->set_terminal(true);
    Run(request);
    grpc::ReadStreamRequest read;
    read.set_container_id("c");
    read.set_len(1000);
    ASSERT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", read)->data(), "ready\r\n");
    if (!text.empty()) {
      EXPECT_EQ(Write(Input("", "w", 0, text)), std::to_string(text.size()));
    }
    wire::CloseInputRequest close;
    close.set_container_id("c");
    close.set_writer("w");
    close.set_offset(text.size());
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client_->CallGuest("CloseInput", close));
    std::string said;
    while (said.find("first\r\n") == std::string::npos) {
      const auto piece = client_->Call<grpc::ReadStreamResponse>("ReadStdout", read);
      ASSERT_TRUE(piece && !piece->data().empty()) << said;
      said += piece->data();
    }
    auto more = client_->Start<grpc::ReadStreamResponse>("ReadStdout", read);
    EXPECT_EQ(more.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout)
        << "the second program has read an end of input, too";
    EXPECT_EQ(Write(Input("", "other", 0, "x")), "0!");
    EXPECT_TRUE(Signal("c", "", SIGKILL));
    EXPECT_TRUE(more.get());
    EXPECT_EQ(client_->Wait("c", ""), 128 + SIGKILL);
    ASSERT_TRUE(Remove("c"));
  }
}

}  // namespace
}  // namespace virtcontainers::guest
