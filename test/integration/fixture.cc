#include "integration/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

extern char** environ;

namespace virtcontainers::test {
namespace {

namespace fs = std::filesystem;

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool InPath(const std::string& program) {
  std::string path = Env("PATH");
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    if (::access((path.substr(at, end - at) + "/" + program).c_str(), X_OK) == 0) return true;
    at = end + 1;
  }
  return false;
}

// One busybox root file system for the whole program; the tests get copies.
const std::string& RootfsTemplate() {
  struct Template {
    Template() {
      std::string pattern = fs::temp_directory_path() / "rootfs.XXXXXX";
      if (::mkdtemp(pattern.data()) == nullptr) return;
      dir = pattern;
      const std::string rootfs = dir + "/busybox";
      const Finished made =
          RunOnHost({Env("VIRTCONTAINERS_SOURCE") + "/scripts/make-rootfs", rootfs});
      if (made.code == 0) {
        path = rootfs;
      } else {
        ADD_FAILURE() << "scripts/make-rootfs: " << made.out << made.err;
      }
    }
    ~Template() {
      std::error_code ignored;
      if (!dir.empty()) fs::remove_all(dir, ignored);
    }
    std::string dir, path;
  };
  static const Template made;
  return made.path;
}

}  // namespace

Finished Run(Result<std::unique_ptr<Process>> process, std::string_view input, Deadline deadline) {
  if (!process) return Finished{"", Explain(process), -1};
  Finished finished;
  std::string failure;
  std::thread err_reader([&] {
    std::array<char, 65536> buffer;
    while (true) {
      const auto count = (*process)->ReadStderr(buffer, deadline);
      if (!count) failure = "reading stderr: " + Explain(count);
      if (!count || *count == 0) return;
      finished.err.append(buffer.data(), *count);
    }
  });
  std::thread writer([&] {
    // A process that ends without reading its input is not this function's business.
    if (!input.empty() && !(*process)->WriteStdin(input, deadline)) return;
    (void)(*process)->CloseStdin();
  });
  std::array<char, 65536> buffer;
  std::string out_failure;
  while (true) {
    const auto count = (*process)->ReadStdout(buffer, deadline);
    if (!count) out_failure = "reading stdout: " + Explain(count);
    if (!count || *count == 0) break;
    finished.out.append(buffer.data(), *count);
  }
  const auto exit = (*process)->Wait(deadline);
  writer.join();
  err_reader.join();
  if (exit) finished.code = exit->code;
  if (!exit) failure = "waiting: " + Explain(exit);
  if (!out_failure.empty()) failure = out_failure;
  if (!failure.empty()) {
    finished.err += failure;
    finished.code = -1;
  }
  return finished;
}

