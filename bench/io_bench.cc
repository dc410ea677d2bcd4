// Times streams and commands in a running pod, for bench/io.
//
//   io_bench ROOT RUN ROOTFS CRUN_ROOTFS VMM RAW_SOCKET MIB EXECS
//
// VMM starts QEMU with one more virtio-serial port, bench.raw, which connects to RAW_SOCKET, made here for
// any user. CRUN_ROOTFS has crun, exec_loop and a bundle in /bundle. MIB are read of each stream, EXECS
// commands are run. One line a measurement: its name and its value.

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>
#include <virtcontainers/runtime.h>

namespace vc = virtcontainers;

namespace {

constexpr char kPod[] = "bench-io";
constexpr int kWarmUp = 5;  // runs of crun's that are not counted
constexpr std::chrono::milliseconds kPatience{30'000};

using Clock = std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "io_bench: " << why << "\n";
  std::_Exit(EXIT_FAILURE);
}

template <typename T>
T Get(vc::Result<T> result) {
  if (!result) Die(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double Seconds(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Print(const std::string& name, double value) { std::cout << name << " " << value << std::endl; }

vc::ProcessConfig Command(std::vector<std::string> args) {
  vc::ProcessConfig command;
  command.args = std::move(args);
  return command;
}

// All of its output; it must end with 0.
std::string Output(const std::unique_ptr<vc::Process>& process, size_t* count = nullptr) {
  std::string output;
  std::vector<char> buffer(1 << 20);
  while (const size_t size = Get(process->ReadStdout(buffer))) {
    if (count != nullptr) {
      *count += size;
    } else {
      output.append(buffer.data(), size);
    }
  }
  const vc::ExitStatus exit = Get(process->Wait());
  if (exit.code != 0) {
    const size_t size = process->ReadStderr(buffer).value_or(0);
    Die("a command ended with " + std::to_string(exit.code) + ": " + std::string(buffer.data(), size));
  }
  return output;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string Zeros(size_t mib, const std::string& to) {
  return "exec dd if=/dev/zero bs=65536 count=" + std::to_string(mib * 16) + to + " 2>/dev/null";
}

// QEMU, a user without any rights, connects to it.
int Listen(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    Die("the path of the socket is too long: use a shorter $TMPDIR");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0777) != 0 || ::listen(fd, 1) != 0) {
    Die(std::string("listen at ") + path + ": " + std::strerror(errno));
  }
  return fd;
}

int Accept(int listener) {
  pollfd waiting{listener, POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(kPatience.count())) != 1) Die("QEMU did not connect its raw port");
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) Die("accept the raw port");
  return fd;
}

// Through a port of QEMU's, without the library.
void MeasureRaw(vc::Runtime& runtime, int listener, size_t mib) {
  const int fd = Accept(listener);
  const auto process = Get(runtime.EnterPod(
      kPod, Command({"sh", "-c",
                     "for p in /sys/class/virtio-ports/*; do [ \"$(cat $p/name)\" != bench.raw ] || " +
                         Zeros(mib, " of=/dev/${p##*/}") + "; done; exit 1"})));
  std::vector<char> buffer(1 << 20);
  size_t count = 0;
  const double took = Seconds([&] {
    while (count < mib << 20) {
      const ssize_t size = ::read(fd, buffer.data(), buffer.size());
      if (size <= 0) Die("the raw port ended");
      count += static_cast<size_t>(size);
    }
  });
  (void)Output(process);
  ::close(fd);
  Print("raw_mib_per_s", static_cast<double>(mib) / took);
}

void MeasureStdout(vc::Runtime& runtime, size_t mib) {
  const auto process = Get(runtime.EnterPod(kPod, Command({"sh", "-c", Zeros(mib, "")})));
  size_t count = 0;
  const double took = Seconds([&] { (void)Output(process, &count); });
  if (count != mib << 20) Die("bytes are missing: " + std::to_string(count));
  Print("stdout_mib_per_s", static_cast<double>(mib) / took);
}

void MeasureExecs(vc::Runtime& runtime, int execs) {
  const auto enter = [&] { (void)Output(Get(runtime.EnterContainer(kPod, "one", Command({"true"})))); };
  for (int i = 0; i < kWarmUp; ++i) enter();
  std::vector<double> times;
  const double sequential = Seconds([&] {
    for (int i = 0; i < execs; ++i) times.push_back(Seconds(enter));
  });
  const double parallel = Seconds([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < execs; ++i) threads.emplace_back(enter);
    for (std::thread& thread : threads) thread.join();
  });
  Print("enter_ms", Median(times) * 1e3);
  Print("execs_one_by_one_ms", sequential * 1e3);
  Print("execs_in_parallel_ms", parallel * 1e3);
}

