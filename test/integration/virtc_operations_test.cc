// virtc's commands about what runs, on one pod.

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <sstream>

#include "base/json.h"
#include "base/unique_fd.h"
#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

namespace fs = std::filesystem;

Json Parsed(const std::string& text) {
  Result<Json> json = ParseJson(text);
  EXPECT_OK(json);
  return json ? *json : Json();
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class VirtcOperationsTest : public SharedPodTest<VirtcOperationsTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("db", {"sleep", "1000"})};
    return pod;
  }

 protected:
  // The arguments of a command about container "db" of the pod.
  static std::vector<std::string> About(std::vector<std::string> command, std::vector<std::string> more = {},
                                        const std::string& container = "db") {
    command.insert(command.end(), {kPod, container});
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }

  std::string OutputOf(const std::vector<std::string>& args) {
    const Finished finished = Virtc(args);
    EXPECT_EQ(finished.code, 0) << testing::PrintToString(args) << ": " << finished.err;
    return finished.out;
  }

  // A container that is made and started by virtc, in the running pod.
  void Start(const std::string& id, std::vector<std::string> options, std::vector<std::string> words) {
    const std::string rootfs = MakeRootfs(id);
    // Where a read-only root is mounted upon has to be there.
    for (const char* place : {"/in", "/rw"}) fs::create_directories(rootfs + place);
    std::vector<std::string> args = {"container", "create", kPod, id, "--rootfs", rootfs};
    args.insert(args.end(), options.begin(), options.end());
    args.emplace_back("--");
    args.insert(args.end(), words.begin(), words.end());
    EXPECT_EQ(OutputOf(args), id + "\n");
    OutputOf({"container", "start", kPod, id});
  }

  void Remove(const std::string& id) {
    OutputOf({"container", "stop", kPod, id, "--time", "0"});
    OutputOf({"container", "delete", kPod, id});
  }

  std::string FileInContainer(const std::string& path, const std::string& container = "db") {
    return Enter(container, Command({"cat", path})).out;
  }

  // virtc's line, as a shell's "$@".
  std::vector<std::string> Shell(const std::string& script, std::vector<std::string> virtc) {
    std::vector<std::string> line = {"sh", "-c", script, "sh"};
    const auto arguments = host_->VirtcArguments(std::move(virtc));
    line.insert(line.end(), arguments.begin(), arguments.end());
    return line;
  }

  void ExpectWrong(const std::vector<std::string>& args, const std::string& why) {
    const Finished finished = Virtc(args);
    EXPECT_EQ(finished.code, 125) << testing::PrintToString(args);
    EXPECT_EQ(finished.out, "");
    EXPECT_THAT(finished.err, AllOf(StartsWith("virtc: "), HasSubstr(why)));
  }
};

TEST_F(VirtcOperationsTest, ContainerPause_Running_IsPausedUntilResumed) {
  EXPECT_EQ(OutputOf(About({"container", "pause"})), "db\n");
  EXPECT_EQ(StatusOf(kPod, "db").state, ContainerState::kPaused);
  EXPECT_THAT(OutputOf(About({"container", "status"})), HasSubstr("paused"));
  ExpectWrong(About({"container", "enter"}, {"--", "true"}), "resume it first");
  EXPECT_EQ(Parsed(OutputOf(About({"--format", "json", "container", "resume"}))).value("state", ""),
            "running");
  EXPECT_EQ(StatusOf(kPod, "db").state, ContainerState::kRunning);
  ExpectWrong(About({"container", "pause"}, {}, "nobody"), "no container 'nobody'");
  ExpectWrong(About({"container", "resume"}, {"more"}), "unexpected argument 'more'");
}

TEST_F(VirtcOperationsTest, PodPause_Running_IsPausedUntilResumed) {
  EXPECT_EQ(OutputOf({"pod", "pause", kPod}), std::string(kPod) + "\n");
  EXPECT_EQ(StatusOf(kPod).state, PodState::kPaused);
  EXPECT_THAT(OutputOf({"pod", "status", kPod}), HasSubstr("state        paused"));
  ExpectWrong({"pod", "enter", kPod, "--", "true"}, "resume it first");
  EXPECT_EQ(Parsed(OutputOf({"--format", "json", "pod", "resume", kPod})).value("state", ""), "running");
  EXPECT_EQ(Enter("db", Command({"echo", "on"})).out, "on\n");
  ExpectWrong({"pod", "pause", "nobody"}, "no pod 'nobody'");
  ExpectWrong({"pod", "resume", "nobody"}, "no pod 'nobody'");
}

