// A KataAgent and an agent that answers it what a test tells it to. For tests only, which include
// test/contract/answer.h before it.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_TEST_KATA_CLIENT_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_TEST_KATA_CLIENT_H_

#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "agent.pb.h"
#include "agent/kata/kata_agent.h"
#include "base/errors.h"
#include "base/test_deadline.h"
#include "health.pb.h"
#include "ttrpc/server.h"
#include "ttrpc/test_peer.h"

namespace virtcontainers {

class FakeAgent final : public ttrpc::Handler {
 public:
  using Method = std::function<void(ttrpc::Call, ttrpc::Responder)>;

  FakeAgent() : server_(*this) {
    methods_["Check"] = Always([] {
      grpc::HealthCheckResponse response;
      response.set_status(grpc::HealthCheckResponse::SERVING);
      return response.SerializeAsString();
    }());
  }

  static Method Always(Result<std::string> answer) {
    return [answer](const ttrpc::Call&, ttrpc::Responder responder) { responder.Respond(answer); };
  }

  // Of Kata's services. Legal before the call; the methods run on the thread that reads the connection.
  Method& operator[](const std::string& method) { return methods_[method]; }
  // Of our own, which no other agent has.
  Method& own(const std::string& method) { return own_[method]; }

  // Answers "done", and keeps the last request.
  template <typename Request>
  static Method Keep(Request& request) {
    return [&request](const ttrpc::Call& call, ttrpc::Responder responder) {
      EXPECT_TRUE(request.ParseFromString(call.payload));
      responder.Respond(std::string());
    };
  }

  Result<std::unique_ptr<Stream>> Connect() {
    auto [ours, theirs] = ttrpc::MakeStreamPair();
    VC_RETURN_IF_ERROR(server_.Serve(std::move(ours)));
    return std::unique_ptr<Stream>(std::move(theirs));
  }

  void Stop() { server_.Stop(); }

  void Handle(ttrpc::Call call, ttrpc::Responder responder) override {
    const auto& methods = call.service == "virtcontainers.Guest" ? own_ : methods_;
    const auto method = methods.find(call.method);
    if (method == methods.end()) {
      return responder.Respond(Fail(Code::kUnimplemented, call.service + "/" + call.method));
    }
    method->second(std::move(call), std::move(responder));
  }

 private:
  std::map<std::string, Method> methods_, own_;
  ttrpc::Server server_;
};

class KataClient : public testing::Test {
 protected:
  KataClient()
      : agent_([this](const AgentAddress&, const std::function<bool()>&, Deadline) {
          return fake_.Connect();
        }) {}

  static Deadline AMoment() { return Deadline::After(std::chrono::milliseconds(50)); }

  void Connect() { ASSERT_TRUE(agent_.Connect({}, Soon())); }

  Result<std::string> Read(uint32_t size = 10) {
    Answer<std::string> data;
    agent_.ReadOutput({"c", "e"}, OutputStream::kStdout, size, data.callback());
    return data.Await();
  }
  // As often as it takes.
  Status Write(std::string data) {
    do {
      const Result<InputTaken> answer = Write({}, data);
      if (!answer) return tl::make_unexpected(answer.error());
      data.erase(0, answer->taken);
    } while (!data.empty());
    return {};
  }
  Result<InputTaken> Write(const InputPosition& position, std::string data,
                           Deadline deadline = Deadline::Infinite()) {
    Answer<InputTaken> done;
    agent_.WriteStdin({"c", "e"}, position, std::move(data), deadline, done.callback());
    return done.Await();
  }
  Result<ExitStatus> Wait() {
    Answer<ExitStatus> exit;
    agent_.WaitProcess({"c", "e"}, exit.callback());
    return exit.Await();
  }

  static std::string DataOf(size_t size) {
    grpc::ReadStreamResponse response;
    response.set_data(std::string(size, 'x'));
    return response.SerializeAsString();
  }

  FakeAgent fake_;
  KataAgent agent_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_TEST_KATA_CLIENT_H_
