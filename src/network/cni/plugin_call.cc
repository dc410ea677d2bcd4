#include "network/cni/plugin_call.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/errors.h"
#include "base/json.h"
#include "base/unique_fd.h"
#include "network/cni/plugin_processes.h"
#include "os/marked_process.h"
#include "os/subprocess.h"

namespace virtcontainers::cni {
namespace {

// For the end of processes that have been sent SIGKILL.
constexpr std::chrono::seconds kKillTime{5};
// Of output that is no answer, in a message.
constexpr size_t kMaxQuotedOutput = 400;

enum class PluginErrorCode : int {
  kIncompatibleVersion = 1,
  kUnsupportedField = 2,
  kUnknownContainer = 3,
  kInvalidEnvironment = 4,
  kDecodingFailure = 6,
  kInvalidConfig = 7,
  kTryAgainLater = 11,
  kNotAvailable = 50,
  kLimitedConnectivity = 51,
};

Code CodeOf(int64_t plugin_code) {
  switch (static_cast<PluginErrorCode>(plugin_code)) {
    case PluginErrorCode::kIncompatibleVersion:
    case PluginErrorCode::kUnsupportedField:
    case PluginErrorCode::kInvalidEnvironment:
    case PluginErrorCode::kDecodingFailure:
    case PluginErrorCode::kInvalidConfig:
      return Code::kInvalidArgument;
    case PluginErrorCode::kUnknownContainer:
      return Code::kNotFound;
    case PluginErrorCode::kTryAgainLater:
    case PluginErrorCode::kNotAvailable:
    case PluginErrorCode::kLimitedConnectivity:
      return Code::kUnavailable;
  }
  return Code::kAborted;
}

std::string Describe(const PluginCall& call) {
  return "CNI plugin " + Quoted(call.type) + " of the network " + Quoted(call.network) + ": " + call.command;
}

// iptables, nft and the like are where a user's PATH may not lead.
std::string SearchPath() {
  const char* own = std::getenv("PATH");
  std::string path = own != nullptr ? own : "";
  for (const std::string_view directory : {"/usr/sbin", "/sbin", "/usr/bin", "/bin"}) {
    const std::string between = ":" + path + ":";
    if (between.find(":" + std::string(directory) + ":") != std::string::npos) continue;
    if (!path.empty()) path += ':';
    path += directory;
  }
  return path;
}

std::vector<std::string> EnvironmentOf(const PluginCall& call) {
  std::vector<std::string> environment = {"PATH=" + SearchPath(), "CNI_COMMAND=" + call.command,
                                          std::string(kCallVariable) + "=" + call.mark};
  if (const char* directory = std::getenv("TMPDIR"))
    environment.push_back(std::string("TMPDIR=") + directory);
  for (const auto& [name, value] : call.parameters) environment.push_back(name + "=" + value);
  const std::string mark = OwnMark();
  return mark.empty() ? environment : WithMark(std::move(environment), mark);
}

// What the plugin reads, written without blocking.
//
// A pipe that is written only once the plugin has been started: if this process is killed before that, when
// the plugin cannot be told from this process by its environment, it reads less than a configuration, and
// does nothing.
class Input {
 public:
  // The end that the plugin reads.
  Result<int> Open(std::string_view text) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno("make the input of a CNI plugin");
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
    if (::fcntl(writer_.get(), F_SETFL, O_NONBLOCK) != 0) return FailErrno("set O_NONBLOCK");
    left_ = text;
    return reader_.get();
  }

  // Writes what there is room for. This process keeps the other end, so that a plugin that does not read
  // causes no SIGPIPE.
  Status Fill() {
    while (writer_ && !left_.empty()) {
      const ssize_t put = ::write(writer_.get(), left_.data(), left_.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EAGAIN) return {};
      if (put < 0) return FailErrno("write the input of a CNI plugin");
      left_.remove_prefix(static_cast<size_t>(put));
    }
    writer_.reset();
    return {};
  }

  // -1 once all is written.
  int fd() const { return writer_.get(); }

 private:
  UniqueFd reader_;
  UniqueFd writer_;
  std::string_view left_;
};

// One of the plugin's outputs, read without blocking.
class Output {
 public:
  // The end that the plugin writes to.
  Result<UniqueFd> Open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno("make the output of a CNI plugin");
    reader_.reset(ends[0]);
    UniqueFd writer(ends[1]);
    // The plugin's end stays as programs expect it.
    if (::fcntl(reader_.get(), F_SETFL, O_NONBLOCK) != 0) return FailErrno("set O_NONBLOCK");
    return writer;
  }

  // Reads what is there. False once there is more than is accepted.
  bool Drain() {
    char buffer[16384];
    while (reader_) {
      const ssize_t got = ::read(reader_.get(), buffer, sizeof(buffer));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return true;
      if (got <= 0) {
        reader_.reset();
        return true;
      }
      if (text_.size() + static_cast<size_t>(got) > kMaxPluginOutput) return false;
      text_.append(buffer, static_cast<size_t>(got));
    }
    return true;
  }

  int fd() const { return reader_.get(); }
  const std::string& text() const { return text_; }

 private:
  UniqueFd reader_;
  std::string text_;
};

// The end of an output on one line.
std::string QuoteOutput(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::string line(text.substr(text.size() - std::min(text.size(), kMaxQuotedOutput)));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = ' ';
  }
  return line;
}

