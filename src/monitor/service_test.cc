// Calls of a pod's monitor over its socket.

#include "monitor/service.h"

#include <filesystem>
#include <future>
#include <iterator>
#include <random>

#include "base/json.h"
#include "monitor.pb.h"
#include "monitor/monitor_client.h"
#include "monitor/test_pod.h"
#include "os/random_name.h"
#include "pod/config_json.h"
#include "ttrpc/message.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

class ServedPod : public PodMonitorTest {
 protected:
  ~ServedPod() override {
    server_.reset();
    service_.reset();
  }

  void Serve(std::vector<ContainerConfig> containers) {
    Create(std::move(containers));
    ASSERT_TRUE(pod_->Start(Soon(), [this] {
      service_ = std::make_unique<MonitorService>(*pod_);
      server_ = std::make_unique<ttrpc::Server>(*service_);
      return server_->Listen(files_.paths().monitor_socket());
    }));
    client_ = Connect();
  }

  std::shared_ptr<MonitorClient> Connect() const {
    auto client = MonitorClient::Connect(files_.paths().monitor_socket(), Soon());
    EXPECT_TRUE(client) << client.error().ToString();
    return client.value_or(nullptr);
  }

  template <typename Message>
  Result<std::string> Call(const char* method, const Message& message) {
    return client_->Call(method, ttrpc::SerializeMessage(message), Soon());
  }

  static wire::ProcessRequest Process(const std::string& container, const std::string& exec) {
    wire::ProcessRequest request;
    request.set_container(container);
    request.set_exec(exec);
    return request;
  }

  std::string Exec(const std::string& container, std::vector<std::string> args) {
    wire::ExecRequest request;
    request.set_container(container);
    request.set_config(DumpJson(ToJson(Command(std::move(args))), false));
    request.set_exec("exec-" + RandomName());
    const auto answer = Call("Exec", request);
    EXPECT_TRUE(answer) << answer.error().ToString();
    return request.exec();
  }

  Result<std::string> Read(const std::string& exec, uint64_t timeout_ms) {
    wire::ReadRequest request;
    *request.mutable_process() = Process("a", exec);
    request.set_size(100);
    request.set_timeout_ms(timeout_ms);
    VC_ASSIGN_OR_RETURN(const std::string payload, Call("Read", request));
    return ttrpc::ParseMessage<wire::ReadResponse>(payload)->data();
  }

  Status Write(const std::string& exec, const std::string& data) {
    wire::WriteRequest request;
    *request.mutable_process() = Process("a", exec);
    request.set_data(data);
    return Call("Write", request).map([](const std::string&) {});
  }

  Status CloseStdin(const std::string& exec) {
    wire::CloseStdinRequest request;
    *request.mutable_process() = Process("a", exec);
    return Call("CloseStdin", request).map([](const std::string&) {});
  }

  static size_t Threads() {
    const std::filesystem::directory_iterator begin("/proc/self/task");
    return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator()));
  }

  std::unique_ptr<MonitorService> service_;
  std::unique_ptr<ttrpc::Server> server_;
  std::shared_ptr<MonitorClient> client_;
};

TEST_F(ServedPod, Calls_RunningProcess_ReadWriteAndWaitSucceed) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  EXPECT_TRUE(Call("Find", Process("a", exec)));
  EXPECT_EQ(Read(exec, 1).error().code(), Code::kDeadlineExceeded);
  ASSERT_TRUE(Write(exec, "hello"));
  EXPECT_EQ(Read(exec, 0).value(), "hello");
  ASSERT_TRUE(CloseStdin(exec));
  EXPECT_EQ(Read(exec, 20'000).value(), "");
  const auto exit = Call("Wait", Process("a", exec));
  ASSERT_TRUE(exit);
  EXPECT_EQ(ttrpc::ParseMessage<wire::WaitResponse>(*exit)->code(), 0);
}

TEST_F(ServedPod, Write_Repeated_IsTakenOnce) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  wire::WriteRequest request;
  *request.mutable_process() = Process("a", exec);
  request.set_data("hello");
  request.mutable_position()->set_writer("w");
  for (int i = 0; i < 2; ++i) {
    const auto answer = Call("Write", request);
    ASSERT_TRUE(answer) << answer.error().ToString();
    EXPECT_EQ(ttrpc::ParseMessage<wire::WriteResponse>(*answer)->taken(), 5u);
    request.mutable_position()->set_again(true);
  }
  request.set_data("llo you");
  request.mutable_position()->set_offset(2);
  EXPECT_EQ(ttrpc::ParseMessage<wire::WriteResponse>(*Call("Write", request))->taken(), 9u);
  wire::CloseStdinRequest close;
  *close.mutable_process() = Process("a", exec);
  close.mutable_position()->set_writer("w");
  close.mutable_position()->set_offset(10);
  EXPECT_EQ(Call("CloseStdin", close).error().code(), Code::kOutOfRange) << "a byte is missing";
  close.mutable_position()->set_offset(9);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Call("CloseStdin", close));
  EXPECT_EQ(Read(exec, 0).value(), "hello you");
}

