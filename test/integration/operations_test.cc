// What is done with containers that run, on a real VM: pausing, limits, statistics, files, events, and the
// parts of a configuration that only a guest can show.

#include <signal.h>

#include <ctime>
#include <thread>

#include "fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class OperationsTest : public SharedPodTest<OperationsTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.shared_memory = Bytes::MiB(5);
    pod.dns.servers = {"192.0.2.53"};
    pod.dns.searches = {"example.org"};
    pod.hosts = {{"192.0.2.7", {"db", "db.example.org"}}};
    pod.containers = {
        host.Container("one",
                       {"sh", "-c", "i=0; while :; do i=$((i+1)); echo $i > /count; usleep 20000; done"}),
        host.Container("two", {"sleep", "100000"})};
    pod.containers[1].resources.memory_limit = 48 << 20;
    pod.containers[1].resources.pids_limit = 20;
    return pod;
  }

 protected:
  ContainerConfig Made(const std::string& id, std::vector<std::string> args = {"sleep", "100000"}) {
    MakeRootfs(id);
    return host_->Container(id, std::move(args));
  }

  // Makes a container, starts it, and says what `script` says in it.
  std::string SaidIn(const ContainerConfig& config, const std::string& script) {
    EXPECT_OK(runtime().CreateContainer(kPod, config));
    EXPECT_OK(runtime().StartContainer(kPod, config.id));
    const Finished finished = Enter(config.id, Shell(script));
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_OK(runtime().StopContainer(kPod, config.id, milliseconds(0)));
    EXPECT_OK(runtime().DeleteContainer(kPod, config.id));
    return finished.out;
  }
};

TEST_F(OperationsTest, PauseContainer_Running_StopsItsProcesses) {
  const std::string counter = StatusOf(kPod, "one").rootfs + "/count";
  const auto count = [&] { return FileContent(counter); };
  ASSERT_TRUE(Eventually([&] { return !count().empty(); }));
  ASSERT_OK(runtime().PauseContainer(kPod, "one"));
  EXPECT_EQ(StatusOf(kPod, "one").state, ContainerState::kPaused);
  // What it wrote last may still be on its way to the host.
  std::this_thread::sleep_for(milliseconds(1200));
  const std::string before = count();
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_EQ(count(), before);
  ASSERT_OK(runtime().ResumeContainer(kPod, "one"));
  EXPECT_TRUE(Eventually([&] { return count() != before && !count().empty(); }));
}

TEST_F(OperationsTest, PausePod_ThenResume_CostsNoCpuAndSetsClock) {
  const auto guest_time = [&] { return std::stol(Enter("two", Command({"date", "+%s"})).out); };
  ASSERT_OK(runtime().PausePod(kPod));
  const auto before = runtime().StatsPod(kPod);
  ASSERT_OK(before);
  std::this_thread::sleep_for(seconds(3));
  const auto after = runtime().StatsPod(kPod);
  ASSERT_OK(after);
  ASSERT_EQ(after->host[0].name, "qemu");
  EXPECT_LT(after->host[0].cpu - before->host[0].cpu, milliseconds(500));
  EXPECT_FAILS(runtime().EnterContainer(kPod, "two", Command({"true"})), Code::kFailedPrecondition,
               "resume it first");
  ASSERT_OK(runtime().ResumePod(kPod));
  EXPECT_LE(std::abs(guest_time() - std::time(nullptr)), 1);
}

TEST_F(OperationsTest, UpdateContainer_Limits_HoldInGuest) {
  EXPECT_EQ(Enter("two", Shell("cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max")).out,
            "50331648\n20\n");
  ContainerResources changes;
  changes.memory_limit = 40 << 20;
  changes.cpu_quota = 50'000;
  changes.cpu_period = 100'000;
  changes.unified["memory.high"] = "38M";
  ASSERT_OK(runtime().UpdateContainer(kPod, "two", changes));
  EXPECT_EQ(Enter("two", Shell("cd /sys/fs/cgroup; cat memory.max cpu.max memory.high pids.max")).out,
            "41943040\n50000 100000\n39845888\n20\n");
  const auto config = runtime().FetchPod(kPod);
  ASSERT_OK(config);
  EXPECT_EQ(config->containers[1].resources.memory_limit, 40 << 20);
}

