#include "guest/agent/link/port_link.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/errors.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

constexpr const char* kPorts = "/sys/class/virtio-ports";
// The kernel takes 32 KiB at a time, and stuffing at most doubles.
constexpr size_t kChunk = 16 << 10;

std::string PortOnce(const std::string& name) {
  DIR* ports = ::opendir(kPorts);
  if (ports == nullptr) return {};
  std::string found;
  while (const dirent* entry = ::readdir(ports)) {
    if (entry->d_name[0] == '.') continue;
    const auto content = ReadFile(std::string(kPorts) + "/" + entry->d_name + "/name");
    if (content && content->substr(0, content->find('\n')) == name)
      found = std::string("/dev/") + entry->d_name;
  }
  ::closedir(ports);
  return found;
}

}  // namespace

Result<std::string> FindPort(const std::string& name, std::chrono::milliseconds limit) {
  const auto deadline = EventLoop::Clock::now() + limit;
  for (;;) {
    std::string device = PortOnce(name);
    if (!device.empty() && ::access(device.c_str(), F_OK) == 0) return device;
    if (EventLoop::Clock::now() >= deadline) {
      return Fail(Code::kNotFound, "there is no virtio-serial port called " + Quoted(name) +
                                       ": the VM needs '-device virtserialport,name=" + name + "'");
    }
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

Result<std::unique_ptr<PortLink>> PortLink::Create(EventLoop& loop, UniqueFd port,
                                                   Connection::Handler handler) {
  const int fd = port.get();
  std::unique_ptr<PortLink> self(new PortLink(loop, std::move(port), std::move(handler)));
  // Edge-triggered: while no host is connected the port is level-ready (EPOLLHUP) all the time.
  VC_RETURN_IF_ERROR(
      loop.Add(fd, EPOLLIN | EPOLLOUT | EPOLLET, [link = self.get()](uint32_t) { link->OnEvent(); }));
  loop.Post([link = self.get()] { link->OnEvent(); });
  return self;
}

PortLink::PortLink(EventLoop& loop, UniqueFd port, Connection::Handler handler)
    : loop_(loop), port_(std::move(port)), handler_(std::move(handler)) {}

PortLink::~PortLink() {
  loop_.Remove(port_.get());
  EndSession();
}

void PortLink::OnEvent() {
  Receive();
  Send();
}

void PortLink::Pump() {
  if (!std::exchange(readable_, false)) return;
  OnEvent();
}

void PortLink::Receive() {
  std::array<char, kReadSize> buffer;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t count = ::read(port_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    // 0: no host is connected. An edge comes when one is.
    if (count <= 0) return;
    decoder_.Receive(std::span(buffer.data(), static_cast<size_t>(count)), *this);
    if (connection_ && connection_->failed()) EndSession();
  }
  // No edge will tell of what is left.
  readable_ = true;
  loop_.After(std::chrono::nanoseconds(0), [this] { Pump(); });
}

size_t PortLink::SentOfEncoded() const {
  // Each escape byte stands for nothing by itself.
  const auto sent = std::string_view(encoded_).substr(0, encoded_sent_);
  const auto escapes = static_cast<size_t>(std::count(sent.begin(), sent.end(), '\xdb'));
  return std::min(encoded_raw_, sent.size() - escapes);
}

void PortLink::Send() {
  for (;;) {
    if (encoded_.empty()) {
      if (!connection_ || connection_->Output().empty()) return;
      const std::string_view chunk = connection_->Output().substr(0, kChunk);
      link::AppendSessionData(encoded_, chunk);
      encoded_raw_ = chunk.size();
    }
    const ssize_t count =
        ::write(port_.get(), encoded_.data() + encoded_sent_, encoded_.size() - encoded_sent_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    encoded_sent_ += static_cast<size_t>(count);
    if (encoded_sent_ < encoded_.size()) continue;
    encoded_.clear();
    encoded_sent_ = 0;
    // May call back into what adds to the output.
    if (const size_t raw = std::exchange(encoded_raw_, 0); raw != 0 && connection_) connection_->Sent(raw);
  }
}

void PortLink::EndSession() {
  if (!connection_) return;
  const auto connection = std::exchange(connection_, nullptr);
  if (encoded_raw_ != 0) connection->Sent(SentOfEncoded());
  encoded_.clear();
  encoded_sent_ = 0;
  encoded_raw_ = 0;
  connection->Close();
}

void PortLink::SessionStarted(uint64_t id) {
  EndSession();
  // Whatever the port holds half of: the mark puts the host in step again.
  encoded_.clear();
  encoded_sent_ = 0;
  link::AppendSessionMark(encoded_, id);
  connection_ = std::make_shared<Connection>(
      [this](Call call, ttrpc::ServerCall request) { handler_(std::move(call), std::move(request)); },
      [this] { loop_.Post([this] { Send(); }); });
  Log(LogLevel::kDebug, "a session starts");
}

void PortLink::SessionData(std::string_view data) {
  if (connection_) connection_->Receive(data);
}

void PortLink::SessionBroken() {
  Log(LogLevel::kWarn, "the host's side of the link is garbled: waiting for a new session");
  EndSession();
}

}  // namespace virtcontainers::guest
