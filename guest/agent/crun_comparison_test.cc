// crun is the oracle: of one config.json, on one machine, it and the agent make the same container. Prints a
// table of what was compared.

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "guest.pb.h"
#include "guest/agent/os/file.h"
#include "guest/agent/testing/spec.h"
#include "guest/agent/testing/standalone_agent.h"

namespace virtcontainers::guest {
namespace {

using Request = wire::ExtendedCreateRequest;

// What is looked at, and the shell command that shows it inside the container. Left out are the source of a
// mount and the covers of masked files, which the two name differently for good reasons.
struct Field {
  const char* name;
  const char* command;
};

const std::vector<Field> kFields{
    {"uid, gid, groups", "id; grep -E '^(Uid|Gid|Groups):' /proc/self/status"},
    {"capabilities", "grep ^Cap /proc/self/status"},
    {"no_new_privs, seccomp", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status"},
    {"limits", "cat /proc/self/limits"},
    {"oom_score_adj", "cat /proc/self/oom_score_adj"},
    {"umask", "umask"},
    {"cwd", "pwd"},
    {"env", "env | sort"},
    {"hostname", "hostname"},
    {"mounts",
     R"(busybox awk '{o=""; for(i=7;$i!="-";i++) o=o " " $i; print $5, $6 o, $(i+1), $(i+3)}' /proc/self/mountinfo |
        grep -vE '^(/proc/(kcore|keys|timer_list|acpi|version)|/sys/(firmware|fs)[^ ]*) ' |
        sed -E 's/,inode64//; s/(shared|master):[0-9]+/\1/' | sort)"},
    {"masked paths", "ls /proc/acpi /sys/firmware; cat /proc/keys /proc/timer_list /proc/version | wc -c"},
    {"read-only paths",
     "touch /file /proc/sys/kernel/panic /proc/uptime /sys/x; echo 1 > /proc/sys/kernel/panic"},
    {"device nodes",
     "ls -ln /dev | sed 's/ [A-Z][a-z][a-z] *[0-9]* *[0-9:]* / /'; echo x > /dev/full; head -c 3 /dev/zero | "
     "wc -c"},
    {"sysctl",
     "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/fs/mqueue/msg_max"},
    {"cgroup seen", "grep 0:: /proc/self/cgroup"},
    {"networks", "busybox ifconfig -a | grep -E 'lo|UP' | sed 's/  *$//'"},
    {"files made", "umask 0; touch /tmp/made; mkdir /tmp/dir; ls -ldn /tmp/made /tmp/dir | cut -c1-34"},
    {"system call refused", "busybox rmdir /tmp/no-such"},
    {"hooks called", "grep -v state /tmp/hooks"},
    {"what hooks are told", "grep state /tmp/hooks"},
    {"cgroup values",
     "cd /sys/fs/cgroup; for f in memory.max memory.low memory.swap.max pids.max cpu.max cpu.weight "
     "cpuset.cpus "
     "hugetlb.2MB.max memory.high; do test -e $f && grep -H . $f; done"},
};

struct Case {
  const char* name;
  const char* filter;  // of jq, on crun's default config.json
  std::function<void(Request&)> change;
  const char* last = "true";  // the script's last command
  const char* manager = "disabled";
  bool must_run = true;  // or crun may be unable to, on this machine
};

// Case and field (either may be "*") that cannot be the same, and why.
struct Difference {
  const char* test;
  const char* field;
  const char* reason;
};

const std::vector<Difference> kDifferences{
    {"user", "device nodes", "no: crun gives the user the null device with its standard input"},
    {"hooks", "device nodes", "no: crun gives the user the null device with its standard input"},
    {"mounts", "mounts", "no: crun's '/slave' has a master, which is in the root that crun has left"},
    {"hooks", "what hooks are told",
     "no: crun 1.8 says pid 0 and 'starting', and runs the first before the container has its hostname"},
};

grpc::Spec& SpecOf(Request& request) { return *request.mutable_request()->mutable_oci(); }

void AddHook(google::protobuf::RepeatedPtrField<grpc::Hook>& hooks, const char* script) {
  grpc::Hook& hook = *hooks.Add();
  hook.set_path("/bin/sh");
  for (const char* argument : {"sh", "-c", script}) hook.add_args(argument);
  hook.add_env("WHICH=this");
}

constexpr const char* kCreateHook = R"sh(
state=$(cat)
out=$(echo "$state" | grep -o '"bundle" *: *"[^"]*"' | cut -d'"' -f4)/rootfs/tmp/hooks
echo create $WHICH $(id -u) >> "$out"
echo state $(hostname) $(echo "$state" | grep -oE '"(status|pid)" *: *"?[a-z0-9]*"?' | sed 's/ //g') >> "$out"
chmod 666 "$out")sh";
constexpr const char* kStartHook = R"sh(
echo start $WHICH $(id -u) $(pwd) >> /tmp/hooks
echo state $(hostname) $(grep -oE '"(status|pid)" *: *"?[a-z0-9]*"?' | sed 's/ //g') >> /tmp/hooks)sh";

void ChangeUser(Request& request) {
  grpc::Process& process = *SpecOf(request).mutable_process();
  process.mutable_user()->set_uid(1000);
  process.mutable_user()->set_gid(5);
  process.mutable_user()->add_additionalgids(44);
  request.mutable_process()->set_umask(027);
  process.set_cwd("/made/here");
  process.add_env("A=b c");
  process.set_oomscoreadj(500);
  process.set_nonewprivileges(false);
  process.mutable_capabilities()->add_inheritable("CAP_KILL");
  process.mutable_capabilities()->mutable_ambient()->Clear();
  process.mutable_capabilities()->add_ambient("CAP_KILL");
  for (const char* type : {"RLIMIT_CORE", "RLIMIT_NPROC", "RLIMIT_MEMLOCK"}) {
    grpc::POSIXRlimit& limit = *process.add_rlimits();
    limit.set_type(type);
    limit.set_soft(4096);
    limit.set_hard(8192);
  }
}

void ChangeMounts(Request& request) {
  grpc::Spec& spec = SpecOf(request);
  AddMount(spec, "/data", "tmpfs", "tmpfs", {"nosuid", "noexec", "size=1m", "mode=1770", "uid=7"});
  AddMount(spec, "/etc/one", "bind", "/bin/busybox", {"bind", "ro", "nodev"});
  AddMount(spec, "/shared", "bind", "/bin", {"rbind", "rshared", "ro"});
  AddMount(spec, "/slave", "bind", "/bin", {"rbind", "rslave", "noatime"});
  AddMount(spec, "/loose", "tmpfs", "tmpfs", {"unbindable", "strictatime"});
  spec.mutable_root()->set_readonly(false);
  spec.mutable_linux()->set_rootfspropagation("rshared");
  spec.mutable_linux()->add_maskedpaths("/proc/version");
  spec.mutable_linux()->add_readonlypaths("/proc/uptime");
  const auto device = [&](const char* path, const char* type, int64_t number, uint32_t mode, uint32_t owner) {
    grpc::LinuxDevice& node = *spec.mutable_linux()->add_devices();
    node.set_path(path);
    node.set_type(type);
    node.set_major(number);
    node.set_minor(number);
    node.set_filemode(mode);
    node.set_uid(owner);
    node.set_gid(owner);
  };
  device("/dev/char", "c", 10, 0600, 1000);
  device("/dev/block", "b", 20, 0640, 0);
  device("/dev/fifo", "p", 0, 0622, 7);
}

void ChangeDefaults(Request& request) {
  grpc::Spec& spec = SpecOf(request);
  const auto device = [&](const char* path, int64_t minor, uint32_t mode, uint32_t owner) {
    grpc::LinuxDevice& node = *spec.mutable_linux()->add_devices();
    node.set_path(path);
    node.set_type("c");
    node.set_major(1);
    node.set_minor(minor);
    node.set_filemode(mode);
    node.set_uid(owner);
    node.set_gid(owner);
  };
  device("/dev/zero", 5, 0640, 7);
  device("/dev/random", 9, 0604, 0);
  for (const char* variable : {"A=first", "B=other", "A=last"}) spec.mutable_process()->add_env(variable);
  spec.mutable_process()->mutable_capabilities()->add_bounding("CAP_FUTURE");
}

void ChangeNamespaces(Request& request) {
  request.set_own_ipc(true);
  request.set_own_uts(true);
  SpecOf(request).mutable_linux()->add_namespaces()->set_type("network");
  auto& sysctl = *SpecOf(request).mutable_linux()->mutable_sysctl();
  sysctl["kernel.msgmax"] = "12345";
  sysctl["net.ipv4.ip_unprivileged_port_start"] = "77";
  sysctl["fs.mqueue.msg_max"] = "33";
}

void ChangeResources(Request& request) {
  grpc::LinuxResources& resources = *SpecOf(request).mutable_linux()->mutable_resources();
  resources.mutable_memory()->set_limit(64 << 20);
  resources.mutable_memory()->set_reservation(32 << 20);
  resources.mutable_memory()->set_swap(128 << 20);
  resources.mutable_pids()->set_limit(50);
  resources.mutable_cpu()->set_shares(512);
  resources.mutable_cpu()->set_quota(50'000);
  resources.mutable_cpu()->set_period(200'000);
  resources.mutable_cpu()->set_cpus("0");
  grpc::LinuxHugepageLimit& pages = *resources.add_hugepagelimits();
  pages.set_pagesize("2MB");
  pages.set_limit(4 << 20);
  (*request.mutable_unified())["memory.high"] = std::to_string(48 << 20);
}

grpc::LinuxSeccomp& AddSeccomp(Request& request, const char* action) {
  grpc::LinuxSeccomp& seccomp = *SpecOf(request).mutable_linux()->mutable_seccomp();
  seccomp.set_defaultaction("SCMP_ACT_ALLOW");
  seccomp.add_architectures("SCMP_ARCH_X86_64");
  grpc::LinuxSyscall& call = *seccomp.add_syscalls();
  call.add_names("rmdir");
  call.set_action(action);
  return seccomp;
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases{
      {"default", ".", [](Request&) {}, "exit 3"},
      {"user",
       R"(.process.user = {uid: 1000, gid: 5, additionalGids: [44], umask: 23} | .process.cwd = "/made/here" |
          .process.env += ["A=b c"] | .process.oomScoreAdj = 500 | .process.noNewPrivileges = false |
          .process.capabilities.inheritable = ["CAP_KILL"] | .process.capabilities.ambient = ["CAP_KILL"] |
          .process.rlimits += [("RLIMIT_CORE", "RLIMIT_NPROC", "RLIMIT_MEMLOCK") | {type: ., soft: 4096, hard: 8192}])",
       ChangeUser, "kill -9 $$; exit 0"},
      {"mounts",
       R"(.mounts += [
            {destination: "/data", type: "tmpfs", source: "tmpfs",
             options: ["nosuid", "noexec", "size=1m", "mode=1770", "uid=7"]},
            {destination: "/etc/one", type: "bind", source: "/bin/busybox", options: ["bind", "ro", "nodev"]},
            {destination: "/shared", type: "bind", source: "/bin", options: ["rbind", "rshared", "ro"]},
            {destination: "/slave", type: "bind", source: "/bin", options: ["rbind", "rslave", "noatime"]},
            {destination: "/loose", type: "tmpfs", source: "tmpfs", options: ["unbindable", "strictatime"]}] |
          .root.readonly = false | .linux.rootfsPropagation = "rshared" |
          .linux.maskedPaths += ["/proc/version"] | .linux.readonlyPaths += ["/proc/uptime"] |
          .linux.devices = [
            {path: "/dev/char", type: "c", major: 10, minor: 10, fileMode: 384, uid: 1000, gid: 1000},
            {path: "/dev/block", type: "b", major: 20, minor: 20, fileMode: 416, uid: 0, gid: 0},
            {path: "/dev/fifo", type: "p", major: 0, minor: 0, fileMode: 402, uid: 7, gid: 7}])",
       ChangeMounts},
      {"defaults",
       R"(.linux.devices = [
            {path: "/dev/zero", type: "c", major: 1, minor: 5, fileMode: 416, uid: 7, gid: 7},
            {path: "/dev/random", type: "c", major: 1, minor: 9, fileMode: 388, uid: 0, gid: 0}] |
          .process.env += ["A=first", "B=other", "A=last"] | .process.capabilities.bounding += ["CAP_FUTURE"])",
       ChangeDefaults},
      {"namespaces",
       R"(.linux.namespaces = [("pid", "network", "ipc", "uts", "cgroup", "mount") | {type: .}] |
          .linux.sysctl = {"kernel.msgmax": "12345", "net.ipv4.ip_unprivileged_port_start": "77",
                           "fs.mqueue.msg_max": "33"})",
       ChangeNamespaces},
      {"seccomp errno",
       R"(.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
            syscalls: [{names: ["rmdir"], action: "SCMP_ACT_ERRNO", errnoRet: 25}]})",
       [](Request& request) { AddSeccomp(request, "SCMP_ACT_ERRNO").mutable_syscalls(0)->set_errnoret(25); }},
      {"killed by seccomp",
       R"(.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
            syscalls: [{names: ["rmdir"], action: "SCMP_ACT_KILL_PROCESS"}]})",
       [](Request& request) { AddSeccomp(request, "SCMP_ACT_KILL_PROCESS"); },
       "exec busybox rmdir /tmp/no-such"},
      {"hooks", R"(.root.readonly = false | .process.user.uid = 1000 |
          .hooks = {createContainer: [{path: "/bin/sh", args: ["sh", "-c", $create], env: ["WHICH=this"]}],
                    startContainer: [{path: "/bin/sh", args: ["sh", "-c", $start], env: ["WHICH=this"]}]})",
       [](Request& request) {
         SpecOf(request).mutable_root()->set_readonly(false);
         SpecOf(request).mutable_process()->mutable_user()->set_uid(1000);
         AddHook(*SpecOf(request).mutable_hooks()->mutable_createcontainer(), kCreateHook);
         AddHook(*SpecOf(request).mutable_hooks()->mutable_startcontainer(), kStartHook);
       }},
      {"huge pages", R"(.linux.resources = {hugepageLimits: [{pageSize: "2MB", limit: 4194304}]})",
       [](Request& request) {
         grpc::LinuxHugepageLimit& pages =
             *SpecOf(request).mutable_linux()->mutable_resources()->add_hugepagelimits();
         pages.set_pagesize("2MB");
         pages.set_limit(4 << 20);
       },
       "true", "cgroupfs", false},
      {"cgroup",
       R"(.linux.resources = {memory: {limit: 67108864, reservation: 33554432, swap: 134217728}, pids: {limit: 50},
            cpu: {shares: 512, quota: 50000, period: 200000, cpus: "0"},
            hugepageLimits: [{pageSize: "2MB", limit: 4194304}], unified: {"memory.high": "50331648"}})",
       ChangeResources, "true", "cgroupfs", false},
  };
  return cases;
}