TEST_F(VirtcOperationsTest, ContainerKill_WithSignal_WaitReturnsStatus) {
  Start("k", {}, {"sh", "-c", "trap 'exit 9' USR1; echo up; while :; do sleep 0.1; done"});
  EXPECT_TRUE(Eventually([&] { return OutputOf(About({"container", "logs"}, {}, "k")) == "up\n"; }));
  HostProcess waiting(host_->VirtcArguments(About({"container", "wait"}, {}, "k")),
                      host_->VirtcEnvironment());
  ExpectWrong(About({"container", "kill"}, {"--signal", "USR9"}, "k"), "'USR9' is no signal");
  ExpectWrong(About({"container", "kill"}, {}, "nobody"), "no container 'nobody'");
  ExpectWrong(About({"container", "wait"}, {}, "nobody"), "no container 'nobody'");
  EXPECT_EQ(OutputOf(About({"container", "kill"}, {"--signal", "usr1"}, "k")), "k\n");
  const Finished waited = waiting.Finish();
  EXPECT_EQ(waited.code, 0) << waited.err;
  EXPECT_EQ(waited.out, "9\n");
  EXPECT_EQ(Parsed(OutputOf(About({"--format", "json", "container", "wait"}, {}, "k"))).value("exit_code", 0),
            9);
  OutputOf(About({"container", "kill"}, {"-s", "9"}, "k"));
  OutputOf({"container", "delete", kPod, "k"});
}

TEST_F(VirtcOperationsTest, ContainerUpdate_Limits_ChangeInGuest) {
  const std::string max = "/sys/fs/cgroup/memory.max";
  OutputOf(About({"container", "update"}, {"--memory", "64M", "--pids-limit", "77", "--cpu-quota", "50000"}));
  EXPECT_EQ(FileInContainer(max), "67108864\n");
  EXPECT_EQ(FileInContainer("/sys/fs/cgroup/pids.max"), "77\n");
  EXPECT_EQ(FileInContainer("/sys/fs/cgroup/cpu.max"), "50000 100000\n");
  OutputOf(About({"container", "update"}, {"--unified", "memory.high=48M"}));
  EXPECT_EQ(FileInContainer("/sys/fs/cgroup/memory.high"), "50331648\n");
  ExpectWrong(About({"container", "update"}), "nothing to change");
  ExpectWrong(About({"container", "update"}, {"--memory", "64"}), "'64' has no unit");
  ExpectWrong(About({"container", "update"}, {"--cpuset-cpus", "zero"}), "zero");
  ExpectWrong(About({"container", "update"}, {"--memory", "1M"}, "nobody"), "no container 'nobody'");
  EXPECT_EQ(FileInContainer(max), "67108864\n") << "what is wrong changes nothing";
  OutputOf(About({"container", "update"}, {"--memory", "unlimited", "--pids-limit", "-1", "--cpu-quota",
                                           "unlimited", "--unified", "memory.high=max"}));
  EXPECT_EQ(FileInContainer(max), "max\n");
}

TEST_F(VirtcOperationsTest, Stats_OfContainerAndPod_ShowUsage) {
  EXPECT_THAT(OutputOf(About({"container", "stats"})),
              AllOf(StartsWith("CONTAINER  CPU TIME  MEMORY"), HasSubstr("\ndb ")));
  const Json stats = Parsed(OutputOf(About({"--format", "json", "container", "stats"})));
  EXPECT_EQ(stats.value("id", ""), "db");
  EXPECT_GT(stats.value("/memory/usage_bytes"_json_pointer, 0), 0);
  EXPECT_EQ(stats.value("/pids/current"_json_pointer, 0), 1);
  EXPECT_GT(stats.value("/cpu/total_ns"_json_pointer, 0ll), 0);

  EXPECT_THAT(OutputOf({"pod", "stats", kPod}), AllOf(HasSubstr("\ndb "), HasSubstr("\nqemu ")));
  const Json pod = Parsed(OutputOf({"--format", "json", "pod", "stats", kPod}));
  EXPECT_EQ(pod.value("/containers/0/id"_json_pointer, ""), "db");
  bool vm = false;
  for (const Json& process : pod.value("host", Json::array())) {
    EXPECT_GT(process.value("proportional_bytes", 0ll), 0);
    if (process.value("name", "") == "qemu") vm = process.value("pid", 0) == StatusOf(kPod).vm_pid;
  }
  EXPECT_TRUE(vm);

  // Again and again, until nobody listens.
  const Finished watched = RunOnHost(
      Shell("\"$@\" | head -n 3", About({"--format", "json", "container", "stats"}, {"--watch", "0.1"})),
      host_->VirtcEnvironment());
  EXPECT_EQ(Lines(watched.out).size(), 3u) << watched.err;
  ExpectWrong(About({"container", "stats"}, {"--watch", "often"}), "'often'");
  ExpectWrong(About({"container", "stats"}, {}, "nobody"), "no container 'nobody'");
  ExpectWrong({"pod", "stats", "nobody"}, "no pod 'nobody'");
}