Finished RunOnHost(const std::vector<std::string>& args, const std::map<std::string, std::string>& env) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (env.count(text.substr(0, text.find('='))) == 0) variables.push_back(text);
  }
  for (const auto& [name, value] : env) variables.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  for (const std::string& variable : variables) envp.push_back(const_cast<char*>(variable.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  int pipes[2][2];
  for (auto& ends : pipes) {
    if (::pipe2(ends, O_CLOEXEC) != 0) return Finished{"", std::strerror(errno), -1};
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, pipes[0][1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 2);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  for (auto& ends : pipes) ::close(ends[1]);
  Finished finished;
  if (error != 0) {
    finished.err = args[0] + ": " + std::strerror(error);
  } else {
    pollfd fds[] = {{pipes[0][0], POLLIN, 0}, {pipes[1][0], POLLIN, 0}};
    std::string* texts[] = {&finished.out, &finished.err};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
      ::poll(fds, 2, -1);
      for (int i = 0; i < 2; ++i) {
        if (fds[i].fd < 0 || fds[i].revents == 0) continue;
        char buffer[65536];
        const ssize_t count = ::read(fds[i].fd, buffer, sizeof buffer);
        if (count > 0) texts[i]->append(buffer, static_cast<size_t>(count));
        if (count == 0 || (count < 0 && errno != EINTR)) fds[i].fd = -1;
      }
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  for (auto& ends : pipes) ::close(ends[0]);
  return finished;
}

ProcessConfig Command(std::vector<std::string> args) {
  ProcessConfig command;
  command.args = std::move(args);
  return command;
}

void PodTest::CannotRun(const std::string& why) {
  if (!Env("VIRTCONTAINERS_MUST_RUN").empty()) FAIL() << "must run here, but " << why;
  GTEST_SKIP() << why;
}

void PodTest::SetUp() {
  if (::geteuid() != 0) return CannotRun("only root can run pods");
  const std::string guest = Env("VIRTCONTAINERS_GUEST");
  if (!fs::exists(guest + "/initramfs.cpio")) return CannotRun("there is no guest image: run `make guest`");
  if (!fs::exists(Env("VIRTCONTAINERS_MONITOR"))) return CannotRun("the monitor is not built");
  if (!InPath("qemu-system-x86_64"))
    return CannotRun("QEMU is not installed: run `scripts/install-deps run`");

  std::string pattern = fs::temp_directory_path() / "pod.XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr) << pattern;
  dir_ = pattern;
  RuntimeOptions options;
  options.root = root();
  options.run = run();
  options.monitor = Env("VIRTCONTAINERS_MONITOR");
  options.guest = guest;
  auto runtime = Runtime::Open(options);
  ASSERT_OK(runtime);
  runtime_.emplace(*std::move(runtime));
}

void PodTest::TearDown() {
  if (dir_.empty()) return;
  if (runtime_) {
    const auto pods = runtime_->ListPod();
    EXPECT_OK(pods);
    for (const PodStatus& pod : pods ? *pods : std::vector<PodStatus>{}) {
      if (pod.state == PodState::kRunning || pod.state == PodState::kPaused) {
        const Status stopped = runtime_->StopPod(pod.id, std::chrono::milliseconds(0));
        EXPECT_OK(stopped);
        if (!stopped) ADD_FAILURE() << "the console of pod '" << pod.id << "': " << Slurp(pod.console);
      }
      EXPECT_OK(runtime_->DeletePod(pod.id));
    }
    runtime_.reset();
  }

  // A monitor that has answered its last call may need a moment to be gone.
  std::vector<std::string> processes = ProcessesLeft();
  for (int i = 0; i < 50 && !processes.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    processes = ProcessesLeft();
  }
  EXPECT_THAT(processes, testing::IsEmpty()) << "processes were left behind";

  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    EXPECT_EQ(line.find(dir_), std::string::npos) << "a mount was left behind: " << line;
    if (line.find(dir_) != std::string::npos)
      return;  // and removing files would remove what is mounted there
  }
  for (const std::string& folder : {root() + "/pods", run()}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(folder, missing)) {
      ADD_FAILURE() << "left behind: " << entry.path();
    }
  }
  std::error_code error;
  fs::remove_all(dir_, error);
  EXPECT_FALSE(error) << dir_ << ": " << error.message();
}

Runtime PodTest::OpenAgain() {
  auto runtime = Runtime::Open(runtime_->options());
  EXPECT_OK(runtime);
  return *std::move(runtime);
}

std::string PodTest::MakeRootfs(const std::string& name) {
  const std::string path = dir_ + "/rootfs/" + name;
  fs::create_directories(dir_ + "/rootfs");
  const Finished copied = RunOnHost({"cp", "-a", RootfsTemplate(), path});
  EXPECT_EQ(copied.code, 0) << copied.err;
  return path;
}

ContainerConfig PodTest::Container(const std::string& id, std::vector<std::string> args) {
  ContainerConfig container;
  container.id = id;
  container.rootfs = MakeRootfs(id);
  container.process = Command(std::move(args));
  return container;
}

PodConfig PodTest::Pod(const std::string& id, std::vector<ContainerConfig> containers) {
  PodConfig pod;
  pod.id = id;
  pod.containers = std::move(containers);
  return pod;
}

Finished PodTest::Virtc(std::vector<std::string> args) {
  args.insert(args.begin(), {Env("VIRTCONTAINERS_VIRTC"), "--root", root()});
  return RunOnHost(args, {{"VIRTCONTAINERS_RUN", run()}});
}

std::vector<std::string> PodTest::ProcessesLeft() const {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos || name == std::to_string(::getpid()))
      continue;
    std::string command = Slurp(entry.path() / "cmdline");
    if (command.find(dir_) == std::string::npos) continue;
    std::replace(command.begin(), command.end(), '\0', ' ');
    found.push_back(name + ": " + command);
  }
  return found;
}

}  // namespace virtcontainers::test
