#include "integration/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <thread>
#include <utility>

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
      const Finished made = RunOnHost({Env("VIRTCONTAINERS_SOURCE") + "/scripts/make-rootfs", rootfs});
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

// Every process that names the directory, or was started by a monitor that does: QEMU knows no path of it.
std::vector<std::string> ProcessesOf(const std::string& dir) {
  // (os/marked_process.h: the root's key, and the pod's directory)
  const auto marked = [&](const std::string& environment) {
    const size_t mark = environment.find("VIRTCONTAINERS_POD=");
    return mark != std::string::npos &&
           environment.substr(mark, environment.find('\0', mark) - mark).find(":" + dir) != std::string::npos;
  };
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos || name == std::to_string(::getpid()))
      continue;
    std::string command = Slurp(at->path() / "cmdline");
    if (command.find(dir) == std::string::npos && !marked(Slurp(at->path() / "environ"))) continue;
    std::replace(command.begin(), command.end(), '\0', ' ');
    found.push_back(name + ": " + command);
  }
  if (error) ADD_FAILURE() << "/proc: " << error.message();
  return found;
}

}  // namespace

Finished Finish(Result<std::unique_ptr<Process>> process, std::string_view input, Deadline deadline) {
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
  std::string in_failure;
  std::thread writer([&] {
    Status written;
    if (!input.empty()) written = (*process)->WriteStdin(input, deadline);
    if (written) written = (*process)->CloseStdin(deadline);
    // A process that ends without reading its input is not this function's business.
    if (!written && written.error().code() != Code::kFailedPrecondition)
      in_failure = "writing stdin: " + Explain(written);
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
  if (!in_failure.empty()) failure = in_failure;
  if (!failure.empty()) {
    finished.err += failure;
    finished.code = -1;
  }
  return finished;
}

HostProcess::HostProcess(const std::vector<std::string>& args, const std::map<std::string, std::string>& env,
                         std::string_view input) {
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

  // A pipe would have to be fed beside everything else.
  const int source =
      input.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC) : ::memfd_create("stdin", MFD_CLOEXEC);
  if (!input.empty() && (::write(source, input.data(), input.size()) != static_cast<ssize_t>(input.size()) ||
                         ::lseek(source, 0, SEEK_SET) != 0)) {
    failure_ = std::strerror(errno);
  }
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) failure_ = std::strerror(errno);
  if (!failure_.empty()) return;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, source, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  const int error = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  for (const int fd : {source, out[1], err[1]}) ::close(fd);
  out_ = out[0];
  err_ = err[0];
  if (error != 0) {
    pid_ = 0;
    failure_ = args[0] + ": " + std::strerror(error);
  }
}

HostProcess::~HostProcess() {
  if (pid_ != 0) (void)Finish();
  for (const int fd : {out_, err_}) {
    if (fd >= 0) ::close(fd);
  }
}