TEST_F(VirtcOperationsTest, ContainerTop_Running_ListsProcesses) {
  const auto lines = Lines(OutputOf(About({"container", "top"})));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], StartsWith("PID  PPID  USER  STATE  TIME"));
  EXPECT_THAT(lines[1], AllOf(StartsWith("1 "), EndsWith("sleep 1000")));
  const Json list = Parsed(OutputOf(About({"--format", "json", "container", "top"})));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].value("args", Json()), (Json{"sleep", "1000"}));
  ExpectWrong(About({"container", "top"}, {}, "nobody"), "no container 'nobody'");
}

TEST_F(VirtcOperationsTest, Exec_OfAPodWithOneContainer_NeedsNoContainer) {
  EXPECT_EQ(OutputOf({"exec", kPod, "echo", "--", "-n"}), "-- -n\n");
  EXPECT_EQ(OutputOf({"exec", "-e", "A=b", "-w", "/etc", "-u", "7:8", kPod, "sh", "-c",
                      "echo $A; pwd; id -u; id -g"}),
            "b\n/etc\n7\n8\n");
  EXPECT_THAT(OutputOf({"container", "top", kPod}), HasSubstr("sleep 1000"));

  const std::string both = std::string(kPod) + "/db";
  EXPECT_EQ(OutputOf({"exec", both, "echo", "hi"}), "hi\n");
  EXPECT_EQ(OutputOf({"container", "enter", both, "echo", "hi"}), "hi\n");
  const Finished named = Virtc({"exec", kPod, "db", "echo", "hi"});
  EXPECT_EQ(named.code, 127) << named.err;
  EXPECT_THAT(named.err, HasSubstr("to name the container, write '" + both + "'"));
}

TEST_F(VirtcOperationsTest, Exec_OfAPodWithTwoContainers_NamesThem) {
  Start("second", {"-e", "GREETING=good day", "-w", "/etc", "-u", "7:8"}, {"sleep", "1000"});
  ExpectWrong({"exec", kPod, "true"}, "has 2 containers, 'db', 'second': name one, such as 'shared/db'");
  ExpectWrong({"logs", kPod}, "has 2 containers");
  const std::vector<std::string> entered = {"exec", std::string(kPod) + "/second", "sh", "-c",
                                            "echo $GREETING; pwd; id -u; id -g"};
  EXPECT_EQ(OutputOf(entered), "good day\n/etc\n7\n8\n") << "what the container's first process has";
  EXPECT_EQ(OutputOf({"exec", "-u", "0:0", std::string(kPod) + "/second", "id", "-u"}), "0\n");

  // The containers of all pods, and of one.
  OutputOf({"pod", "create", "other", "--container", "one", "--rootfs", dir(), "true"});
  const auto all = Lines(OutputOf({"container", "list"}));
  ASSERT_EQ(all.size(), 4u);
  EXPECT_THAT(all[0], StartsWith("POD ID  CONTAINER ID  STATE"));
  EXPECT_THAT(all[1], AllOf(StartsWith("other   one "), EndsWith("true")));
  EXPECT_THAT(all[2], AllOf(StartsWith("shared  db "), HasSubstr("running")));
  EXPECT_EQ(OutputOf({"ps", "-q"}), "other/one\nshared/db\nshared/second\n");
  EXPECT_EQ(OutputOf({"ps", "-q", "--running"}), "shared/db\nshared/second\n");
  EXPECT_EQ(OutputOf({"ps", "-q", kPod}), "db\nsecond\n");
  const Json json = Parsed(OutputOf({"--format", "json", "ps"}));
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0].value("pod", ""), "other");
  EXPECT_EQ(json[0].value("id", ""), "one");
  OutputOf({"rm", "other"});
  Remove("second");
}

