#include "guest/agent/testing/standalone_agent.h"

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

#include "guest/agent/os/file.h"

extern char** environ;

namespace virtcontainers::guest {

namespace {

using std::chrono::milliseconds;

constexpr const char* kBusybox = "/bin/busybox";

std::string CgroupMount() {
  for (const std::string path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (::access((path + "/cgroup.controllers").c_str(), F_OK) == 0) return path;
  }
  return {};
}

pid_t Spawn(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  return ::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) == 0 ? pid : -1;
}

}  // namespace

std::string StandaloneAgent::WhyNot() {
  if (::geteuid() != 0) return "making containers needs root";
  if (::access(kBusybox, X_OK) != 0) return "there is no /bin/busybox (package busybox-static)";
  if (CgroupMount().empty()) return "there is no cgroup v2";
  return {};
}

StandaloneAgent::StandaloneAgent() {
  // --kill-child: nothing outlives the test, however it ends.
  pid_ = Spawn({"unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL",
                "--mount-proc", VIRTCONTAINERS_AGENT, "--listen", "unix:" + dir_.path() + "/agent.sock",
                "--state", state(), "--cgroup", std::filesystem::path(dir_.path()).filename()});
  EXPECT_GT(pid_, 0);
  for (int i = 0; i < 500 && ::access((dir_.path() + "/agent.sock").c_str(), F_OK) != 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
}

StandaloneAgent::~StandaloneAgent() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // An agent that was killed could not.
  for (int i = 0; i < 200 && HasCgroup(); ++i) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(cgroup(), ignored)) {
      if (entry.is_directory(ignored)) ::rmdir(entry.path().c_str());
    }
    if (::rmdir(cgroup().c_str()) < 0) std::this_thread::sleep_for(milliseconds(5));
  }
}

std::string StandaloneAgent::cgroup() const {
  return CgroupMount() + "/" + std::filesystem::path(dir_.path()).filename().string();
}

bool StandaloneAgent::HasCgroup() const { return ::access(cgroup().c_str(), F_OK) == 0; }

std::unique_ptr<AgentClient> StandaloneAgent::Connect() {
  // The socket has its name a moment before somebody listens at it.
  auto client = AgentClient::Connect(dir_.path() + "/agent.sock");
  for (int i = 0; i < 500 && !client && client.error().code() == Code::kUnavailable; ++i) {
    std::this_thread::sleep_for(milliseconds(5));
    client = AgentClient::Connect(dir_.path() + "/agent.sock");
  }
  EXPECT_TRUE(client) << client.error().ToString();
  return client ? std::move(*client) : nullptr;
}

int StandaloneAgent::WaitForEnd() {
  for (int i = 0; i < 1000; ++i) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  return -1;
}

std::string StandaloneAgent::MakeRootfs(const std::string& name) {
  const std::string path = dir_.path() + "/" + name;
  for (const char* directory : {"/bin", "/etc", "/tmp"}) EXPECT_TRUE(MakeDirectories(path + directory));
  std::filesystem::copy_file(kBusybox, path + "/bin/busybox");
  for (const char* applet : {"sh",   "cat",   "cut",  "sed",   "sort",  "echo", "env",  "grep",  "hostname",
                             "id",   "kill",  "ls",   "mkdir", "mount", "ps",   "pwd",  "sleep", "stty",
                             "test", "touch", "true", "tty",   "umask", "wc",   "head", "yes"}) {
    EXPECT_EQ(::symlink("busybox", (path + "/bin/" + applet).c_str()), 0);
  }
  EXPECT_TRUE(
      CreateFile(path + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/srv/web:/bin/sh\n"));
  EXPECT_TRUE(CreateFile(path + "/etc/group", "root:x:0:\nweb:x:1001:\nvideo:x:44:web\n"));
  return path;
}

}  // namespace virtcontainers::guest
