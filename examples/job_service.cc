// Runs jobs that nobody trusts: job_service ROOTFS WORKERS SCRIPT... runs each shell script in a container
// with a read-only root, in the virtual machine of one of the workers. A job has 10 seconds, 64 KiB of output
// and no network. What it leaves in /tmp/result is copied to ./result-N. SIGINT and SIGTERM cancel the jobs.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>
#include <virtcontainers/runtime.h>

namespace vc = virtcontainers;

class Service {
 public:
  Service(vc::Runtime runtime, std::string rootfs, std::vector<std::string> jobs, std::stop_source stop)
      : runtime_(std::move(runtime)),
        rootfs_(std::move(rootfs)),
        jobs_(std::move(jobs)),
        stop_(std::move(stop)) {}

  // One worker's life: a pod, and jobs until there are no more.
  void Work(int worker) {
    vc::PodConfig config;
    config.id = "job-service-" + std::to_string(::getpid()) + "-" + std::to_string(worker);
    vc::ContainerConfig& container = config.containers.emplace_back();
    container.id = "job";
    container.rootfs = rootfs_;
    container.readonly_rootfs = true;
    container.mounts = {{.destination = "/tmp", .type = "tmpfs", .source = "tmpfs", .options = {"size=16m"}}};
    container.resources.memory_limit = 64 << 20;
    container.resources.pids_limit = 64;
    container.process.args = {"sleep", "1000000"};
    const vc::Pod pod = runtime_.pod(config.id);
    vc::Status status = runtime_.RunPod(config, Until(std::chrono::seconds(120)));
    while (status) {
      const size_t job = next_++;
      if (job >= jobs_.size() || stop_.stop_requested()) break;
      status = RunJob(pod.container("job"), job + 1, jobs_[job]);
    }
    (void)pod.Stop(std::chrono::seconds(0));
    (void)pod.Delete();
    if (!status) Print("worker " + std::to_string(worker) + ": " + status.error().ToString());
  }

 private:
  vc::Deadline Until(std::chrono::seconds time) const {
    return vc::Deadline::After(time).OrStopped(stop_.get_token());
  }

  vc::Status RunJob(const vc::Container& container, size_t job, const std::string& script) {
    vc::ProcessConfig command;
    command.args = {"sh", "-c", script};
    const vc::CommandOptions options{.max_stdout = 64 << 10, .max_stderr = 64 << 10, .kill_on_excess = true};
    const std::string name = "job " + std::to_string(job);
    const auto result = container.RunCommand(command, options, Until(std::chrono::seconds(10)));
    if (result) {
      static constexpr const char* kEnds[] = {"ended", "timed out", "cancelled", "said too much"};
      Print(name + ": " + kEnds[static_cast<int>(result->end)] + ", status " +
            std::to_string(result->exit.code) + "\n" + result->stdout_data + result->stderr_data);
      return Clean(container, job);
    }
    // The job took its virtual machine with it: the next one gets another.
    Print(name + ": " + result.error().ToString());
    if (result.error().reason() != vc::Reason::kVmDied) return tl::make_unexpected(result.error());
    return container.pod().Start(Until(std::chrono::seconds(120)));
  }

  // Takes the job's result, and ends whatever the job has left behind.
  vc::Status Clean(const vc::Container& container, size_t job) {
    const std::string result = "result-" + std::to_string(job);
    const auto copied = container.CopyFrom("/tmp/result", result, {.bytes = 8 << 20, .entries = 100},
                                           Until(std::chrono::seconds(10)));
    if (!copied && copied.error().code() != vc::Code::kNotFound) Print(copied.error().ToString());
    if (auto stopped = container.Stop(std::chrono::seconds(0)); !stopped) return stopped;
    return container.Start(Until(std::chrono::seconds(60)));
  }

  void Print(const std::string& text) {
    const std::lock_guard lock(output_);
    std::cout << text << (text.ends_with('\n') ? "" : "\n") << std::flush;
  }

  vc::Runtime runtime_;  // thread-safe
  const std::string rootfs_;
  const std::vector<std::string> jobs_;
  std::atomic<size_t> next_ = 0;
  const std::stop_source stop_;
  std::mutex output_;
};

int main(int argc, char** argv) {
  if (argc < 4) return std::cerr << "usage: job_service ROOTFS WORKERS SCRIPT...\n", 2;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto runtime = vc::Runtime::Open();
  if (!runtime) return std::cerr << "job_service: " << runtime.error().ToString() << "\n", 1;
  std::stop_source stop;
  Service service(std::move(*runtime), argv[1], {argv + 3, argv + argc}, stop);
  const std::jthread canceller([&](const std::stop_token& over) {
    const timespec moment{.tv_sec = 0, .tv_nsec = 100'000'000};
    while (!over.stop_requested() && sigtimedwait(&signals, nullptr, &moment) < 0) {
    }
    stop.request_stop();
  });
  std::vector<std::jthread> workers;
  for (int i = 1; i <= std::atoi(argv[2]); ++i) workers.emplace_back([&, i] { service.Work(i); });
}
