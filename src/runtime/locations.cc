#include "runtime/locations.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <memory>

#include "base/errors.h"
#include "os/file.h"
#include "os/own_program.h"

#ifndef VIRTCONTAINERS_GUESTDIR
#define VIRTCONTAINERS_GUESTDIR "/usr/local/lib/virtcontainers/guest"
#endif

namespace virtcontainers {
namespace {

constexpr char kMonitorProgram[] = "virtcontainers-monitor";

std::string FromEnvironment(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

Status MakeAbsolute(std::string& path) {
  if (path.empty() || path[0] == '/') return {};
  const std::unique_ptr<char, void (*)(void*)> cwd(::getcwd(nullptr, 0), &::free);
  if (!cwd) return FailErrno("find the working directory");
  path = std::string(cwd.get()) + "/" + path;
  return {};
}

std::string DefaultRoot() {
  if (::geteuid() == 0) return "/var/lib/virtcontainers";
  const std::string state = FromEnvironment("XDG_STATE_HOME");
  if (!state.empty()) return state + "/virtcontainers";
  const std::string home = FromEnvironment("HOME");
  if (!home.empty()) return home + "/.local/state/virtcontainers";
  return "/var/lib/virtcontainers";
}

std::string DefaultRun() {
  if (::geteuid() == 0) return "/run/virtcontainers";
  const std::string runtime = FromEnvironment("XDG_RUNTIME_DIR");
  if (!runtime.empty()) return runtime + "/virtcontainers";
  return "/tmp/virtcontainers-" + std::to_string(::geteuid());
}

// The first that is there of what a build tree or an unpacked archive has beside this program, and the
// installed one.
template <typename Exists>
std::string FirstOf(const std::vector<std::string>& candidates, Exists exists) {
  for (const std::string& candidate : candidates) {
    if (exists(candidate)) return candidate;
  }
  return candidates.back();
}

}  // namespace

Result<RuntimeOptions> ResolveLocations(RuntimeOptions options) {
  if (options.root.empty()) options.root = FromEnvironment("VIRTCONTAINERS_ROOT");
  if (options.root.empty()) options.root = DefaultRoot();
  if (options.run.empty()) options.run = FromEnvironment("VIRTCONTAINERS_RUN");
  if (options.run.empty()) options.run = DefaultRun();
  if (options.monitor.empty()) options.monitor = FromEnvironment("VIRTCONTAINERS_MONITOR");
  if (options.guest.empty()) options.guest = FromEnvironment("VIRTCONTAINERS_GUEST");
  const std::string here = ProgramDirectory();
  if (options.monitor.empty()) options.monitor = OwnProgram(kMonitorProgram);
  if (options.guest.empty()) {
    options.guest =
        FirstOf({here + "/../guest", here + "/../lib/virtcontainers/guest", VIRTCONTAINERS_GUESTDIR},
                [](const std::string& dir) { return FileExists(dir + "/vmlinux"); });
  }
  for (std::string* path : {&options.root, &options.run, &options.monitor, &options.guest}) {
    VC_RETURN_IF_ERROR(MakeAbsolute(*path));
  }
  return options;
}

}  // namespace virtcontainers
