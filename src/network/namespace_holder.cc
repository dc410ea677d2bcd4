#include "network/namespace_holder.h"

#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/errors.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/process_identity.h"

namespace virtcontainers {
namespace {

constexpr int kHolderControl = 3;
constexpr char kProgramName[] = "virtcontainers-netns";
constexpr std::chrono::seconds kEndTime{5};

// One message of the holder's; empty if it has closed its end.
Result<std::string> ReadMessage(int fd, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const bool readable, WaitReadable(fd, deadline));
  if (!readable) return Fail(Code::kDeadlineExceeded, "the holder of a network namespace does not answer");
  char text[512];
  const ssize_t size = ::recv(fd, text, sizeof(text), 0);
  if (size < 0 && errno != ECONNRESET) return FailErrno("read from the holder of a network namespace");
  return std::string(text, static_cast<size_t>(size < 0 ? 0 : size));
}

// The holder's words for what failed: an errno value and the step.
Error HolderError(const std::string& message) {
  int error = 0;
  const auto [end, parsed] = std::from_chars(message.data(), message.data() + message.size(), error);
  if (parsed != std::errc() || *end != ' ')
    return Error(Code::kInternal, "the holder of a network namespace ended while it started");
  const std::string what(end + 1);
  if (error == EPERM)
    return Error(Code::kPermissionDenied, what + ": this needs CAP_SYS_ADMIN and CAP_NET_ADMIN");
  return ErrnoError(what, error);
}

Status SendPidfd(int socket, int pidfd) {
  char text[] = "bind";
  iovec part{text, sizeof(text) - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &pidfd, sizeof(pidfd));
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    return FailErrno("bind the holder of a network namespace");
  return {};
}

}  // namespace

Result<NamespaceHolder> NamespaceHolder::Start(const Options& options, Deadline deadline) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return FailErrno("make a socket to the holder of a network namespace");
  NamespaceHolder holder;
  holder.control_.reset(ends[0]);
  UniqueFd theirs(ends[1]);

  Subprocess::Options spawn;
  spawn.argv = {options.program};
  spawn.env = options.environment;
  spawn.fds = {{theirs.get(), kHolderControl}};
  VC_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Spawn(spawn));
  holder.child_.emplace(std::move(child));
  // So that its end is seen as the end of its messages.
  theirs.reset();
  VC_ASSIGN_OR_RETURN(holder.process_, IdentifyProcess(holder.child_->pid()));
  VC_ASSIGN_OR_RETURN(const std::string said, ReadMessage(holder.control_.get(), deadline));
  if (said != "ready") return Fail(HolderError(said));
  return holder;
}

Result<NamespaceHolder> NamespaceHolder::Rejoin(const ProcessIdentity& process) {
  VC_ASSIGN_OR_RETURN(const bool alive, CheckAlive(process));
  if (!alive)
    return Fail(Code::kNotFound, "process " + std::to_string(process.pid) +
                                     ", which held the pod's network namespace, has ended");
  NamespaceHolder holder;
  holder.process_ = process;
  holder.bound_ = true;
  return holder;
}

NamespaceHolder::NamespaceHolder(NamespaceHolder&& other) noexcept
    : process_(std::move(other.process_)),
      child_(std::exchange(other.child_, std::nullopt)),
      control_(std::move(other.control_)),
      bound_(other.bound_) {}

NamespaceHolder& NamespaceHolder::operator=(NamespaceHolder&& other) noexcept {
  if (this == &other) return *this;
  Detach();
  process_ = std::move(other.process_);
  child_ = std::exchange(other.child_, std::nullopt);
  control_ = std::move(other.control_);
  bound_ = other.bound_;
  return *this;
}

NamespaceHolder::~NamespaceHolder() { Detach(); }

std::string NamespaceHolder::path() const { return "/proc/" + std::to_string(process_.pid) + "/ns/net"; }

Status NamespaceHolder::Bind(const ProcessIdentity& vm, Deadline deadline) {
  if (bound_)
    return Fail(Code::kFailedPrecondition, "the holder of a network namespace is bound to a process already");
  // The pidfd first, the check after: from then on it cannot be of another process.
  const UniqueFd pidfd(OpenPidfd(vm.pid));
  if (!pidfd && errno != ESRCH) return FailErrno("open process " + std::to_string(vm.pid));
  bool alive = false;
  if (pidfd) {
    VC_ASSIGN_OR_RETURN(alive, CheckAlive(vm));
  }
  if (!alive)
    return Fail(Code::kNotFound,
                "process " + std::to_string(vm.pid) +
                    ", to which the holder of a network namespace is to be bound, has ended");
  VC_RETURN_IF_ERROR(SendPidfd(control_.get(), pidfd.get()));
  VC_ASSIGN_OR_RETURN(const std::string said, ReadMessage(control_.get(), deadline));
  if (said != "bound") return Fail(Code::kUnavailable, "the holder of a network namespace has ended");
  bound_ = true;
  control_.reset();
  return {};
}

Status NamespaceHolder::Stop(Deadline deadline) {
  control_.reset();
  if (child_) {
    VC_RETURN_IF_ERROR(child_->Kill(SIGKILL));
    VC_RETURN_IF_ERROR(child_->Wait(deadline));
    child_.reset();
    return {};
  }
  return KillAndWait(process_, deadline);
}

void NamespaceHolder::Detach() {
  control_.reset();
  if (child_ && !bound_) {
    (void)child_->Kill(SIGKILL);
    (void)child_->Wait(Deadline::After(kEndTime));
  }
  child_.reset();
}

std::string NamespaceHolderProgram(const std::string& monitor) {
  return monitor.substr(0, monitor.rfind('/') + 1) + kProgramName;
}

}  // namespace virtcontainers