TEST_F(OperationsTest, StatsContainer_ProcessWorks_Grow) {
  const auto before = runtime().StatsContainer(kPod, "two");
  ASSERT_OK(before);
  EXPECT_EQ(Enter("two", Shell("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done")).code, 0);
  const auto after = runtime().StatsContainer(kPod, "two");
  ASSERT_OK(after);
  EXPECT_GT(after->cpu.total, before->cpu.total + milliseconds(5));
  EXPECT_GT(after->memory.usage.count, 0u);
  ASSERT_TRUE(after->memory.limit);
  EXPECT_GE(after->pids.current, 1u);
  EXPECT_EQ(after->pids.limit, 20u);
  const auto pod = runtime().StatsPod(kPod);
  ASSERT_OK(pod);
  EXPECT_EQ(pod->containers.size(), 2u);
  ASSERT_GE(pod->host.size(), 3u);
  for (const HostProcessStats& process : pod->host) EXPECT_GT(process.resident.count, 0u) << process.name;
}

TEST_F(OperationsTest, ProcessListContainer_Running_ListsPidsOfContainer) {
  const auto command = runtime().EnterContainer(kPod, "two", Command({"sleep", "4321"}));
  ASSERT_OK(command);
  auto list = runtime().ProcessListContainer(kPod, "two");
  // A process that was just executed runs for a moment before it sleeps.
  for (const Deadline deadline = Deadline::After(seconds(10));
       list && list->size() == 2 && (*list)[1].state == 'R' && !deadline.passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    list = runtime().ProcessListContainer(kPod, "two");
  }
  ASSERT_OK(list);
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ((*list)[0].pid, 1);
  EXPECT_EQ((*list)[0].parent, 0);
  EXPECT_EQ((*list)[0].args, (std::vector<std::string>{"sleep", "100000"}));
  EXPECT_EQ((*list)[1].args, (std::vector<std::string>{"sleep", "4321"}));
  EXPECT_EQ((*list)[1].state, 'S');
  ASSERT_TRUE((*list)[1].started);
  EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - *(*list)[1].started), seconds(30));
  ASSERT_OK((*command)->Signal(SIGKILL));
  EXPECT_EQ((*command)->Wait()->code, 137);
}

TEST_F(OperationsTest, CopyTo_FileOverMount_GoesWhereContainerSeesIt) {
  const std::string source = host_->dir() + "/noise", content = NoiseBytes(3 << 20, 7);
  WriteTo(source, content);
  CopyOptions options;
  options.mode = 0640;
  options.uid = 12;
  options.gid = 34;
  // Over a mount that the host knows nothing of.
  ASSERT_EQ(Enter("two", Shell("mkdir -p /dev/shm/deep && ln -sf /etc/passwd /dev/shm/deep/link")).code, 0);
  ASSERT_OK(runtime().CopyTo(kPod, "two", source, "/dev/shm/deep/file", options));
  EXPECT_EQ(Enter("two", Command({"cat", "/dev/shm/deep/file"})).out, content);
  EXPECT_EQ(Enter("two", Command({"stat", "-c", "%a %u %g", "/dev/shm/deep/file"})).out, "640 12 34\n");
  WriteTo(source, "small");
  ASSERT_OK(runtime().CopyTo(kPod, "two", source, "/dev/shm/deep/link"));
  EXPECT_EQ(Enter("two", Shell("cat /dev/shm/deep/link; test -L /dev/shm/deep/link || echo ' no link'")).out,
            "small no link\n");
  EXPECT_FAILS(runtime().CopyTo(kPod, "two", source, "/nowhere/file"), Code::kNotFound, "/nowhere");
  EXPECT_EQ(Enter("two", Shell("ls -A /dev/shm/deep | sort | xargs; rm -r /dev/shm/deep")).out,
            "file link\n");
}

TEST_F(OperationsTest, Container_ExceedsMemoryLimit_IsKilledAndReported) {
  auto events = runtime().Events();
  ASSERT_OK(events);
  ContainerConfig greedy = Made("greedy", {"sh", "-c", "sleep 100000 & exec tail /dev/zero"});
  greedy.resources.memory_limit = 16 << 20;
  ASSERT_OK(runtime().CreateContainer(kPod, greedy));
  ASSERT_OK(runtime().StartContainer(kPod, "greedy"));
  EXPECT_EQ(runtime().WaitContainer(kPod, "greedy", Deadline::After(seconds(60)))->code, 137);
  bool oom = false, exited = false;
  while (!oom || !exited) {
    const auto event = (*events)->Next(Deadline::After(seconds(10)));
    ASSERT_OK(event);
    ASSERT_TRUE(*event) << "oom " << oom << ", exited " << exited;
    if ((*event)->container != "greedy") continue;
    oom = oom || (*event)->type == EventType::kContainerOom;
    exited = exited || ((*event)->type == EventType::kContainerExited && (*event)->exit == ExitStatus{137});
  }
  ASSERT_OK(runtime().DeleteContainer(kPod, "greedy"));
}

