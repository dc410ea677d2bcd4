#include "stress/scratch.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "os/file.h"
#include "os/process_identity.h"
#include "os/subprocess.h"

namespace virtcontainers::stress {
namespace {

namespace fs = std::filesystem;

// In the environment of all that is started from here on.
constexpr char kMark[] = "VIRTCONTAINERS_STRESS";

// More than any command line and environment of ours.
constexpr size_t kMaxProcFile = 1 << 20;

}  // namespace

void GiveUp(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

Scratch::Scratch() : path_(fs::temp_directory_path() / "stress.XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) GiveUp("no directory below " + path_);
  if (::setenv(kMark, path_.c_str(), 1) != 0) GiveUp("setenv");
}

Runtime Scratch::OpenRuntime() const {
  RuntimeOptions options;
  options.root = root();
  options.run = run();
  return OrGiveUp(Runtime::Open(options), "open a runtime");
}

void Scratch::MakeRootfs(bool real) const {
  if (!real) {
    fs::create_directory(rootfs());
    return;
  }
  const char* source = std::getenv("VIRTCONTAINERS_SOURCE");
  const std::string script = std::string(source == nullptr ? "." : source) + "/scripts/make-rootfs";
  OrGiveUp(RunCommand({script, rootfs()}, Deadline::After(std::chrono::minutes(2))), "make a rootfs");
}

PodConfig Scratch::Pod(const std::string& id, bool real, std::vector<ContainerConfig> containers) const {
  PodConfig config;
  config.id = id;
  config.containers = std::move(containers);
  if (!real) {
    config.hypervisor.type = "mock";
    config.agent.type = "noop";
  }
  return config;
}

ContainerConfig Scratch::Container(const std::string& id, std::vector<std::string> args) const {
  ContainerConfig config;
  config.id = id;
  config.rootfs = rootfs();
  config.process.args = std::move(args);
  return config;
}

std::vector<PodProcess> Scratch::Processes() const {
  const std::string mark = std::string(kMark) + "=" + path_ + '\0';
  std::vector<PodProcess> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    // The identity first: the process that is looked at is then that one, or none.
    Result<ProcessIdentity> identity = IdentifyProcess(static_cast<pid_t>(std::atoi(name.c_str())));
    if (!identity) continue;
    const std::string directory = "/proc/" + name;
    const std::string environment = ReadFile(directory + "/environ", kMaxProcFile).value_or("");
    std::string command = ReadFile(directory + "/cmdline", kMaxProcFile).value_or("");
    const bool caller = command.find(std::string("--slot") + '\0') != std::string::npos;
    if (caller || environment.find(mark) == std::string::npos || !IsAlive(*identity)) continue;
    std::replace(command.begin(), command.end(), '\0', ' ');
    found.push_back({std::move(*identity), std::move(command)});
  }
  return found;
}

std::vector<std::string> Scratch::Leftovers(bool drafts_too) const {
  std::vector<std::string> left;
  for (const PodProcess& process : Processes()) {
    left.push_back("process " + std::to_string(process.identity.pid) + ": " + process.command);
  }
  std::vector<std::string> folders = {run(), root() + "/pods"};
  if (drafts_too) folders.push_back(root() + "/trash");
  for (const std::string& folder : folders) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(folder, missing)) left.push_back(entry.path());
  }
  return left;
}

void Scratch::Remove() const { OrGiveUp(RemoveTree(path_), "remove " + path_); }

}  // namespace virtcontainers::stress
