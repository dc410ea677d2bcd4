// Files and directories that are copied into containers and out of them, and commands that are run to their
// end, on a real VM.

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <stop_token>
#include <thread>

#include "fixture.h"

namespace virtcontainers::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

class CopyTest : public SharedPodTest<CopyTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("a", {"sleep", "100000"})};
    return pod;
  }

 protected:
  std::string Host(const std::string& name) const { return host_->dir() + "/" + name; }
  std::string In(const std::string& script) { return Enter("a", Shell(script)).out; }

  // A tree with what trees have, and its description.
  std::string MakeTree(const std::string& name) {
    const std::string tree = Host(name);
    fs::create_directories(tree + "/empty");
    fs::create_directories(tree + "/sub/deep");
    WriteTo(tree + "/sub/deep/noise", NoiseBytes(3 << 20, 7));
    WriteTo(tree + "/sub/na\xc3\xafve \"name\"\n", "odd");
    WriteTo(tree + "/" + std::string(200, 'n'), "long");
    fs::create_symlink("/etc/passwd", tree + "/link");
    fs::create_hard_link(tree + "/sub/deep/noise", tree + "/same");
    fs::permissions(tree + "/sub", fs::perms(0751));
    return tree;
  }
  static std::vector<std::string> Describe(const std::string& root) {
    std::vector<std::string> entries;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      struct stat info {};
      EXPECT_EQ(::lstat(entry.path().c_str(), &info), 0);
      std::string line = entry.path().string().substr(root.size()) + " " + std::to_string(info.st_mode) +
                         " " + std::to_string(info.st_nlink);
      // A busybox gives directories and links the time at which it unpacks them.
      if (S_ISREG(info.st_mode)) line += " " + std::to_string(info.st_mtime);
      if (S_ISLNK(info.st_mode)) line += " -> " + fs::read_symlink(entry.path()).string();
      if (S_ISREG(info.st_mode))
        line += " " + std::to_string(std::hash<std::string>()(FileContent(entry.path())));
      entries.push_back(line);
    }
    std::sort(entries.begin(), entries.end());
    return entries;
  }
};

