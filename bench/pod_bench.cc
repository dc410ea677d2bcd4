// Times the calls of a pod's life, for bench/run.
//
//   pod_bench ROOT RUN ROOTFS ENTERS
//
// One line a measurement: its name, and its value in milliseconds. The pod is made in ROOT and removed at the
// end.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <vector>
#include <virtcontainers/runtime.h>

namespace vc = virtcontainers;

namespace {

constexpr char kPod[] = "bench";
constexpr char kContainer[] = "one";

double Milliseconds(const std::function<vc::Status()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  const vc::Status status = call();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  if (!status) {
    std::cerr << "pod_bench: " << status.error().ToString() << "\n";
    std::exit(EXIT_FAILURE);
  }
  return took.count();
}

void Print(const std::string& name, double milliseconds) {
  std::cout << name << " " << milliseconds << std::endl;
}

void PrintMany(const std::string& name, int count, const std::function<vc::Status()>& call) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) times.push_back(Milliseconds(call));
  std::sort(times.begin(), times.end());
  Print(name + "_median", times[times.size() / 2]);
  Print(name + "_min", times.front());
  Print(name + "_max", times.back());
}

// A command in the container, to the last byte of its output and its exit status.
vc::Status Enter(vc::Runtime& runtime, const vc::ProcessConfig& command, std::string* output = nullptr) {
  auto process = runtime.EnterContainer(kPod, kContainer, command);
  if (!process) return tl::make_unexpected(process.error());
  char buffer[4096];
  while (true) {
    auto size = (*process)->ReadStdout(buffer);
    if (!size) return tl::make_unexpected(size.error());
    if (*size == 0) break;
    if (output != nullptr) output->append(buffer, *size);
  }
  return (*process)->Wait().map([](vc::ExitStatus) {});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: pod_bench ROOT RUN ROOTFS ENTERS\n";
    return 2;
  }
  const int enters = std::atoi(argv[4]);
  auto opened = vc::Runtime::Open({.root = argv[1], .run = argv[2], .monitor = {}, .guest = {}});
  if (!opened) {
    std::cerr << "pod_bench: " << opened.error().ToString() << "\n";
    return EXIT_FAILURE;
  }
  vc::Runtime& runtime = *opened;

  vc::PodConfig pod;
  pod.id = kPod;
  vc::ContainerConfig& container = pod.containers.emplace_back();
  container.id = kContainer;
  container.rootfs = argv[3];
  container.process.args = {"sleep", "100000"};
  vc::ProcessConfig command;
  command.args = {"true"};
  vc::ProcessConfig echo;
  echo.args = {"echo", "hello"};

  Print("create_pod", Milliseconds([&] { return runtime.CreatePod(pod); }));
  Print("start_pod", Milliseconds([&] { return runtime.StartPod(kPod); }));
  const auto status = runtime.PodStatus(kPod);
  if (status) {
    Print("monitor_pid", status->monitor_pid);
    Print("vm_pid", status->vm_pid);
  }
  if (enters > 0) {
    PrintMany("enter_container", enters, [&] { return Enter(runtime, command); });
    PrintMany("enter_container_output", enters, [&] { return Enter(runtime, echo); });
    PrintMany("pod_status", enters, [&] { return runtime.PodStatus(kPod).map([](const vc::PodStatus&) {}); });
    PrintMany("list_pod", enters,
              [&] { return runtime.ListPod().map([](const std::vector<vc::PodStatus>&) {}); });
    // bench/run looks at the processes' memory until it closes our input.
    std::cout << "measured" << std::endl;
    std::string line;
    std::getline(std::cin, line);
  }
  Print("stop_pod", Milliseconds([&] { return runtime.StopPod(kPod, std::chrono::milliseconds(0)); }));
  Print("delete_pod", Milliseconds([&] { return runtime.DeletePod(kPod); }));
  return EXIT_SUCCESS;
}