TEST_F(VirtcOperationsTest, UsersByName_AreLookedUpInTheContainer) {
  const std::string rootfs = MakeRootfs("named");
  WriteTo(rootfs + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/srv/web:/bin/sh\n");
  WriteTo(rootfs + "/etc/group", "root:x:0:\nweb:x:1001:\nwww:x:33:web\nvideo:x:44:\n");
  const auto create = [&](const std::string& id, std::vector<std::string> options) {
    std::vector<std::string> args = {"container", "create", kPod, id, "--rootfs", rootfs};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"sh", "-c", "id -u; id -g; id -G; echo $HOME; exec sleep 1000"});
    return args;
  };
  OutputOf(create("named", {"--user", "web", "--group-add", "video", "--group-add", "7"}));
  OutputOf({"container", "start", kPod, "named"});
  const std::string both = std::string(kPod) + "/named";
  const std::string who = "1000\n1001\n1001 7 33 44\n/srv/web\n";
  EXPECT_TRUE(Eventually([&] { return OutputOf({"logs", both}) == who; })) << OutputOf({"logs", both});

  const auto id = [&](std::vector<std::string> user) {
    std::vector<std::string> args = {"exec"};
    args.insert(args.end(), user.begin(), user.end());
    args.insert(args.end(), {both, "sh", "-c", "echo $(id -u) $(id -G)"});
    return OutputOf(args);
  };
  EXPECT_EQ(id({}), "1000 1001 7 33 44\n") << "the container's user";
  EXPECT_EQ(id({"-u", "web:video"}), "1000 44\n");
  EXPECT_EQ(id({"-u", "1000"}), "1000 1001 33\n");
  EXPECT_EQ(id({"-u", "1000:1000"}), "1000 1000\n");
  EXPECT_EQ(id({"-u", "root"}), "0 0\n");
  EXPECT_EQ(id({"-u", "4711"}), "4711 0\n");
  ExpectWrong({"exec", "-u", "bob", both, "true"}, "no user 'bob' in '/etc/passwd' of its root file system");
  ExpectWrong({"exec", "-u", "web:staff", both, "true"}, "no group 'staff' in '/etc/group'");
  ExpectWrong(create("x", {"--user", "bob"}), "no user 'bob'");
  ExpectWrong({"pod", "enter", "-u", "bob", kPod, "true"}, "no user 'bob'");

  // The file is the container's, and may be anything.
  OutputOf({"exec", "-u", "0:0", both, "sh", "-c", "rm /etc/passwd; mkfifo /etc/passwd"});
  ExpectWrong({"exec", "-u", "web", both, "true"}, "'/etc/passwd' of its root file system is a FIFO");
  EXPECT_EQ(OutputOf({"exec", "-u", "5:6", "-e", "HOME=/", both, "echo", "up"}), "up\n");
  Remove("named");
}

TEST_F(VirtcOperationsTest, ContainerCp_File_IsCopiedInAndOut) {
  const std::string content = NoiseBytes(3'000'000, 1);
  const std::string db = std::string(kPod) + "/db:";
  const auto cp = [](std::vector<std::string> args) {
    args.insert(args.begin(), {"container", "cp"});
    return args;
  };
  WriteTo(dir() + "/noise", content);
  OutputOf(cp({dir() + "/noise", db + "/tmp/", "--mode", "0750", "--user", "5:6"}));
  const Finished listed = Enter("db", Command({"ls", "-ln", "/tmp/noise"}));
  EXPECT_THAT(listed.out, AllOf(StartsWith("-rwxr-x---"), HasSubstr(" 5 "), HasSubstr(" 6 ")));
  EXPECT_EQ(FileInContainer("/tmp/noise"), content);
  OutputOf(cp({db + "/tmp/noise", dir() + "/back"}));
  EXPECT_EQ(FileContent(dir() + "/back"), content);
  OutputOf(cp({db + "/tmp/noise", dir() + "/back"}));
  ExpectWrong(cp({dir() + "/none", db + "/tmp/x"}), "none");
  ExpectWrong(cp({dir() + "/noise", db + "/no/such/folder"}), "/no/such");
  ExpectWrong(cp({dir() + "/noise", db + "tmp/x"}), "'tmp/x' is not absolute");
  ExpectWrong(cp({dir() + "/noise", db + "/x", "--mode", "rwx"}), "'rwx'");
  ExpectWrong(cp({dir() + "/noise"}), "DESTINATION is missing");
  ExpectWrong(cp({dir() + "/noise", "/tmp/x"}), "neither path is in a container");
  ExpectWrong(cp({db + "/tmp/noise", db + "/tmp/x"}), "both paths are in a container");
  ExpectWrong(cp({db + "/tmp/none", dir() + "/x"}), "No such file or directory");
  ExpectWrong(cp({db + "/tmp/noise", dir() + "/x", "--max-size", "1M"}),
              "more than 1048576 bytes, the limit of the copy");
  ExpectWrong(cp({db + "/tmp/noise", dir() + "/x", "--mode", "0644"}), "into a container");
  EXPECT_NE(Enter("db", Command({"ls", "/tmp/x"})).code, 0);
  EXPECT_FALSE(std::filesystem::exists(dir() + "/x"));
}

