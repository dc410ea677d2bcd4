// Whatever lies in the place of a pod's files, its calls answer in time, touch nothing outside of the root,
// and find its processes. Every file is damaged in every way, of a pod in every state.
// ($VIRTCONTAINERS_DAMAGE_EVERY: one case in so many; `make fault` tries all.)

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <optional>

#include "os/marked_process.h"
#include "pod/pod_mark.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::Each;
using testing::Field;
using testing::IsEmpty;
using testing::Not;

// Paths below the root, `web` being the pod; and those of what the pod has in the run directory.
constexpr const char* kRunDirectory = "its run directory";
constexpr const char* kMonitorSocket = "its monitor's socket";
constexpr const char* kFiles[] = {kRunDirectory,
                                  kMonitorSocket,
                                  "pods/web/config.json",
                                  "pods/web/state.json",
                                  "pods/web/containers/a.json",
                                  "pods/web/containers",
                                  "pods/web/journal",
                                  "pods/web/lock",
                                  "pods/web/monitor.lock",
                                  "pods/web/logs",
                                  "pods/web/logs/a.log",
                                  "pods/web/logs/a.log.position",
                                  "pods/web/console.log",
                                  "pods/web/monitor.log",
                                  "pods/web",
                                  "trash",
                                  "id",
                                  "lock",
                                  "events.log",
                                  "events.log.1",
                                  "events.lock"};

enum class Damage {
  kMissing,
  kEmpty,
  kTruncated,
  kGarbage,
  kHuge,
  kUnreadable,
  kDirectory,
  kFullDirectory,
  kLinkToFile,
  kLinkToDirectory,
  kLinkToNothing,
  kFifo,
  kSocket,
  kEnd
};

constexpr const char* kDamageNames[] = {
    "missing",           "empty",       "truncated",        "garbage",          "a sparse GiB",
    "mode 000",          "a directory", "a full directory", "a link to a file", "a link to a directory",
    "a link to nothing", "a fifo",      "a socket"};

enum class Life { kReady, kStopped, kRunning, kUnmonitored, kEnd };

constexpr const char* kLifeNames[] = {"ready", "stopped", "running", "running without its monitor"};

// A call that hangs hangs the test: it is ended with the words for the case.
class TimeLimit {
 public:
  explicit TimeLimit(std::string what)
      : thread_([this, what = std::move(what)] {
          if (over_.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready) return;
          std::cerr << what << ": it hangs\n";
          std::abort();
        }) {}
  ~TimeLimit() {
    over_.set_value();
    thread_.join();
  }

 private:
  std::promise<void> over_;
  std::thread thread_;
};

class DamageTest : public RuntimeTest {
 protected:
  DamageTest() {
    directory_.Write("outside/file", "precious");
    directory_.Write("outside/directory/a.json", "precious");
    directory_.Write("outside/directory/web.999999999.5.0/lock", "precious");
    before_ = Outside();
  }