// What a runtime takes that somebody installed in the guest.
void MeasureCrun(vc::Runtime& runtime, int execs) {
  const auto in_crun = [&](const std::string& script) {
    vc::ProcessConfig command = Command({"sh", "-c", script});
    return Output(Get(runtime.EnterContainer(kPod, "crun", command)));
  };
  (void)in_crun(
      "crun --root /run/crun --cgroup-manager=disabled run -d -b /bundle inner >/run/crun.log 2>&1 "
      "</dev/null || { cat /run/crun.log >&2; exit 1; }");
  const int runs = kWarmUp + std::min(execs, 20);
  std::istringstream lines(in_crun("exec_loop " + std::to_string(runs) +
                                   " crun --root /run/crun --cgroup-manager=disabled exec inner true"));
  std::vector<double> times;
  for (double time; lines >> time;) times.push_back(time);
  if (times.size() != static_cast<size_t>(runs)) Die("crun exec was not measured");
  times.erase(times.begin(), times.begin() + kWarmUp);
  Print("crun_exec_ms", Median(times));
}

vc::PodConfig Pod(char** argv) {
  vc::PodConfig pod;
  pod.id = kPod;
  pod.hypervisor.path = argv[5];
  vc::ContainerConfig& one = pod.containers.emplace_back();
  one.id = "one";
  one.rootfs = argv[3];
  one.process.args = {"sleep", "100000"};
  vc::ContainerConfig& crun = pod.containers.emplace_back();
  crun.id = "crun";
  crun.rootfs = argv[4];
  crun.process.args = {"sleep", "100000"};
  // A runtime in a container wants to be root in all respects.
  vc::Capabilities all = vc::DefaultCapabilities();
  for (const char* name : {"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_RESOURCE"}) {
    for (auto* set : {&all.bounding, &all.effective, &all.permitted}) set->emplace_back(name);
  }
  crun.process.capabilities = all;
  crun.mounts.push_back({"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev"}});
  crun.mounts.push_back({"/run", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=755"}});
  return pod;
}

}  // namespace

int main(int argc, char** argv) {
  const int mib = argc == 9 ? std::atoi(argv[7]) : 0, execs = argc == 9 ? std::atoi(argv[8]) : 0;
  if (mib < 1 || execs < 1) {
    std::cerr << "usage: io_bench ROOT RUN ROOTFS CRUN_ROOTFS VMM RAW_SOCKET MIB EXECS\n";
    return 2;
  }
  auto opened = vc::Runtime::Open({.root = argv[1], .run = argv[2], .monitor = {}, .guest = {}});
  if (!opened) Die(opened.error().ToString());
  vc::Runtime& runtime = *opened;
  const int listener = Listen(argv[6]);
  Get(runtime.RunPod(Pod(argv)));
  MeasureRaw(runtime, listener, static_cast<size_t>(mib));
  MeasureStdout(runtime, static_cast<size_t>(mib));
  MeasureExecs(runtime, execs);
  MeasureCrun(runtime, execs);
  Get(runtime.StopPod(kPod, std::chrono::milliseconds(0)));
  Get(runtime.DeletePod(kPod));
  return EXIT_SUCCESS;
}