TEST_F(VirtcOperationsTest, ContainerCp_Directory_IsCopiedInAndOut) {
  const std::string db = std::string(kPod) + "/db:";
  std::filesystem::create_directories(dir() + "/tree/sub");
  WriteTo(dir() + "/tree/sub/file", "content");
  OutputOf({"container", "cp", dir() + "/tree", db + "/tmp/"});
  EXPECT_EQ(FileInContainer("/tmp/tree/sub/file"), "content");
  ASSERT_EQ(Enter("db", Command({"mkfifo", "/tmp/tree/pipe"})).code, 0);
  std::filesystem::create_directory(dir() + "/here");
  const Finished out = Virtc({"container", "cp", db + "/tmp/tree", dir() + "/here"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_THAT(out.err, HasSubstr("'pipe' is a socket, pipe or device, and was not copied"));
  EXPECT_EQ(FileContent(dir() + "/here/tree/sub/file"), "content");
  ExpectWrong({"container", "cp", dir() + "/tree", db + "/tmp/"}, "'/tmp/tree' exists already");
}

TEST_F(VirtcOperationsTest, Events_AsJson_ListWhatHappened) {
  const auto all = Lines(OutputOf({"--format", "json", "events", "--after", "0", "--no-follow"}));
  ASSERT_GE(all.size(), 3u);
  EXPECT_EQ(Parsed(all[0]).value("type", ""), "pod-created");
  EXPECT_EQ(Parsed(all[0]).value("sequence", 0), 1);
  const std::string last = std::to_string(Parsed(all.back()).value("sequence", 0));
  auto changed = std::async(std::launch::async, [&] {
    Virtc(About({"container", "pause"}));
    Virtc(About({"container", "resume"}));
  });
  // The one who reads leaves, and virtc with him.
  const Finished followed = RunOnHost(Shell("\"$@\" | head -n 2", {"events", "--pod", kPod, "--after", last}),
                                      host_->VirtcEnvironment());
  changed.get();
  const auto lines = Lines(followed.out);
  ASSERT_EQ(lines.size(), 2u) << followed.err;
  EXPECT_THAT(lines[0], AllOf(HasSubstr("container-paused"), HasSubstr(std::string(kPod) + "/db")));
  EXPECT_THAT(lines[1], HasSubstr("container-resumed"));

  // Told to end, it ends as one that is done.
  std::vector<std::string> line = {
      "sh", "-c",
      "fifo=$1; shift; mkfifo $fifo; \"$@\" >$fifo & exec 3<$fifo; read first <&3; kill -TERM $!; wait $!",
      "sh", dir() + "/fifo"};
  const auto virtc = host_->VirtcArguments({"events", "--after", "0"});
  line.insert(line.end(), virtc.begin(), virtc.end());
  const Finished ended = RunOnHost(line, host_->VirtcEnvironment());
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(OutputOf({"events", "--pod", "nobody", "--after", "0", "--no-follow"}), "");
  ExpectWrong({"events", "--after", "noon"}, "'noon'");
  ExpectWrong({"events", "--pdo", "x"}, "did you mean '--pod'");
}

// ---- logs

TEST_F(VirtcOperationsTest, ContainerLogs_FollowAcrossRotation_LosesNoLine) {
  const std::string script =
      "i=0; while [ $i -lt 1500 ]; do echo \"line $i\"; i=$((i+1)); [ $((i % 20)) = 0 ] && sleep 0.05; done; "
      "echo trouble >&2; echo -n 'no end'";
  std::string expected;
  for (int i = 0; i < 1500; ++i) expected += "line " + std::to_string(i) + "\n";
  expected += "no end";
  for (const char* format : {"cri", "json"}) {
    const std::string id = std::string("log-") + format;
    Start(id, {"--log-format", format, "--log-max-size", "16K", "--log-max-files", "3"},
          {"sh", "-c", script});
    const Finished followed = Virtc(About({"container", "logs"}, {"-f"}, id));
    EXPECT_EQ(followed.code, 0);
    EXPECT_EQ(followed.out, expected);
    EXPECT_EQ(followed.err, "trouble\n");
    const std::string log = StatusOf(kPod, id).log;
    EXPECT_TRUE(fs::exists(log + ".2"));
    EXPECT_FALSE(fs::exists(log + ".3"));
    for (const char* suffix : {"", ".1", ".2"}) EXPECT_LE(fs::file_size(log + suffix), 16u << 10);

    // What is left of it, without a gap.
    const std::string kept = OutputOf(About({"container", "logs"}, {}, id));
    EXPECT_LT(kept.size(), expected.size());
    EXPECT_THAT(expected, EndsWith(kept));
    const Finished tail = Virtc(About({"container", "logs"}, {"--tail", "3"}, id));
    EXPECT_EQ(tail.out, "line 1499\nno end");
    EXPECT_EQ(tail.err, "trouble\n");
    EXPECT_THAT(Virtc(About({"container", "logs"}, {"-t", "-n", "1"}, id)).out,
                testing::MatchesRegex("20..-..-..T[0-9:.]*Z no end"));
    const auto objects = Lines(OutputOf(About({"--format", "json", "container", "logs"}, {"-n", "3"}, id)));
    ASSERT_EQ(objects.size(), 3u);
    EXPECT_EQ(Parsed(objects[0]).value("log", ""), "line 1499\n");
    EXPECT_EQ(Parsed(objects[1]).value("stream", ""), "stderr");

    OutputOf({"container", "delete", kPod, id});
    for (const char* suffix : {"", ".1", ".2"}) EXPECT_FALSE(fs::exists(log + suffix));
  }
  ExpectWrong(About({"container", "logs"}, {"--tail", "many"}), "'many'");
}

TEST_F(VirtcOperationsTest, ContainerLogs_PlainFormat_PrintsBytesAsWritten) {
  Start("plain", {"--log-format", "plain"}, {"printf", "a\\377b\\nno end"});
  OutputOf(About({"container", "wait"}, {}, "plain"));
  EXPECT_EQ(OutputOf(About({"container", "logs"}, {}, "plain")), "a\377b\nno end");
  EXPECT_EQ(FileContent(StatusOf(kPod, "plain").log), "a\377b\nno end");
  ExpectWrong(About({"container", "logs"}, {"-t"}, "plain"), "has no times");
  OutputOf({"container", "delete", kPod, "plain"});
  ExpectWrong({"container", "create", kPod, "x", "--rootfs", dir(), "--log-format", "xml", "--", "true"},
              "'xml' is not one of");
  ExpectWrong({"container", "create", kPod, "x", "--rootfs", dir(), "--log-max-size", "1K", "--", "true"},
              "give at least 4096");
}

// ---- what a container is created with

TEST_F(VirtcOperationsTest, ContainerCreate_WithOptions_ContainerHasThem) {
  fs::create_directories(dir() + "/shown");
  WriteTo(dir() + "/shown/file", "of the host\n");
  Start("made",
        {"--volume",
         dir() + "/shown:/in:ro",
         "-v",
         dir() + "/shown:/rw",
         "--container-memory",
         "40M",
         "--pids-limit",
         "33",
         "--umask",
         "0027",
         "--cap-drop",
         "ALL",
         "--cap-add",
         "kill",
         "--sysctl",
         "net.ipv4.ip_forward=1",
         "--own-namespace",
         "network",
         "--share-pid",
         "--read-only"},
        {"sleep", "1000"});
  EXPECT_EQ(FileInContainer("/in/file", "made"), "of the host\n");
  EXPECT_NE(Enter("made", test::Shell("echo x >/in/new")).code, 0);
  EXPECT_EQ(Enter("made", test::Shell("echo of the guest >/rw/new")).code, 0);
  EXPECT_EQ(FileContent(dir() + "/shown/new"), "of the guest\n");
  EXPECT_EQ(FileInContainer("/sys/fs/cgroup/memory.max", "made"), "41943040\n");
  EXPECT_EQ(FileInContainer("/sys/fs/cgroup/pids.max", "made"), "33\n");
  EXPECT_EQ(FileInContainer("/proc/sys/net/ipv4/ip_forward", "made"), "1\n");
  EXPECT_NE(Enter("made", test::Shell("echo x >/new")).code, 0) << "its root is read-only";
  const Json list = Parsed(OutputOf(About({"--format", "json", "container", "top"}, {}, "made")));
  ASSERT_EQ(list.size(), 1u);
  const std::string status =
      FileInContainer("/proc/" + std::to_string(list[0].value("pid", 0)) + "/status", "made");
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000020\n"));
  EXPECT_THAT(status, HasSubstr("Umask:\t0027\n"));
  Remove("made");

  const auto create = [&](std::vector<std::string> options) {
    std::vector<std::string> args = {"container", "create", kPod, "x", "--rootfs", dir()};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"--", "true"});
    return args;
  };
  ExpectWrong(create({"--volume", dir() + "/none:/in"}), "none");
  ExpectWrong(create({"--volume", "/in"}), "--volume '/in'");
  ExpectWrong(create({"--cap-add", "NET_ADMN"}), "did you mean 'NET_ADMIN'");
  ExpectWrong(create({"--umask", "0999"}), "--umask '0999'");
  ExpectWrong(create({"--sysctl", "kernel.panic=1"}), "kernel.panic");
  EXPECT_EQ(runtime().ContainerStatus(kPod, "x").error().code(), Code::kNotFound);
}

