#include "network/passt.h"

#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <optional>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/poll.h"
#include "os/subprocess.h"

namespace virtcontainers {
namespace {

// The newest version that was found not to carry everything, as eight digits.
constexpr std::string_view kNewestFaulty = "20250503";

// A day at `text`: "2025_05_03" or "20250503", as eight digits.
std::optional<std::string> DayAt(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      digits += c;
    } else if (c != '_' || (digits.size() != 4 && digits.size() != 6)) {
      break;
    }
  }
  if (digits.size() != 8 || digits.substr(0, 2) != "20") return std::nullopt;
  return digits;
}

// What a program prints where it is read by a person. passt ends without writing out what it has printed, and
// only to a terminal it prints each line at once.
Result<std::string> OutputOnTerminal(const std::vector<std::string>& argv, const Deadline& deadline) {
  constexpr size_t kMost = 4096;
  const UniqueFd reader(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64];
  if (!reader || ::grantpt(reader.get()) != 0 || ::unlockpt(reader.get()) != 0 ||
      ::ptsname_r(reader.get(), name, sizeof name) != 0) {
    return FailErrno("make a terminal");
  }
  UniqueFd terminal(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal) return FailErrno("open " + Quoted(name));
  Subprocess::Options options;
  options.argv = argv;
  options.fds = {{terminal.get(), STDOUT_FILENO}};
  VC_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Spawn(options));
  terminal.reset();
  std::string output;
  Status read;
  while (output.size() < kMost) {
    const Result<bool> readable = WaitReadable(reader.get(), deadline);
    if (!readable || !*readable) {
      read = Fail(Code::kDeadlineExceeded, "it did not say its version in time");
      break;
    }
    char buffer[kMost];
    const ssize_t got = ::read(reader.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // EIO: nobody has the terminal open
    output.append(buffer, static_cast<size_t>(got));
  }
  (void)child.Kill(SIGKILL);
  (void)child.Wait(Deadline::Infinite());
  VC_RETURN_IF_ERROR(read);
  return output;
}

}  // namespace

Result<std::string> PasstVersion(std::string_view version_output) {
  const std::string_view line = version_output.substr(0, version_output.find('\n'));
  constexpr std::string_view kName = "passt ", kGit = "0.0~git";
  std::optional<std::string> day;
  if (line.substr(0, kName.size()) == kName) {
    std::string_view version = line.substr(kName.size());
    if (version.substr(0, kGit.size()) == kGit) version.remove_prefix(kGit.size());
    day = DayAt(version);
  }
  constexpr std::string_view kWhy =
      ": versions up to 2025_05_03 cut transfers on half-closed connections short, and in older ones "
      "forwarded "
      "connections stall when the server speaks first";
  if (!day) {
    return Fail(Code::kFailedPrecondition, "it does not say of which day it is" + std::string(kWhy));
  }
  const std::string version = day->substr(0, 4) + "_" + day->substr(4, 2) + "_" + day->substr(6);
  if (*day > kNewestFaulty) return version;
  return Fail(Code::kFailedPrecondition, "it is of " + version + std::string(kWhy));
}

Result<Passt> FindPasst(Deadline deadline) {
  Passt passt;
  passt.path = FindProgram("passt");
  if (passt.path.empty()) return Fail(Code::kNotFound, "passt is not installed");
  const auto fail = [&](Error error) {
    return Fail(error.code(), "passt at " + Quoted(passt.path) + " is not used: " + error.message());
  };
  Result<std::string> output = OutputOnTerminal({passt.path, "--version"}, deadline);
  if (!output) return fail(std::move(output.error()));
  Result<std::string> version = PasstVersion(*output);
  if (!version) return fail(std::move(version.error()));
  passt.version = std::move(*version);
  return passt;
}

std::vector<std::string> PasstArguments(const Passt& passt, const UsernetOptions& options, int fd) {
  std::vector<std::string> words = {passt.path,
                                    "--foreground",
                                    "--quiet",
                                    "--fd",
                                    std::to_string(fd),
                                    "--mtu",
                                    std::to_string(options.mtu)};
  const auto add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  add({"--address", options.ipv4.guest, "--netmask", std::to_string(options.ipv4.prefix), "--gateway",
       options.ipv4.gateway, "--dns-forward", options.ipv4.nameserver});
  if (options.ipv6) {
    add({"--address", options.ipv6->guest, "--gateway", options.ipv6->gateway, "--dns-forward",
         options.ipv6->nameserver});
  } else {
    add({"--ipv4-only"});
  }
  // The guest is configured by the host.
  add({"--no-dhcp", "--no-dhcpv6", "--no-ra"});
  if (!options.host_loopback) add({"--no-map-gw"});
  if (options.user != 0) add({"--runas", std::to_string(options.user) + ":" + std::to_string(options.user)});
  bool tcp = false, udp = false;
  for (const PortForward& forward : options.forwards) {
    const bool is_udp = forward.protocol == NetworkProtocol::kUdp;
    (is_udp ? udp : tcp) = true;
    const auto range = [&](uint16_t first) {
      const std::string text = std::to_string(first);
      return forward.count == 1 ? text : text + "-" + std::to_string(first + forward.count - 1);
    };
    const std::string address = forward.host_address.empty() ? "" : forward.host_address + "/";
    add({is_udp ? "--udp-ports" : "--tcp-ports",
         address + range(forward.host_port) + ":" + range(forward.guest_port)});
  }
  if (!tcp) add({"--tcp-ports", "none"});
  if (!udp) add({"--udp-ports", "none"});
  return words;
}

}  // namespace virtcontainers