// The configuration is crun's own default, but for what this machine cannot (a device filter, raised limits)
// and the network, which is the pod's.
constexpr const char* kRunCrun = R"(
set -e
# A machine with both versions of cgroups confuses crun.
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
cd "$BUNDLE"
rm -f config.json
crun spec
jq --arg script "$SCRIPT" --arg create "$CREATE" --arg start "$START" '.root.path = "rootfs" | .hostname = "web" |
  .process.terminal = false | .process.args = ["sh", "-c", $script] | .process.env = [.process.env[0]] |
  del(.linux.resources) | del(.linux.namespaces[] | select(.type == "network")) | .process.rlimits[0].hard = 512 | .process.rlimits[0].soft = 512 | '"$FILTER" \
  config.json > changed
mv changed config.json
set +e
crun --root "$BUNDLE/state" --cgroup-manager="$MANAGER" run "vc-oracle-$$" > output 2>&1
echo $? > code
# One that crun gave up half way.
rmdir "/sys/fs/cgroup/vc-oracle-$$" 2> /dev/null
true
)";

bool Have(const char* path) { return ::access(path, X_OK) == 0; }

// Field to value.
using Values = std::map<std::string, std::string>;

std::string Script(const char* last) {
  std::string script = "exec 2>&1\n";
  for (const Field& field : kFields)
    script += std::string("echo '@@") + field.name + "'\n( " + field.command + " )\n";
  return script + "echo '@@'\n" + last;
}