// As a program does that looks now and then whether its process has ended.
TEST_F(ServedPod, Wait_ManyTimeouts_ReleasesServerCalls) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  for (size_t i = 0; i < ttrpc::ServerLimits().open_calls + 100; ++i) {
    const auto exit = client_->Call("Wait", ttrpc::SerializeMessage(Process("a", exec)),
                                    Deadline::After(std::chrono::microseconds(100)));
    ASSERT_EQ(exit.error().code(), Code::kDeadlineExceeded) << i << ": " << exit.error().ToString();
  }
  EXPECT_TRUE(CloseStdin(exec));
  EXPECT_TRUE(Call("Wait", Process("a", exec)));
}

TEST_F(ServedPod, Calls_UnknownProcess_FailWithNotFound) {
  Serve({Container("a")});
  EXPECT_EQ(CloseStdin("e").error().code(), Code::kNotFound);
  for (const char* method : {"Wait", "Find"}) {
    EXPECT_EQ(Call(method, Process("a", "e")).error().code(), Code::kNotFound) << method;
  }
  EXPECT_EQ(Read("e", 0).error().code(), Code::kNotFound);
  EXPECT_EQ(Write("e", "x").error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Call("Dance", "", Soon()).error().code(), Code::kUnimplemented);
}

TEST_F(ServedPod, Calls_MalformedMessage_AreRefused) {
  Serve({Container("a")});
  const std::string garbage = "\xff\xff\xff\xff";
  for (const char* method :
       {"StopPod", "StopContainer", "CreateContainer", "Exec", "DeleteContainer", "StartContainer", "Attach",
        "CloseStdin", "Signal", "Resize", "Wait", "Read", "Write", "Find"}) {
    EXPECT_EQ(client_->Call(method, garbage, Soon()).error().code(), Code::kInvalidArgument) << method;
  }
  wire::ConfigRequest config;
  for (const std::string& json : {std::string(), std::string("[]"), std::string(500'000, '[')}) {
    config.set_config(json);
    EXPECT_EQ(Call("CreateContainer", config).error().code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(Record().state, PodState::kRunning);
}

TEST_F(ServedPod, Read_ReaderDies_NextReaderGetsOutput) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  const size_t threads = Threads();
  {
    const auto dying = Connect();
    wire::ReadRequest request;
    *request.mutable_process() = Process("a", exec);
    request.set_size(100);
    EXPECT_EQ(dying->Call("Read", ttrpc::SerializeMessage(request), Deadline::After(milliseconds(50)))
                  .error()
                  .code(),
              Code::kDeadlineExceeded);
  }
  // The server has seen that when the connection's threads are gone.
  const Deadline end = Soon();
  while (Threads() > threads && !end.passed()) std::this_thread::yield();
  ASSERT_TRUE(Write(exec, "precious"));
  EXPECT_EQ(Read(exec, 20'000).value_or("[lost]"), "precious");
}

TEST_F(ServedPod, StopPod_CallsPending_EndsCalls) {
  Serve({Container("a")});
  const std::string exec = Exec("a", {"cat"});
  auto waiting = std::async(std::launch::async, [&] { return Call("Wait", Process("a", exec)); });
  auto reading = std::async(std::launch::async, [&] { return Read(exec, 0); });
  wire::StopRequest stop;
  stop.set_grace_ms(1000);
  (void)Call("StopPod", stop);
  pod_->WaitUntilStopped();
  server_->Stop();
  (void)waiting.get();
  (void)reading.get();
  EXPECT_EQ(Record().state, PodState::kStopped);
}

TEST_F(ServedPod, Calls_ManyCallers_Succeed) {
  Serve({Container("a"), Container("b", {"true"})});
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Deadline end = Deadline::After(milliseconds(1000));
  std::vector<std::thread> callers;
  for (unsigned number = 0; number < 6; ++number) {
    callers.emplace_back([&, number] {
      std::mt19937 random(seed + number);
      const auto client = Connect();
      while (!end.passed()) {
        const std::string id(1, "ab"[random() % 2]);
        switch (random() % 6) {
          case 0:
            (void)pod_->StopContainer(id, milliseconds(random() % 2), Soon());
            break;
          case 1:
            (void)pod_->StartContainer(id, Soon());
            break;
          case 2:
            (void)pod_->DeleteContainer(id, Soon());
            break;
          case 3:
            (void)pod_->CreateContainer(Container(id, {random() % 2 == 0 ? "true" : "sleep"}), Soon());
            break;
          default: {
            const std::string exec = RandomName();
            if (!pod_->Exec(random() % 2 == 0 ? "" : id, exec, Command({"echo", "x"}), Soon())) break;
            wire::ReadRequest read;
            *read.mutable_process() = Process(id, exec);
            read.set_size(10);
            read.set_timeout_ms(1 + random() % 3);
            (void)client->Call("Read", ttrpc::SerializeMessage(read), Soon());
            (void)client->Call("Wait", ttrpc::SerializeMessage(Process("", exec)), Soon());
          }
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(pod_->StopPod(milliseconds(1000), Soon()));
  pod_->WaitUntilStopped();
  EXPECT_EQ(Record().state, PodState::kStopped);
}

}  // namespace
}  // namespace virtcontainers