struct PluginError {
  int64_t code = 0;
  std::string message;
};

// The error that a plugin printed; nothing if the text is none.
std::optional<PluginError> ReadPluginError(std::string_view text) {
  const Result<Json> json = ParseJson(text, {.bytes = kMaxPluginOutput, .depth = 32});
  if (!json || !json->is_object()) return {};
  const auto field = [&](const char* name) -> std::string {
    const auto found = json->find(name);
    return found != json->end() && found->is_string() ? QuoteOutput(found->get<std::string>()) : "";
  };
  const auto code = json->find("code");
  const bool coded = code != json->end() && code->is_number_integer();
  std::string message = field("msg");
  if (message.empty() && !coded) return {};
  const int64_t number = coded ? code->get<int64_t>() : 0;
  if (message.empty()) message = "no message";
  const std::string details = field("details");
  if (!details.empty()) message += ": " + details;
  return PluginError{number, message + " (code " + std::to_string(number) + ")"};
}

class Execution {
 public:
  explicit Execution(const PluginCall& call) : call_(call) {}

  Result<std::string> Run(const Deadline& deadline) {
    if (deadline.passed()) return Fail(Late(deadline));
    VC_ASSIGN_OR_RETURN(const int input, in_.Open(call_.config));
    VC_ASSIGN_OR_RETURN(UniqueFd out, out_.Open());
    VC_ASSIGN_OR_RETURN(UniqueFd err, err_.Open());
    Result<Subprocess> child = Subprocess::Spawn({.argv = {call_.program},
                                                  .env = EnvironmentOf(call_),
                                                  .fds = {{input, 0}, {out.get(), 1}, {err.get(), 2}}});
    if (!child) return Fail(child.error().Reworded(Describe(call_) + ": " + child.error().message()));
    out.reset();
    err.reset();
    const Status ended = WaitForEnd(*child, deadline);
    if (!ended) {
      KillAll(*child);
      return Fail(ended.error());
    }
    VC_ASSIGN_OR_RETURN(const ProcessExit exit, child->Wait(Deadline::Infinite()));
    return Answer(exit);
  }

 private:
  Error Late(const Deadline& deadline) const {
    if (deadline.cancelled()) return Error(Code::kCancelled, "the caller cancelled the call");
    std::string message = Describe(call_) + " did not end in time";
    const std::string said = QuoteOutput(err_.text());
    if (!said.empty()) message += ": " + said;
    return Error(Code::kDeadlineExceeded, std::move(message));
  }

  Status WaitForEnd(const Subprocess& child, const Deadline& deadline) {
    const UniqueFd stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stopped) return FailErrno("eventfd");
    const std::stop_callback wake(deadline.token(), [&] {
      const uint64_t one = 1;
      (void)!::write(stopped.get(), &one, sizeof(one));
    });
    bool ended = false;
    while (!ended) {
      pollfd entries[] = {{.fd = child.pidfd(), .events = POLLIN, .revents = 0},
                          {.fd = stopped.get(), .events = POLLIN, .revents = 0},
                          {.fd = out_.fd(), .events = POLLIN, .revents = 0},
                          {.fd = err_.fd(), .events = POLLIN, .revents = 0},
                          {.fd = in_.fd(), .events = POLLOUT, .revents = 0}};
      if (::poll(entries, 5, deadline.PollTimeout()) < 0 && errno != EINTR) return FailErrno("poll");
      ended = entries[0].revents != 0;
      if (!ended) VC_RETURN_IF_ERROR(in_.Fill());
      // What it wrote before it ended is there by now; a child of it may hold the pipes open for long.
      if (!out_.Drain() || !err_.Drain()) {
        return Fail(Code::kResourceExhausted,
                    Describe(call_) + " printed more than " + std::to_string(kMaxPluginOutput) + " bytes");
      }
      if (!ended && deadline.passed()) return Fail(Late(deadline));
    }
    return {};
  }

  void KillAll(Subprocess& child) {
    // Not collected yet, it still holds its number, which is that of its group and of its session.
    ::kill(-child.pid(), SIGKILL);
    (void)child.Kill(SIGKILL);
    (void)KillPluginProcesses(call_.mark, child.pid(), Deadline::After(kKillTime));
    (void)child.Wait(Deadline::After(kKillTime));
  }

  Result<std::string> Answer(const ProcessExit& exit) const {
    std::optional<PluginError> error = ReadPluginError(out_.text());
    if (!error && !exit.success()) error = ReadPluginError(err_.text());
    if (error && error->code == static_cast<int>(PluginErrorCode::kUnknownContainer) &&
        call_.command == "DEL") {
      return std::string();
    }
    if (error) return Fail(CodeOf(error->code), Describe(call_) + " failed: " + error->message);
    if (exit.success()) return out_.text();
    std::string message = Describe(call_) + " " + exit.Describe();
    std::string said = QuoteOutput(err_.text());
    if (said.empty()) said = QuoteOutput(out_.text());
    message += said.empty() ? ", and printed nothing" : ": " + said;
    return Fail(Code::kAborted, std::move(message));
  }

  const PluginCall& call_;
  Input in_;
  Output out_;
  Output err_;
};

}  // namespace

Result<std::string> CallPlugin(const PluginCall& call, Deadline deadline) {
  return Execution(call).Run(deadline);
}

}  // namespace virtcontainers::cni