TEST_F(VirtcOperationsTest, Run_WithDnsHostsAndShmSize_ContainerHasThem) {
  const Finished ran =
      Virtc({"run", "--rm", "--rootfs", MakeRootfs("names"), "--dns", "10.0.0.1", "--dns-search",
             "example.org", "--add-host", "other:10.9.9.9", "--shm-size", "8M", "--", "sh", "-c",
             "cat /etc/resolv.conf /etc/hosts; df -k /dev/shm | tail -n 1"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("nameserver 10.0.0.1\n"), HasSubstr("search example.org\n"),
                             HasSubstr("10.9.9.9\tother\n"), HasSubstr(" 8192 ")));
  ExpectWrong({"pod", "create", "x", "--add-host", "other"}, "--add-host 'other'");
  ExpectWrong({"pod", "create", "x", "--dns", "nowhere"}, "nowhere");
  ExpectWrong({"pod", "create", "x", "--shm-size", "much"}, "--shm-size 'much'");
}

TEST_F(VirtcOperationsTest, ContainerEnter_Detached_LeavesCommandRunning) {
  const std::string name =
      OutputOf(About({"container", "enter", "--detach"}, {"--", "sh", "-c", "echo left; exec sleep 777"}));
  EXPECT_THAT(name, StartsWith("exec-"));
  const auto process = runtime().OpenProcess(kPod, "db", name.substr(0, name.size() - 1));
  ASSERT_OK(process);
  char buffer[100];
  EXPECT_EQ((*process)->ReadStdout(buffer), 5u) << "what it said is still there";
  EXPECT_TRUE(Eventually([&] {
    return OutputOf(About({"container", "top"})).find("sleep 777") != std::string::npos;
  })) << "sh has said its line and is about to become sleep";
  ASSERT_OK((*process)->Signal(SIGKILL));
  EXPECT_EQ((*process)->Wait()->code, 137);
  ExpectWrong(About({"container", "enter", "--detach", "-i"}, {"--", "true"}), "--detach");
}