TEST_F(CopyTest, Directory_CopiedInAndOut_IsTheSame) {
  const std::string tree = MakeTree("tree");
  // Over a mount that the host knows nothing of.
  const auto in = runtime().CopyTo(kPod, "a", tree, "/dev/shm/copy", {.uid = 12, .gid = 34});
  ASSERT_OK(in);
  EXPECT_EQ(In("stat -c '%u %g' /dev/shm/copy /dev/shm/copy/sub/deep/noise | xargs"), "12 34 12 34\n");
  const auto out = runtime().CopyFrom(kPod, "a", "/dev/shm/copy/", Host("back"));
  ASSERT_OK(out);
  EXPECT_EQ(Describe(Host("back")), Describe(tree));
  EXPECT_EQ(out->entries, in->entries);
  EXPECT_EQ(out->bytes, in->bytes);
  struct stat info {};
  ASSERT_EQ(::stat(Host("back").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, ::geteuid());
  EXPECT_EQ(In("ls -A /dev/shm; rm -r /dev/shm/copy"), "copy\n") << "nothing else is left";
}

TEST_F(CopyTest, CopyTo_SomethingIsThere_FailsAndLeavesIt) {
  const std::string tree = MakeTree("there");
  In("mkdir -p /tmp/dir; echo file >/tmp/file; ln -s nowhere /tmp/dangling");
  for (const char* path : {"/tmp/dir", "/tmp/file", "/tmp/dangling", "/"}) {
    EXPECT_FAILS(runtime().CopyTo(kPod, "a", tree, path), Code::kAlreadyExists, path);
  }
  EXPECT_FAILS(runtime().CopyTo(kPod, "a", tree, "/nowhere/copy"), Code::kNotFound, "/nowhere");
  EXPECT_FAILS(runtime().CopyTo(kPod, "a", tree, "/tmp/copy", {.mode = 0644}), Code::kInvalidArgument,
               "mode");
  EXPECT_EQ(In("ls -A /tmp | sort | xargs; cat /tmp/file; rm -r /tmp/dir /tmp/file /tmp/dangling"),
            "dangling dir file\nfile\n");
}

TEST_F(CopyTest, CopyFrom_FileOrLink_TakesThePlaceOfOne) {
  In("echo new >/tmp/file; chmod 4755 /tmp/file; ln -s /etc/shadow /tmp/link");
  WriteTo(Host("file"), "old");
  ASSERT_OK(runtime().CopyFrom(kPod, "a", "/tmp/file", Host("file")));
  EXPECT_EQ(FileContent(Host("file")), "new\n");
  EXPECT_EQ(fs::status(Host("file")).permissions(), fs::perms(0755)) << "no set-user-id bit";
  ASSERT_OK(runtime().CopyFrom(kPod, "a", "/tmp/link", Host("link")));
  EXPECT_EQ(fs::read_symlink(Host("link")), "/etc/shadow");
  In("rm /tmp/file /tmp/link");
}

TEST_F(CopyTest, CopyFrom_WhatFails_LeavesNothing) {
  fs::create_directory(Host("out"));
  fs::create_directory(Host("out/there"));
  In("mkdir /tmp/d; head -c 300000 /dev/zero >/tmp/d/a; head -c 300000 /dev/zero >/tmp/d/b");
  const auto copy = [&](const std::string& source, const std::string& name, const CopyLimits& limits = {}) {
    return runtime().CopyFrom(kPod, "a", source, Host("out/" + name), limits);
  };
  EXPECT_FAILS(copy("/tmp/none", "x"), Code::kNotFound, "none: No such file or directory");
  EXPECT_FAILS(copy("/none/x", "x"), Code::kNotFound, "/none");
  EXPECT_FAILS(copy("tmp/d", "x"), Code::kInvalidArgument, "'tmp/d' is not absolute");
  EXPECT_FAILS(copy("/tmp/../d", "x"), Code::kInvalidArgument, "'..'");
  EXPECT_FAILS(copy("/tmp/d", "there"), Code::kAlreadyExists, "there' is a directory");
  EXPECT_FAILS(copy("/tmp/d", "nowhere/x"), Code::kNotFound, "nowhere");
  EXPECT_FAILS(copy("/tmp/d", "x", {.bytes = 500'000}), Code::kResourceExhausted, "more than 500000 bytes");
  EXPECT_FAILS(copy("/tmp/d", "x", {.entries = 2}), Code::kResourceExhausted, "more than 2 files");
  // What never ends, within its deadline.
  const auto endless =
      runtime().CopyFrom(kPod, "a", "/proc/kmsg", Host("out/x"), {}, Deadline::After(seconds(5)));
  EXPECT_FALSE(endless);
  EXPECT_EQ(std::distance(fs::directory_iterator(Host("out")), {}), 1) << "more than 'there' is there";
  // No tar goes on in the container.
  EXPECT_TRUE(Eventually([&] {
    const auto processes = runtime().ProcessListContainer(kPod, "a");
    return processes && processes->size() == 1;
  }));
  In("rm -r /tmp/d");
}

TEST_F(CopyTest, CopyFrom_DirectoryThatIsWrittenTo_IsCopied) {
  const auto writer = runtime().EnterContainer(
      kPod, "a", Shell("mkdir /tmp/live; i=0; while :; do i=$((i+1)); echo $i >>/tmp/live/log; done"));
  ASSERT_OK(writer);
  ASSERT_TRUE(Eventually([&] { return In("cat /tmp/live/log | wc -l") > "1"; }));
  ASSERT_OK(runtime().CopyFrom(kPod, "a", "/tmp/live", Host("live")));
  EXPECT_THAT(FileContent(Host("live/log")), testing::StartsWith("1\n2\n"));
  ASSERT_OK((*writer)->Signal(SIGKILL));
  In("rm -r /tmp/live");
}

TEST_F(CopyTest, Copy_ContainerWithoutPrograms_Works) {
  // Nothing but one static program.
  const std::string rootfs = MakeRootfs("bare");
  fs::remove_all(rootfs);
  fs::create_directories(rootfs + "/data");
  fs::copy_file("/bin/busybox", rootfs + "/sleep");
  ContainerConfig config = host_->Container("bare", {"/sleep", "100000"});
  ASSERT_OK(runtime().CreateContainer(kPod, config));
  ASSERT_OK(runtime().StartContainer(kPod, "bare"));
  const std::string tree = MakeTree("bare-tree");
  ASSERT_OK(runtime().CopyTo(kPod, "bare", tree, "/data/copy"));
  ASSERT_OK(runtime().CopyFrom(kPod, "bare", "/data", Host("bare-back")));
  EXPECT_EQ(Describe(Host("bare-back/copy")), Describe(tree));
  ProcessConfig ls = Command({"ls", "/data"});
  ls.guest_program = true;
  const auto listed = runtime().RunCommand(kPod, "bare", ls);
  ASSERT_OK(listed);
  EXPECT_EQ(listed->stdout_data, "copy\n");
  ASSERT_OK(runtime().StopContainer(kPod, "bare", milliseconds(0)));
  ASSERT_OK(runtime().DeleteContainer(kPod, "bare"));
}

// Kills the pod's monitor again and again.
class MonitorKiller {
 public:
  explicit MonitorKiller(std::function<pid_t()> monitor)
      : thread_([this, monitor = std::move(monitor)](const std::stop_token& over) {
          pid_t last = 0;
          while (!over.stop_requested()) {
            std::this_thread::sleep_for(milliseconds(150));
            const pid_t pid = monitor();
            if (pid <= 1 || pid == last || ::kill(pid, SIGKILL) != 0) continue;
            last = pid;
            ++kills_;
          }
        }) {}
  int kills() const { return kills_; }

 private:
  std::atomic<int> kills_ = 0;
  std::jthread thread_;
};

TEST_F(CopyTest, Copy_MonitorsAreKilledMeanwhile_ArrivesWhole) {
  const std::string tree = MakeTree("killed");
  for (const char* name : {"/more", "/most"}) WriteTo(tree + name, NoiseBytes(6 << 20, 9));
  {
    const MonitorKiller killer([&] { return StatusOf(kPod).monitor_pid; });
    ASSERT_OK(runtime().CopyTo(kPod, "a", tree, "/tmp/killed"));
    ASSERT_OK(runtime().CopyFrom(kPod, "a", "/tmp/killed", Host("killed-back")));
    EXPECT_GE(killer.kills(), 2);
  }
  EXPECT_EQ(Describe(Host("killed-back")), Describe(tree));
  EXPECT_EQ(In("ls -A /tmp; rm -r /tmp/killed"), "killed\n") << "nothing else is left";
}

TEST_F(CopyTest, RunCommand_MonitorsAreKilledMeanwhile_LosesNothing) {
  const std::string input = NoiseBytes(4 << 20, 11);
  const MonitorKiller killer([&] { return StatusOf(kPod).monitor_pid; });
  const auto result = runtime().RunCommand(kPod, "a", Shell("cat; sleep 1; exit 9"),
                                           {.input = input, .max_stdout = input.size()});
  ASSERT_OK(result);
  EXPECT_EQ(result->exit.code, 9);
  EXPECT_EQ(result->stdout_data.size(), input.size());
  EXPECT_TRUE(result->stdout_data == input);
  EXPECT_EQ(result->input_taken, input.size());
  EXPECT_GE(killer.kills(), 2);
}

TEST_F(CopyTest, RunCommand_BothStreams_AreKeptUpToTheirLimits) {
  const auto result =
      runtime().RunCommand(kPod, "a", Shell("cat; echo problem >&2; head -c 5000000 /dev/zero; exit 3"),
                           {.input = "input ", .max_stdout = 1000});
  ASSERT_OK(result);
  EXPECT_EQ(result->exit.code, 3);
  EXPECT_EQ(result->end, CommandEnd::kExited);
  EXPECT_EQ(result->stdout_data.size(), 1000u);
  EXPECT_EQ(result->stdout_data.substr(0, 6), "input ");
  EXPECT_EQ(result->stdout_dropped, 5'000'006u - 1000);
  EXPECT_EQ(result->stderr_data, "problem\n");
  EXPECT_EQ(result->stderr_dropped, 0u);
  EXPECT_EQ(result->input_taken, 6u);
}

TEST_F(CopyTest, RunCommand_InputThatIsNotRead_IsCounted) {
  const auto result =
      runtime().RunCommand(kPod, "a", Command({"true"}), {.input = std::string(1 << 20, 'x')});
  ASSERT_OK(result);
  EXPECT_EQ(result->exit.code, 0);
  EXPECT_LT(result->input_taken, size_t{1} << 20);
}

TEST_F(CopyTest, RunCommand_DeadlinePasses_KillsTheCommandAndItsChildren) {
  const auto result = runtime().RunCommand(kPod, "a", Shell("echo begun; sleep 1001 & sleep 1002; true"), {},
                                           Deadline::After(seconds(5)));
  ASSERT_OK(result);
  EXPECT_EQ(result->end, CommandEnd::kTimedOut);
  EXPECT_EQ(result->exit.code, 137);
  EXPECT_EQ(result->stdout_data, "begun\n");
  EXPECT_EQ(In("ps -o args | grep -c 'slee[p] 100[12]'"), "0\n");
}

TEST_F(CopyTest, RunCommand_TooMuchOutput_KillsTheCommandThatSaysSo) {
  const auto result =
      runtime().RunCommand(kPod, "a", Command({"yes"}), {.max_stdout = 10'000, .kill_on_excess = true});
  ASSERT_OK(result);
  EXPECT_EQ(result->end, CommandEnd::kExcess);
  EXPECT_EQ(result->exit.code, 137);
  EXPECT_EQ(result->stdout_data.size(), 10'000u);
}

TEST_F(CopyTest, RunCommand_Cancelled_KillsTheCommand) {
  std::stop_source source;
  auto running = std::async(std::launch::async, [&] {
    return runtime().RunCommand(kPod, "", Command({"sleep", "1000"}), {},
                                Deadline::Infinite().OrStopped(source.get_token()));
  });
  EXPECT_EQ(running.wait_for(seconds(1)), std::future_status::timeout);
  source.request_stop();
  const auto result = running.get();
  ASSERT_OK(result);
  EXPECT_EQ(result->end, CommandEnd::kCancelled);
  EXPECT_EQ(result->exit.code, 137);
}

TEST_F(CopyTest, RunCommand_CommandThatIsMissing_IsAnErrorWithAReason) {
  const auto result = runtime().RunCommand(kPod, "a", Command({"no-such-command"}));
  EXPECT_FAILS(result, Code::kNotFound, "no-such-command");
  EXPECT_EQ(result.error().reason(), Reason::kCommandNotFound);
}

}  // namespace
}  // namespace virtcontainers::test