  // Every entry with its type, mode, size and time.
  std::vector<std::string> Outside() const {
    std::vector<std::string> entries;
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / "outside")) {
      struct stat info {};
      EXPECT_EQ(::lstat(entry.path().c_str(), &info), 0);
      entries.push_back(entry.path().string() + " " + std::to_string(info.st_mode) + " " +
                        std::to_string(info.st_size) + " " + std::to_string(info.st_mtim.tv_sec) + "." +
                        std::to_string(info.st_mtim.tv_nsec));
    }
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  std::string PathOf(const std::string& file) const {
    if (file == kRunDirectory) return Paths("web").run_dir;
    if (file == kMonitorSocket) return Paths("web").monitor_socket();
    return directory_ / "root/" + file;
  }

  void Inflict(const std::string& path, Damage damage) const {
    fs::create_directories(fs::path(path).parent_path());
    if (damage == Damage::kUnreadable) {
      if (EntryExists(path)) fs::permissions(path, fs::perms::none);
      return;
    }
    const std::string content = fs::is_regular_file(path) ? TestDirectory::Read(path) : "";
    fs::remove_all(path);
    switch (damage) {
      case Damage::kEmpty:
        std::ofstream(path).flush();
        break;
      case Damage::kTruncated:
        std::ofstream(path) << content.substr(0, content.size() / 2);
        break;
      case Damage::kGarbage:
        std::ofstream(path) << "\x01garbage\xff{[\n\n";
        break;
      case Damage::kHuge:
        std::ofstream(path).flush();
        fs::resize_file(path, 1 << 30);
        break;
      case Damage::kDirectory:
      case Damage::kFullDirectory:
        fs::create_directory(path);
        if (damage == Damage::kFullDirectory) std::ofstream(path + "/inside") << "something";
        break;
      case Damage::kLinkToFile:
        fs::create_symlink(directory_ / "outside/file", path);
        break;
      case Damage::kLinkToDirectory:
        fs::create_symlink(directory_ / "outside/directory", path);
        break;
      case Damage::kLinkToNothing:
        fs::create_symlink(directory_ / "outside/new", path);
        break;
      case Damage::kFifo:
        ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
        break;
      case Damage::kSocket:
        ASSERT_EQ(::mknod(path.c_str(), S_IFSOCK | 0600, 0), 0);
        break;
      default:
        break;
    }
  }

  PodConfig LoggingPod() const {
    PodConfig pod = Pod("web", {Container("a")});
    pod.containers[0].output = ContainerOutput::kLog;
    return pod;
  }

  // The VM's and the monitor's identities, of a pod that runs.
  std::vector<ProcessIdentity> Live(Life life) {
    EXPECT_OK(runtime_.CreatePod(LoggingPod()));
    if (life == Life::kReady) return {};
    EXPECT_OK(runtime_.StartPod("web", Soon()));
    if (life == Life::kStopped) {
      EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
      return {};
    }
    const PodStatus status = StatusOf("web");
    if (life == Life::kUnmonitored) {
      KillMonitor("web");
      return {*IdentifyProcess(status.vm_pid)};
    }
    return {*IdentifyProcess(status.vm_pid), *IdentifyProcess(status.monitor_pid)};
  }

  void Try(const std::string& file, Damage damage, Life life) {
    const MarkFilter ours = ProcessesOfPod(Paths("web").mark);
    const std::vector<ProcessIdentity> processes = Live(life);
    Inflict(PathOf(file), damage);
    // Each caller opens the root anew.
    const bool runs = !processes.empty();
    const auto list = Open().ListPod();
    ASSERT_OK(list);
    const bool gone = damage == Damage::kMissing && file == "pods/web";
    if (!gone) {
      ASSERT_EQ(list->size(), 1u);
      EXPECT_EQ((*list)[0].id, "web");
      EXPECT_EQ((*list)[0].state == PodState::kRunning, runs) << (*list)[0].reason;
      const auto status = Open().PodStatus("web");
      ASSERT_OK(status);
      EXPECT_EQ(status->state, (*list)[0].state);
      EXPECT_EQ(status->reason, (*list)[0].reason);
    }
    ASSERT_OK(Open().CollectGarbage({}, Soon()));
    if (gone) {
      // What runs of a pod that is not there is garbage.
      EXPECT_THAT(*FindMarkedProcesses(ours), IsEmpty());
    } else {
      for (const ProcessIdentity& process : processes)
        EXPECT_TRUE(IsAlive(process)) << "what runs is no garbage";
      if (runs) {
        EXPECT_CODE(Open().DeletePod("web", Soon()), Code::kFailedPrecondition);
        for (const ProcessIdentity& process : processes) EXPECT_TRUE(IsAlive(process)) << "it was not forced";
        // As `virtc pod delete --force` does.
        EXPECT_OK(Open().StopPod("web", milliseconds(0), Soon()));
      }
      EXPECT_THAT(*FindMarkedProcesses(ours), IsEmpty()) << "it was stopped";
      EXPECT_OK(Open().DeletePod("web", Soon()));
    }
    EXPECT_EQ(Open().ListPod()->size(), 0u);
    const auto left = Open().CollectGarbage({.dry_run = true}, Soon());
    ASSERT_OK(left);
    EXPECT_THAT(*left, IsEmpty());
    EXPECT_THAT(*FindMarkedProcesses(ours), IsEmpty());
    EXPECT_FALSE(EntryExists(Paths("web").run_dir));
    EXPECT_EQ(Outside(), before_) << "something outside of the root was touched";
    EXPECT_OK(Open().CreatePod(LoggingPod()));
    EXPECT_OK(Open().DeletePod("web", Soon()));
  }

  std::vector<std::string> before_;
};

TEST_F(DamageTest, AnyFileInAnyWay_LeavesEveryCallWorking) {
  const char* every = std::getenv("VIRTCONTAINERS_DAMAGE_EVERY");
  // A number that has no factor in common with those of damages and of states: all of them have their turn.
  const int step = every != nullptr ? std::max(1, std::atoi(every)) : 29;
  int number = 0;
  for (const char* file : kFiles) {
    for (int damage = 0; damage < static_cast<int>(Damage::kEnd); ++damage) {
      for (int life = 0; life < static_cast<int>(Life::kEnd); ++life) {
        if (number++ % step != 0) continue;
        const std::string what =
            std::string(file) + " is " + kDamageNames[damage] + ", of a pod that is " + kLifeNames[life];
        SCOPED_TRACE(what);
        runtime_ = Open();
        const TimeLimit limit(what);
        Try(file, static_cast<Damage>(damage), static_cast<Life>(life));
        if (HasFatalFailure()) return;
        fs::remove_all(directory_ / "root");
      }
    }
  }
  std::cout << (number + step - 1) / step << " of " << number << " cases\n";
}

}  // namespace
}  // namespace virtcontainers