Values Parse(const std::string& output, int code) {
  Values values{{"exit code", std::to_string(code)}};
  size_t at = output.find("@@");
  values["before"] = output.substr(0, at);
  while (at != std::string::npos) {
    const size_t newline = std::min(output.find('\n', at), output.size());
    const size_t next = output.find("\n@@", newline - 1);
    const std::string name = output.substr(at + 2, newline - at - 2);
    const size_t begin = std::min(newline + 1, output.size());
    values[name] = output.substr(begin, next == std::string::npos ? next : next + 1 - begin);
    at = next == std::string::npos ? next : next + 1;
  }
  return values;
}

class CrunComparisonTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = StandaloneAgent::WhyNot(); !reason.empty()) GTEST_SKIP() << reason;
    if (!Have("/usr/bin/crun") || !Have("/usr/bin/jq")) GTEST_SKIP() << "no crun and jq to compare with";
    agent_ = std::make_unique<StandaloneAgent>();
    client_ = agent_->Connect();
    ASSERT_TRUE(client_);
    grpc::CreateSandboxRequest sandbox;
    sandbox.set_hostname("web");
    ASSERT_TRUE(client_->Call("CreateSandbox", sandbox));
  }

  void TearDown() override {
    if (!client_) return;
    EXPECT_TRUE(client_->Call("DestroySandbox", grpc::DestroySandboxRequest()));
    EXPECT_EQ(agent_->WaitForEnd(), 0);
  }

  // Each run has its own, so that neither sees what the other made.
  std::string Rootfs(const std::string& place) {
    const std::string rootfs = agent_->MakeRootfs(place + "/rootfs");
    EXPECT_EQ(::symlink("busybox", (rootfs + "/bin/awk").c_str()), 0);
    std::filesystem::permissions(rootfs + "/tmp", std::filesystem::perms::all);
    return rootfs;
  }

  Values RunCrun(const Case& test) {
    const std::string bundle = agent_->directory() + "/crun " + test.name;
    Rootfs(std::string("crun ") + test.name);
    ::setenv("BUNDLE", bundle.c_str(), 1);
    ::setenv("SCRIPT", Script(test.last).c_str(), 1);
    ::setenv("CREATE", kCreateHook, 1);
    ::setenv("START", kStartHook, 1);
    ::setenv("FILTER", test.filter, 1);
    ::setenv("MANAGER", test.manager, 1);
    EXPECT_TRUE(CreateFile(bundle + "/run", kRunCrun));
    EXPECT_EQ(std::system("unshare --mount --propagation private sh \"$BUNDLE/run\""), 0) << test.name;
    return Parse(ReadFile(bundle + "/output").value_or(""),
                 ::atoi(ReadFile(bundle + "/code").value_or("-1").c_str()));
  }

  Values RunOurs(const Case& test) {
    Request request;
    *request.mutable_request() =
        DefaultContainer("c", Rootfs(std::string("ours ") + test.name), {"sh", "-c", Script(test.last)});
    test.change(request);
    const auto created = client_->CallGuest("CreateContainer", request);
    EXPECT_TRUE(created) << test.name << ": " << created.error().ToString();
    if (!created) return {};
    grpc::StartContainerRequest start;
    start.set_container_id("c");
    const auto started = client_->Call("StartContainer", start);
    EXPECT_TRUE(started) << test.name << ": " << started.error().ToString();
    const std::string output = client_->ReadToEnd("c", "c");
    const int code = client_->Wait("c", "c");
    grpc::RemoveContainerRequest remove;
    remove.set_container_id("c");
    EXPECT_TRUE(client_->Call("RemoveContainer", remove));
    return Parse(output, code);
  }

  std::unique_ptr<StandaloneAgent> agent_;
  std::unique_ptr<AgentClient> client_;
};

