#include "network/user_mode.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/errors.h"
#include "base/network_address.h"
#include "network/host_port.h"
#include "network/passt.h"
#include "network/stream_probe.h"
#include "network/user_mode_plan.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/oom_kills.h"
#include "os/poll.h"
#include "os/subprocess.h"
#include "os/unused_user.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxReadiness = 4096;
constexpr auto kRejoinTime = std::chrono::seconds(10);

std::string LogOf(const UserModeOptions& options) {
  return options.run_dir + "/usernet-" + options.name + ".log";
}

Status CheckNetworkName(const std::string& name) {
  if (!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos) return {};
  return Fail(Code::kInvalidArgument, "network name " + Quoted(name) + " is no part of a file's name");
}

WatchedProcess::Options WatchOptionsOf(const UserModeOptions& options) {
  return {.name = "the network stack of " + Quoted(options.name),
          .log = LogOf(options),
          .on_exit = options.on_exit};
}

// Reads the line that the program says when it is ready or has failed.
Status AwaitUsernet(int fd, Deadline deadline) {
  std::string said;
  while (said.find('\n') == std::string::npos && said.size() < kMaxReadiness) {
    VC_ASSIGN_OR_RETURN(const bool readable, WaitReadable(fd, deadline));
    if (!readable) return Fail(Code::kDeadlineExceeded, "it was not ready in time");
    char buffer[kMaxReadiness];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read");
    if (got == 0) break;
    said.append(buffer, static_cast<size_t>(got));
  }
  if (said.rfind("ready ", 0) == 0) return {};
  const size_t space = said.find(' ');
  const int code = std::atoi(said.c_str());
  if (space == std::string::npos || code < static_cast<int>(Code::kCancelled) ||
      code > static_cast<int>(Code::kUnauthenticated)) {
    return Fail(Code::kInternal, "it ended before it was ready");
  }
  return Fail(static_cast<Code>(code), said.substr(space + 1, said.find('\n') - space - 1));
}

struct Pair {
  UniqueFd ours, theirs;
};

Result<Pair> MakeSocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return FailErrno("make a socket");
  return Pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<Pair> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno("make a pipe");
  return Pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string Describe(const UserModeChoice& choice, const UserModeHost& host) {
  return choice.description + (host.ipv6 ? "" : ", no IPv6 on the host");
}

}  // namespace

UserModeNetwork::~UserModeNetwork() = default;

Result<std::unique_ptr<UserModeNetwork>> UserModeNetwork::Start(const UserModeOptions& options,
                                                                Deadline deadline) {
  VC_RETURN_IF_ERROR(CheckNetworkName(options.name));
  std::string mac(6, '\xff');
  if (!options.mac.empty()) {
    VC_ASSIGN_OR_RETURN(mac, ParseMac(options.mac));
  }
  const UserModeHost host = LookAtUserModeHost();
  VC_ASSIGN_OR_RETURN(UsernetOptions plan,
                      PlanUserMode(options.addresses, options.mtu, options.forwards, host));
  plan.host_loopback = options.host_loopback;
  plan.limits = options.limits;
  VC_ASSIGN_OR_RETURN(const UserModeChoice choice, ChooseUserMode(options, deadline));
  if (ObstacleToConfining().empty()) {
    VC_ASSIGN_OR_RETURN(plan.user, FindUnusedUser());
  }

  // passt says less of a port that is taken, and takes the others of a range.
  if (choice.backend == UserModeBackend::kPasst)
    VC_RETURN_IF_ERROR(CheckHostPorts(plan.forwards, plan.ipv6.has_value()));

  std::unique_ptr<UserModeNetwork> network(new UserModeNetwork());
  network->description_ = Describe(choice, host);
  network->guest_ = UserModeGuest(plan);
  network->dns_ = options.dns.empty() ? UserModeDns(plan, host) : options.dns;
  const std::string path = LogOf(options);
  const UniqueFd log(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log) return FailErrno("make " + Quoted(path));
  VC_ASSIGN_OR_RETURN(Pair stream, MakeSocketPair());
  VC_ASSIGN_OR_RETURN(Pair report, MakePipe());

  const bool own = choice.backend == UserModeBackend::kSlirp;
  Subprocess::Options spawn;
  spawn.argv = own ? std::vector<std::string>{choice.program, UsernetOptionsToJson(plan)}
                   : PasstArguments({choice.program, ""}, plan, kUsernetStreamFd);
  spawn.env = ConfinedEnvironment();
  spawn.fds = {
      {stream.theirs.get(), kUsernetStreamFd}, {log.get(), STDOUT_FILENO}, {log.get(), STDERR_FILENO}};
  if (own) spawn.fds.emplace_back(report.theirs.get(), kUsernetReportFd);

  const OomKills kills;
  VC_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Spawn(spawn));
  VC_ASSIGN_OR_RETURN(network->process_,
                      WatchedProcess::Watch(WatchOptionsOf(options), std::move(child), kills));
  stream.theirs.reset();
  report.theirs.reset();
  Status ready = own ? AwaitUsernet(report.ours.get(), deadline)
                     : AwaitGateway(stream.ours.get(), mac, plan.ipv4, deadline);
  if (!ready) {
    // One that has failed has more to say in its log than that it closed the stream.
    const bool ended = network->process_->AwaitEnd(Min(deadline, Deadline::After(std::chrono::seconds(1))));
    if (ended && !own) ready = Fail(Code::kAborted, network->process_->exit_reason().value_or(""));
    (void)network->process_->Stop(Deadline::After(kRejoinTime));
    return Fail(std::move(ready.error().AddContext("start network " + Quoted(options.name))));
  }
  network->socket_ = std::move(stream.ours);
  return network;
}

Result<std::unique_ptr<UserModeNetwork>> UserModeNetwork::Rejoin(UserModeOptions options,
                                                                 const ProcessIdentity& process) {
  VC_RETURN_IF_ERROR(CheckNetworkName(options.name));
  std::unique_ptr<UserModeNetwork> network(new UserModeNetwork());
  const UserModeHost host = LookAtUserModeHost();
  VC_ASSIGN_OR_RETURN(const UsernetOptions plan,
                      PlanUserMode(options.addresses, options.mtu, options.forwards, host));
  network->guest_ = UserModeGuest(plan);
  network->dns_ = options.dns.empty() ? UserModeDns(plan, host) : options.dns;
  // The one that runs, whatever would be chosen now.
  const std::string words =
      ReadFile("/proc/" + std::to_string(process.pid) + "/cmdline", 1 << 20).value_or("");
  const std::string program = words.substr(0, words.find('\0'));
  const bool own = program.find(kUsernetProgram) != std::string::npos;
  options.backend = own ? UserModeBackend::kSlirp : UserModeBackend::kPasst;
  const Result<UserModeChoice> choice = ChooseUserMode(options, Deadline::After(kRejoinTime));
  network->description_ = choice ? Describe(*choice, host) : own ? "libslirp" : "passt";
  VC_ASSIGN_OR_RETURN(network->process_, WatchedProcess::Adopt(WatchOptionsOf(options), process));
  return network;
}

}  // namespace virtcontainers
