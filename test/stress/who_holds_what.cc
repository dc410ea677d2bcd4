#include "stress/who_holds_what.h"

#include <unistd.h>

#include <climits>
#include <filesystem>

#include "os/file.h"

namespace virtcontainers::stress {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxText = 64 << 10;

std::string Text(const std::string& path) { return ReadFile(path, kMaxText).value_or(""); }

// The files that the process has open and locked: /proc/locks knows no process of an open file description's
// lock, fdinfo does. (proc(5))
std::string Locks(const std::string& process) {
  std::string locks;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(process + "/fdinfo", gone)) {
    if (Text(entry.path()).find("\nlock:") == std::string::npos) continue;
    char target[PATH_MAX];
    const std::string link = process + "/fd/" + entry.path().filename().string();
    const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
    locks += "    holds " + std::string(target, length > 0 ? static_cast<size_t>(length) : 0) + "\n";
  }
  return locks;
}

std::string Threads(const std::string& process) {
  std::string threads;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(process + "/task", gone)) {
    const std::string thread = entry.path();
    threads += "    thread " + entry.path().filename().string() + " in " + Text(thread + "/wchan") + "\n";
    // Empty where the kernel has none to show.
    threads += Text(thread + "/stack");
  }
  return threads;
}

std::string Describe(pid_t pid, const std::string& what) {
  const std::string process = "/proc/" + std::to_string(pid);
  return "  process " + std::to_string(pid) + " (" + what + ")\n" + Locks(process) + Threads(process);
}

}  // namespace

std::string WhoHoldsWhat(const Scratch& scratch, const std::vector<pid_t>& callers) {
  std::string text = "the pods:\n";
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(scratch.root() + "/pods", gone)) {
    const std::string pod = entry.path();
    text += "  " + pod + ": " + Text(pod + "/state.json") + "\n  its monitor: " + Text(pod + "/monitor.log") +
            "\n";
  }
  text += "the callers:\n";
  for (const pid_t caller : callers) text += Describe(caller, "caller");
  text += "the pods' processes:\n";
  for (const PodProcess& process : scratch.Processes())
    text += Describe(process.identity.pid, process.command);
  return text + "/proc/locks:\n" + Text("/proc/locks");
}

}  // namespace virtcontainers::stress