// What container engines and image builders need that run inside: the kernel loads the modules by itself.
TEST_F(VirtcOperationsTest, PrivilegedContainer_MountsOverlaysAndImages_MakesLinksAndTunnels) {
  Start("engine", {"--privileged", "--own-namespace", "network"}, {"sleep", "1000"});
  const auto succeeds = [&](const std::string& script) {
    const Finished finished = Virtc({"exec", std::string(kPod) + "/engine", "sh", "-ec", script});
    EXPECT_EQ(finished.code, 0) << script << ": " << finished.err;
    return finished.out;
  };
  EXPECT_EQ(
      succeeds("mkdir /l /m; mount -t tmpfs t /m; mkdir /m/upper /m/work /m/merged; echo below >/l/file; "
               "mount -t overlay o -o lowerdir=/l,upperdir=/m/upper,workdir=/m/work /m/merged; "
               "echo above >>/m/merged/file; cat /l/file /m/upper/file"),
      "below\nbelow\nabove\n");
  EXPECT_THAT(succeeds("dd if=/dev/zero of=/m/image bs=1M count=4 2>/dev/null; losetup /dev/loop0 /m/image; "
                       "losetup -a; losetup -d /dev/loop0"),
              HasSubstr("/m/image"));
  succeeds("ip link add v0 type veth peer name v1; ip link add b0 type bridge; ip link set v0 master b0");
  succeeds("exec 3<>/dev/fuse 4<>/dev/net/tun");
  Remove("engine");
}