TEST_F(OperationsTest, Dns_OfPod_IsInResolvConfAndHosts) {
  EXPECT_THAT(
      Enter("two", Command({"cat", "/etc/resolv.conf"})).out,
      testing::AllOf(testing::HasSubstr("nameserver 192.0.2.53"), testing::HasSubstr("search example.org")));
  EXPECT_THAT(Enter("one", Command({"cat", "/etc/hosts"})).out,
              testing::AllOf(testing::HasSubstr("192.0.2.7"), testing::HasSubstr("db.example.org"),
                             testing::HasSubstr("localhost"), testing::HasSubstr(kPod)));
}

TEST_F(OperationsTest, SharedMemory_OfPod_HasItsSizeAndIsShared) {
  ASSERT_EQ(Enter("one", Shell("echo hello > /dev/shm/note")).code, 0);
  EXPECT_EQ(
      Enter("two", Shell("cat /dev/shm/note; rm /dev/shm/note; df -k /dev/shm | tail -1 | awk '{print $2}'"))
          .out,
      "hello\n5120\n");
  ContainerConfig own = Made("ownipc");
  own.namespaces.ipc = NamespaceOwner::kContainer;
  EXPECT_EQ(SaidIn(own, "ls -A /dev/shm; df -k /dev/shm | tail -1 | awk '{print $2}'"), "65536\n");
}

TEST_F(OperationsTest, Namespaces_OfContainer_AreOwnOrThePods) {
  const std::string script = "for n in pid ipc uts net; do readlink /proc/self/ns/$n; done";
  const auto names = [](const std::string& text) {
    std::vector<std::string> lines;
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
      lines.push_back(text.substr(begin, end - begin));
    return lines;
  };
  const auto one = names(Enter("one", Shell(script)).out), two = names(Enter("two", Shell(script)).out);
  ASSERT_EQ(one.size(), 4u);
  ASSERT_EQ(two.size(), 4u);
  EXPECT_NE(one[0], two[0]) << "pid";
  for (int i : {1, 2, 3}) EXPECT_EQ(one[i], two[i]) << i;
  ContainerConfig config = Made("owner");
  config.namespaces = {.pid = NamespaceOwner::kPod,
                       .ipc = NamespaceOwner::kContainer,
                       .uts = NamespaceOwner::kContainer,
                       .network = NamespaceOwner::kContainer};
  const auto owner = names(SaidIn(config, script));
  ASSERT_EQ(owner.size(), 4u);
  for (int i : {0, 1, 2, 3}) {
    EXPECT_NE(owner[i], one[i]) << i;
    EXPECT_NE(owner[i], two[i]) << i;
  }
}

TEST_F(OperationsTest, BindMounts_OfHost_AreShownAndReadOnlyHolds) {
  const std::string data = host_->dir() + "/data";
  ASSERT_EQ(::system(("mkdir -p " + data + "/sub").c_str()), 0);
  WriteTo(data + "/sub/file", "from the host");
  WriteTo(host_->dir() + "/single", "one file");
  ContainerConfig config = Made("mounts");
  config.mounts = {{"/data", "bind", data, {"rbind"}},
                   {"/frozen", "bind", data, {"rbind", "ro"}},
                   {"/etc/single", "bind", host_->dir() + "/single", {"bind"}}};
  EXPECT_EQ(SaidIn(config,
                   "cat /data/sub/file; echo; cat /etc/single; echo; echo back > /data/sub/new; "
                   "echo more > /etc/single; touch /frozen/x 2>/dev/null || echo read-only"),
            "from the host\none file\nread-only\n");
  EXPECT_EQ(FileContent(data + "/sub/new"), "back\n");
  EXPECT_EQ(FileContent(host_->dir() + "/single"), "more\n");
}

