#include <algorithm>
#include <cstdlib>

#include "base/errors.h"
#include "network/passt.h"
#include "network/user_mode.h"
#include "os/file.h"
#include "os/own_program.h"
#include "os/subprocess.h"

namespace virtcontainers {
namespace {

// Below this, ports are bound by root alone. (ip(7), ip_unprivileged_port_start)
int FirstFreePort() {
  const auto text = ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", 64);
  return text ? std::atoi(text->c_str()) : 1024;
}

// Why passt does not do what is asked for; empty if it does.
std::string ObstacleToPasst(const UserModeOptions& options) {
  if (options.limits.receive.rate != 0 || options.limits.transmit.rate != 0)
    return "passt has no limits of rates";
  const int first = FirstFreePort();
  for (const PortForward& forward : options.forwards) {
    if (forward.host_port < first) {
      return "passt gives up the right to bind port " + std::to_string(forward.host_port) + " before it does";
    }
  }
  return "";
}

Result<UserModeChoice> ChooseSlirp(const UserModeOptions& options, std::string reason, Deadline deadline) {
  UserModeChoice choice;
  choice.program = options.program.empty() ? OwnProgram(kUsernetProgram) : options.program;
  const auto fail = [&](Code code, const std::string& why) {
    return Fail(code, "no user-mode network: " + reason + "; " + Quoted(choice.program) + ": " + why +
                          ": install it, or a passt that is newer than 2025_05_03");
  };
  if (!IsExecutable(choice.program)) return fail(Code::kNotFound, "is no program");
  Result<std::string> version = RunCommand({choice.program, "--version"}, deadline);
  if (!version) return fail(version.error().code(), version.error().ToString());
  choice.description = version->substr(0, version->find('\n'));
  choice.reason = std::move(reason);
  return choice;
}

}  // namespace

Result<UserModeChoice> ChooseUserMode(const UserModeOptions& options, Deadline deadline) {
  if (options.backend == UserModeBackend::kSlirp) return ChooseSlirp(options, "asked for", deadline);
  std::string obstacle = ObstacleToPasst(options);
  if (obstacle.empty()) {
    const Result<Passt> passt = FindPasst(deadline);
    if (passt) {
      return UserModeChoice{UserModeBackend::kPasst, passt->path, "passt " + passt->version,
                            "passt is new enough"};
    }
    obstacle = passt.error().message();
  }
  if (options.backend == UserModeBackend::kPasst) return Fail(Code::kFailedPrecondition, obstacle);
  return ChooseSlirp(options, std::move(obstacle), deadline);
}

}  // namespace virtcontainers