Finished HostProcess::Finish() {
  Finished finished;
  finished.err = failure_;
  if (pid_ == 0) return finished;
  pollfd fds[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
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
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

Finished RunOnHost(const std::vector<std::string>& args, const std::map<std::string, std::string>& env,
                   std::string_view input) {
  return HostProcess(args, env, input).Finish();
}

ProcessConfig Command(std::vector<std::string> args) {
  ProcessConfig command;
  command.args = std::move(args);
  return command;
}

bool Eventually(const std::function<bool()>& holds) {
  for (const Deadline deadline = Deadline::After(std::chrono::seconds(60)); !deadline.passed();) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return holds();
}

std::string FileContent(const std::string& path) { return Slurp(path); }

void WriteTo(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  EXPECT_TRUE(file) << path;
}

std::string NoiseBytes(size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() >> 8);
  return bytes;
}

std::string PodHost::Obstacle() {
  if (::geteuid() != 0) return "only root can run pods";
  if (!fs::exists(Env("VIRTCONTAINERS_GUEST") + "/initramfs.cpio"))
    return "there is no guest image: run `make guest`";
  if (!fs::exists(Env("VIRTCONTAINERS_MONITOR"))) return "the monitor is not built";
  if (!InPath("qemu-system-x86_64")) return "QEMU is not installed: run `scripts/install-deps run`";
  return "";
}

PodHost::PodHost() {
  std::string pattern = fs::temp_directory_path() / "pod.XXXXXX";
  EXPECT_NE(::mkdtemp(pattern.data()), nullptr) << pattern;
  dir_ = pattern;
  RuntimeOptions options;
  options.root = root();
  options.run = run();
  options.monitor = Env("VIRTCONTAINERS_MONITOR");
  options.guest = Env("VIRTCONTAINERS_GUEST");
  auto runtime = Runtime::Open(options);
  EXPECT_OK(runtime);
  if (runtime) runtime_.emplace(*std::move(runtime));
}

void PodHost::CleanUp() {
  if (dir_.empty()) return;
  const std::string dir = std::exchange(dir_, "");
  if (runtime_) {
    const auto pods = runtime_->ListPod();
    EXPECT_OK(pods);
    for (const PodStatus& pod : pods ? *pods : std::vector<PodStatus>{}) {
      const std::string monitor_log = Slurp(dir + "/root/pods/" + pod.id + "/monitor.log");
      if (pod.state == PodState::kRunning || pod.state == PodState::kPaused) {
        const virtcontainers::Status stopped = runtime_->StopPod(pod.id, std::chrono::milliseconds(0));
        EXPECT_OK(stopped);
        if (!stopped) ADD_FAILURE() << "the console of pod '" << pod.id << "': " << Slurp(pod.console);
      }
      if (!monitor_log.empty()) std::cerr << "the monitor of pod '" << pod.id << "': " << monitor_log << "\n";
      EXPECT_OK(runtime_->DeletePod(pod.id));
    }
    runtime_.reset();
  }

  // A monitor that has answered its last call may need a moment to be gone.
  EXPECT_TRUE(Eventually([&] { return ProcessesOf(dir).empty(); }))
      << "processes were left behind: " << testing::PrintToString(ProcessesOf(dir));

  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(dir) == std::string::npos) continue;
    ADD_FAILURE() << "a mount was left behind: " << line;
    return;  // and removing files would remove what is mounted there
  }
  for (const std::string& folder : {dir + "/root/pods", dir + "/root/trash", dir + "/run"}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(folder, missing)) {
      ADD_FAILURE() << "left behind: " << entry.path();
    }
  }
  std::error_code error;
  fs::remove_all(dir, error);
  EXPECT_FALSE(error) << dir << ": " << error.message();
}

Runtime PodHost::OpenAgain() const {
  auto runtime = Runtime::Open(runtime_->options());
  EXPECT_OK(runtime);
  return *std::move(runtime);
}

std::string PodHost::MakeRootfs(const std::string& name) const {
  const std::string path = dir_ + "/rootfs/" + name;
  fs::create_directories(dir_ + "/rootfs");
  const Finished copied = RunOnHost({"cp", "-a", RootfsTemplate(), path});
  EXPECT_EQ(copied.code, 0) << copied.err;
  return path;
}

ContainerConfig PodHost::Container(const std::string& id, std::vector<std::string> args) const {
  ContainerConfig container;
  container.id = id;
  container.rootfs = MakeRootfs(id);
  container.process = Command(std::move(args));
  return container;
}

std::vector<std::string> PodHost::VirtcArguments(std::vector<std::string> args) const {
  args.insert(args.begin(), {Env("VIRTCONTAINERS_VIRTC"), "--root", root()});
  return args;
}

std::map<std::string, std::string> PodHost::VirtcEnvironment() const {
  return {{"VIRTCONTAINERS_RUN", run()}};
}

std::vector<std::string> PodHost::ProcessesLeft() const { return ProcessesOf(dir_); }

void PodTest::SetUp() {
  const std::string obstacle = PodHost::Obstacle();
  if (obstacle.empty()) {
    host_ = std::make_shared<PodHost>();
    return;
  }
  if (!Env("VIRTCONTAINERS_MUST_RUN").empty()) FAIL() << "must run here, but " << obstacle;
  GTEST_SKIP() << obstacle;
}

void PodTest::TearDown() { host_.reset(); }

PodConfig PodTest::Pod(const std::string& id, std::vector<ContainerConfig> containers) {
  PodConfig pod;
  pod.id = id;
  pod.containers = std::move(containers);
  return pod;
}

PodStatus PodTest::StatusOf(const std::string& pod) {
  const auto status = runtime().PodStatus(pod);
  EXPECT_OK(status);
  return status.value_or(PodStatus());
}

ContainerStatus PodTest::StatusOf(const std::string& pod, const std::string& container) {
  const auto status = runtime().ContainerStatus(pod, container);
  EXPECT_OK(status);
  return status.value_or(ContainerStatus());
}

ContainerStatus PodTest::WaitUntilStopped(const std::string& pod, const std::string& container) {
  EXPECT_TRUE(Eventually([&] {
    const auto status = runtime().ContainerStatus(pod, container);
    return status && status->state == ContainerState::kStopped;
  })) << "container '"
      << container << "' does not stop";
  return StatusOf(pod, container);
}

}  // namespace virtcontainers::test