std::string Cell(const std::string& value) {
  std::string cell;
  for (const char c : value) cell += c == '\n' || c == '\t' ? ' ' : c;
  return cell.size() > 34 ? cell.substr(0, 31) + "..." : cell;
}

void PrintRow(const std::string& test, const std::string& field, const std::string& crun,
              const std::string& ours, const std::string& same) {
  std::printf("| %-18s | %-22s | %-34s | %-34s | %s\n", test.c_str(), field.c_str(), Cell(crun).c_str(),
              Cell(ours).c_str(), same.c_str());
}

std::string WhyDifferent(const std::string& test, const std::string& field) {
  for (const Difference& difference : kDifferences) {
    const bool matches = std::string_view(difference.test) == "*" || test == difference.test;
    if (matches && field == difference.field) return difference.reason;
  }
  return {};
}

TEST_F(CrunComparisonTest, Container_SameConfigUnderCrun_IsTheSame) {
  PrintRow("case", "field", "crun", "ours", "same");
  for (const Case& test : Cases()) {
    const Values crun = RunCrun(test);
    if (crun.count("umask") == 0) {
      const std::string reason = "crun cannot run it here: " + crun.at("before");
      EXPECT_FALSE(test.must_run) << test.name << ": " << reason;
      std::printf("| %-18s | not compared: %s\n", test.name, reason.substr(0, reason.find('\n')).c_str());
      continue;
    }
    const Values ours = RunOurs(test);
    for (const auto& [field, expected] : crun) {
      if (field == "before" || field.empty()) continue;
      // Without a manager it has made no cgroup.
      if (field == "cgroup values" && std::string_view(test.manager) == "disabled") continue;
      const auto found = ours.find(field);
      const std::string value = found == ours.end() ? "(nothing)" : found->second;
      const std::string reason = WhyDifferent(test.name, field);
      const bool same = value == expected;
      PrintRow(test.name, field, expected, value, same ? "yes" : reason.empty() ? "NO" : reason);
      if (reason.empty()) {
        EXPECT_EQ(value, expected) << test.name << ": " << field;
      }
    }
  }
}

}  // namespace
}  // namespace virtcontainers::guest
