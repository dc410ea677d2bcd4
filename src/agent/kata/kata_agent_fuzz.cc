// A guest that answers anything: every call of the client comes to its end, once, and what it brings is
// bounded.
//
// The first byte of the input says how it is spoken: 0, as the bytes of the connection; else as the answers,
// each in a frame of its own and to the call that waits: a byte for the status, two for the length, and the
// message.

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "agent/kata/kata_agent.h"
#include "base/errors.h"
#include "health.pb.h"
#include "ttrpc.pb.h"
#include "ttrpc/frame.h"

namespace virtcontainers {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

constexpr uint32_t kAsked = 100;  // bytes of output

std::string Answer(uint32_t stream, int status, std::string_view payload) {
  ::ttrpc::Response response;
  if (status != 0) {
    response.mutable_status()->set_code(status);
    response.mutable_status()->set_message(std::string(payload));
  } else {
    response.set_payload(std::string(payload));
  }
  std::string bytes;
  ttrpc::AppendFrame(bytes, stream, ttrpc::FrameType::kResponse, 0, response.SerializeAsString());
  return bytes;
}

// The guest. It ends the connection when it has no more to say.
class FuzzedStream final : public Stream {
 public:
  FuzzedStream(bool raw, std::string_view input) : raw_(raw), input_(input) {}

  Result<size_t> Read(std::span<char> buffer) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return over_ || !ready_.empty(); });
    if (ready_.empty()) return size_t{0};
    const size_t size = std::min(buffer.size(), ready_.size());
    std::copy_n(ready_.data(), size, buffer.data());
    ready_.erase(0, size);
    return size;
  }

  // Each request brings the guest to say more.
  Status Write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    requests_.Receive(bytes, [&](const ttrpc::Frame& frame) { Speak(frame.header.stream_id); });
    changed_.notify_all();
    return {};
  }

  void Shutdown() override {
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

 private:
  void Speak(uint32_t stream) {
    if (std::exchange(greeted_, true)) return raw_ ? SayBytes() : SayAnswer(stream);
    grpc::HealthCheckResponse healthy;
    healthy.set_status(grpc::HealthCheckResponse::SERVING);
    ready_ += Answer(stream, 0, healthy.SerializeAsString());
  }

  void SayBytes() {
    const size_t size = std::min<size_t>(input_.size(), 64);
    over_ = over_ || size == 0;
    ready_ += input_.substr(0, size);
    input_.remove_prefix(size);
  }

  void SayAnswer(uint32_t stream) {
    if (input_.size() < 3) {
      over_ = true;
      return;
    }
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(input_[i]); };
    const int status = byte(0) % 32;
    const size_t size = std::min<size_t>(input_.size() - 3, byte(1) + (byte(2) << 8));
    ready_ += Answer(stream, status, input_.substr(3, size));
    input_.remove_prefix(3 + size);
  }

  const bool raw_;
  std::string_view input_;
  std::mutex mutex_;
  std::condition_variable changed_;
  ttrpc::FrameDecoder requests_;
  std::string ready_;
  bool greeted_ = false, over_ = false;
};

// Called back once each.
struct Told {
  std::mutex mutex;
  int asked = 0, told = 0;

  template <typename T, typename F>
  Agent::Callback<T> Ask(F check) {
    ++asked;
    return [this, check](const Result<T>& result) {
      check(result);
      const std::lock_guard lock(mutex);
      ++told;
    };
  }
};

void CallBlocking(Agent& agent) {
  const auto soon = [] { return Deadline::After(std::chrono::milliseconds(3)); };
  const auto details = agent.GetDetails(soon());
  Check(!details || details->version.size() <= 64);
  (void)agent.CreateSandbox({}, soon());
  (void)agent.CreateContainer({}, soon());
  (void)agent.StartContainer("c", soon());
  const auto stats = agent.StatsContainer("c", soon());
  Check(!stats || (stats->id == "c" && stats->io.size() <= 2000 && stats->memory.detail.size() <= 1000));
  const auto processes = agent.ListProcesses("c", soon());
  Check(!processes || processes->size() <= 65536);
  (void)agent.UpdateContainer("c", {}, soon());
  (void)agent.PauseContainer("c", soon());
  (void)agent.ResumeContainer("c", soon());
  (void)agent.CopyFile("c", {}, soon());
  (void)agent.ExecProcess({"c", "e"}, {}, soon());
  (void)agent.ResizeTerminal({"c", "e"}, 1, 2, soon());
  (void)agent.CloseStdin({"c", "e"}, {"writer", 7, false}, soon());
  (void)agent.SignalProcess({"c", "e"}, SIGTERM, false, soon());
}

void CallAsync(Agent& agent, Told& told) {
  agent.WaitProcess({"c", ""}, told.Ask<ExitStatus>([](const Result<ExitStatus>& exit) {
    Check(!exit || (exit->code >= 0 && exit->code <= 255));
  }));
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    agent.ReadOutput({"c", ""}, stream, kAsked, told.Ask<std::string>([](const Result<std::string>& data) {
      Check(!data || data->size() <= kAsked);
    }));
  }
  for (const InputPosition& position : {InputPosition{}, InputPosition{"writer", 7, false}}) {
    agent.WriteStdin({"c", ""}, position, std::string(100, 'x'), Deadline::Infinite(),
                     told.Ask<InputTaken>([&, at = position.offset](const Result<InputTaken>& answer) {
                       Check(!answer || answer->taken >= at);
                     }));
  }
  agent.NextOom(told.Ask<std::string>([](const Result<std::string>&) {}));
}

int RunOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool raw = data[0] == 0;
  Told told;
  {
    KataAgent agent(
        [&](const AgentAddress&, const std::function<bool()>&, Deadline) -> Result<std::unique_ptr<Stream>> {
          return std::unique_ptr<Stream>(std::make_unique<FuzzedStream>(raw, input));
        });
    (void)agent.Connect({}, Deadline::After(std::chrono::milliseconds(100)));
    // Half of the inputs meet the calls in the other order.
    if (size % 2 == 0) CallAsync(agent, told);
    CallBlocking(agent);
    if (size % 2 == 1) CallAsync(agent, told);
    agent.Close();
    Check(told.told == told.asked);
  }
  Check(told.told == told.asked);
  return 0;
}

}  // namespace
}  // namespace virtcontainers

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return virtcontainers::RunOneInput(data, size);
}