TEST_F(OperationsTest, Hooks_OfContainer_RunInTheirPlacesAndOrder) {
  const std::string log = host_->dir() + "/hooks";
  const auto host_hook = [&](const std::string& name) {
    return Hook{"/bin/sh", {"sh", "-c", "cat > " + log + "." + name}, {"PATH=/bin:/usr/bin"}, 10};
  };
  ContainerConfig config = Made("hooks");
  config.hooks.prestart = {host_hook("prestart")};
  config.hooks.create_runtime = {host_hook("create")};
  config.hooks.poststart = {host_hook("poststart")};
  config.hooks.poststop = {host_hook("poststop")};
  config.hooks.create_container = {{"/bin/busybox", {"sh", "-c", "cat > /run/hook-of-the-guest"}, {}, 10}};
  config.hooks.start_container = {
      {"/bin/sh", {"sh", "-c", "cat > /hook-of-the-container"}, {"PATH=/bin"}, 10}};
  EXPECT_THAT(SaidIn(config, "cat /hook-of-the-container"),
              testing::AllOf(testing::HasSubstr("\"hooks\""), testing::HasSubstr("created")));
  EXPECT_THAT(FileContent(log + ".prestart"), testing::HasSubstr("\"hooks\""));
  EXPECT_THAT(FileContent(log + ".create"), testing::HasSubstr("created"));
  EXPECT_THAT(FileContent(log + ".poststart"), testing::HasSubstr("running"));
  EXPECT_THAT(FileContent(log + ".poststop"), testing::HasSubstr("stopped"));

  config = Made("badhook");
  config.hooks.create_runtime = {{"/bin/sh", {"sh", "-c", "echo no such luck >&2; exit 3"}, {}, 10}};
  EXPECT_FAILS(runtime().CreateContainer(kPod, config), Code::kAborted, "no such luck");
  EXPECT_FAILS(runtime().ContainerStatus(kPod, "badhook"), Code::kNotFound, "badhook");
}

TEST_F(OperationsTest, Process_WithConfiguration_HasIt) {
  ContainerConfig config = Made("process");
  config.process.user.umask = 027;
  config.sysctl = {{"kernel.shmmni", "1234"}, {"net/ipv4/ip_forward", "1"}};
  config.domainname = "example.org";
  config.personality = "LINUX32";
  config.process.scheduler = Scheduler{.policy = "SCHED_RR", .priority = 5};
  config.namespaces.ipc = NamespaceOwner::kContainer;
  config.namespaces.network = NamespaceOwner::kContainer;
  config.devices = {{.path = "/dev/mynull", .type = "c", .major = 1, .minor = 3, .mode = 0622}};
  Seccomp seccomp;
  seccomp.default_action = "SCMP_ACT_ALLOW";
  seccomp.rules = {{{"mkdir", "mkdirat"}, "SCMP_ACT_ERRNO", 95, {}}};
  config.seccomp = seccomp;
  config.process.capabilities = DefaultCapabilities();
  config.process.capabilities->bounding.emplace_back("CAP_FUTURE");
  EXPECT_EQ(
      SaidIn(config,
             "umask; cat /proc/sys/kernel/domainname; uname -m; read -r line </proc/self/stat; set -- $line; "
             "echo ${40} ${41}; cat /proc/sys/kernel/shmmni /proc/sys/net/ipv4/ip_forward; stat -c '%a %t "
             "%T' /dev/mynull; "
             "mkdir /x 2>&1 | grep -o 'not supported'; grep Seccomp: /proc/self/status | tr -d '\\t '"),
      "0027\nexample.org\ni686\n5 2\n1234\n1\n622 1 3\nnot supported\nSeccomp:2\n");
  EXPECT_THAT(FileContent(root() + "/pods/" + kPod + "/monitor.log"),
              testing::HasSubstr("container 'process': capability 'CAP_FUTURE' is unknown and ignored"));
}

TEST_F(OperationsTest, AContainer_ByDefault_CannotEndItsVm) {
  const std::string script =
      "{ echo h >/proc/sysrq-trigger && echo sysrq; echo 1 >/proc/sys/kernel/printk && echo sysctl; "
      "mknod /dev/log c 1 11 && echo test >/dev/log && echo kmsg; "
      "head -c 1 /proc/kcore | wc -c; } 2>/dev/null";
  EXPECT_EQ(SaidIn(Made("masked"), script), "0\n");

  ContainerConfig trusted = Made("trusted");
  trusted.masked_paths.emplace();
  trusted.readonly_paths.emplace();
  trusted.resources.devices = {{.allow = true, .type = "c", .major = 1, .minor = 11, .access = "rwm"}};
  EXPECT_EQ(SaidIn(trusted, script.substr(0, script.find("head -c 1 /proc/kcore")) + "} 2>/dev/null"),
            "sysrq\nsysctl\nkmsg\n");
}

}  // namespace
}  // namespace virtcontainers::test