TEST_F(VirtcOperationsTest, Attach_ToAContainerCreatedForIt_CarriesInputOutputAndExitStatus) {
  const auto attach = [](std::vector<std::string> more = {}) {
    return About({"container", "attach"}, std::move(more), "talks");
  };
  Start("talks", {"--output", "attach"}, {"sh", "-c", "cat; echo over >&2; exit 5"});
  const Finished talked = Virtc(attach({"-i"}), "hello\nyou\n");
  EXPECT_EQ(talked.out, "hello\nyou\n");
  EXPECT_EQ(talked.err, "over\n");
  EXPECT_EQ(talked.code, 5);
  Remove("talks");

  // Without -i its input is left to others.
  Start("talks", {"--output", "attach"}, {"sh", "-c", "echo ready; read line; echo $line"});
  HostProcess watching(host_->VirtcArguments(attach()), host_->VirtcEnvironment());
  const auto process = runtime().AttachContainer(kPod, "talks");
  ASSERT_OK(process);
  ASSERT_OK((*process)->WriteStdin("from elsewhere\n"));
  const Finished watched = watching.Finish();
  EXPECT_EQ(watched.out, "ready\nfrom elsewhere\n");
  EXPECT_EQ(watched.code, 0) << watched.err;
  Remove("talks");

  ExpectWrong(About({"container", "attach"}), "the output of container 'db' goes to its log");
  ExpectWrong(About({"attach"}, {}, "nobody"), "no container 'nobody'");
  ExpectWrong({"container", "create", kPod, "x", "--rootfs", "/", "--output", "paper", "true"}, "paper");
}

// A line is written while the monitor stands still, the monitor dies, and another line follows.
TEST_F(VirtcOperationsTest, Enter_WhoseMonitorDiesWhileItReadsInput_LosesNoByteOfIt) {
  const std::string fifo = dir() + "/input";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  HostProcess virtc(Shell("exec \"$@\" <" + fifo, About({"container", "enter", "-i"}, {"cat"})),
                    host_->VirtcEnvironment());
  UniqueFd writer(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(writer);
  const auto write = [&](std::string_view line) {
    EXPECT_EQ(::write(writer.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
  };
  EXPECT_TRUE(Eventually([&] {
    return OutputOf(About({"container", "top"})).find(" cat") != std::string::npos;
  }));
  const pid_t monitor = StatusOf(kPod).monitor_pid;
  ASSERT_EQ(::kill(monitor, SIGSTOP), 0);
  write("first\n");
  // Until virtc has taken the line from the pipe, and so is in the middle of the write.
  EXPECT_TRUE(Eventually([&] {
    int left = -1;
    return ::ioctl(writer.get(), FIONREAD, &left) == 0 && left == 0;
  }));
  ASSERT_EQ(::kill(monitor, SIGKILL), 0);
  write("second\n");
  writer.reset();
  const Finished finished = virtc.Finish();
  EXPECT_EQ(finished.out, "first\nsecond\n");
  EXPECT_EQ(finished.code, 0) << finished.err;
}

TEST_F(VirtcOperationsTest, PodRun_SignalArrivesDuringBoot_UndoesTheStart) {
  HostProcess virtc(
      host_->VirtcArguments({"pod", "run", "told", "--rootfs", MakeRootfs("told"), "--", "sleep", "1000"}),
      host_->VirtcEnvironment());
  EXPECT_TRUE(Eventually([&] { return fs::exists(root() + "/pods/told/monitor.log"); }));
  ASSERT_EQ(::kill(virtc.pid(), SIGINT), 0);
  const Finished ran = virtc.Finish();
  EXPECT_EQ(ran.code, 130) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("undoing the start"));
  EXPECT_FAILS(runtime().PodStatus("told"), Code::kNotFound, "told");

  const Finished failed = Virtc({"pod", "run", "told", "--rootfs", MakeRootfs("told2"), "--", "nonesuch"});
  EXPECT_EQ(failed.code, 127);
  EXPECT_FAILS(runtime().PodStatus("told"), Code::kNotFound, "told");
}

}  // namespace
}  // namespace virtcontainers::test
