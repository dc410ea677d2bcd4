// What a guest that has taken over QEMU, or virtiofsd, is left with. The table in SECURITY.md names these
// tests. RealProcesses looks at a pod's from the host; ProbeInPlaceOfQemu runs a program in QEMU's place that
// tries what such a guest would (sandbox_probe_main.cc), beside a pod of somebody else's.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "hypervisor/qemu/qemu_hypervisor.h"
#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsSubsetOf;
using testing::Not;
using testing::StartsWith;

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Proc(pid_t pid, const std::string& name) { return "/proc/" + std::to_string(pid) + "/" + name; }

// "Uid:\t5\t5\t5\t5" as {"Uid", "5 5 5 5"}.
std::map<std::string, std::string> StatusFields(pid_t pid) {
  std::map<std::string, std::string> fields;
  std::istringstream lines(FileContent(Proc(pid, "status")));
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream words(line.substr(colon + 1));
    std::string value;
    for (std::string word; words >> word;) value += (value.empty() ? "" : " ") + word;
    fields[line.substr(0, colon)] = value;
  }
  return fields;
}

std::vector<std::string> Names(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::istringstream list(FileContent(Proc(pid, "task/" + std::to_string(pid) + "/children")));
  std::vector<pid_t> children;
  for (pid_t child; list >> child;) children.push_back(child);
  return children;
}

// What its descriptors lead to: "socket:[1]" is "socket", a path is itself.
std::vector<std::string> Descriptors(pid_t pid) {
  std::vector<std::string> kinds;
  for (const auto& entry : fs::directory_iterator(Proc(pid, "fd"))) {
    std::string target = fs::read_symlink(entry.path());
    if (target[0] != '/') target = target.substr(0, target.find(":["));
    kinds.push_back(std::move(target));
  }
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

constexpr char kNoCapabilities[] = "0000000000000000";

// The top of the root that a confined program has on this host.
std::vector<std::string> ExpectedRoot(const std::string& guest) {
  std::vector<std::string> names = {"dev", "etc", fs::path(guest).relative_path().begin()->string()};
  for (const char* name : {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt", "nix", "gnu"}) {
    if (fs::is_symlink(fs::symlink_status("/" + std::string(name))) || fs::exists("/" + std::string(name)))
      names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

class RealProcesses : public SharedPodTest<RealProcesses> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("one", {"sleep", "1000"})};
    return pod;
  }

 protected:
  pid_t Qemu() { return StatusOf(kPod).vm_pid; }
  std::string run_directory() const { return fs::directory_iterator(run())->path(); }

  // virtiofsd in namespaces of its own is a process that waits and its child, which works.
  pid_t Virtiofsd() {
    for (const pid_t child : ChildrenOf(StatusOf(kPod).monitor_pid)) {
      if (fs::read_symlink(Proc(child, "exe")).filename() != "virtiofsd") continue;
      const std::vector<pid_t> workers = ChildrenOf(child);
      return workers.empty() ? child : workers.front();
    }
    ADD_FAILURE() << "there is no virtiofsd";
    return 0;
  }
};

TEST_F(RealProcesses, Qemu_Credentials_AreOwnUserWithoutCapabilities) {
  const auto status = StatusFields(Qemu());
  const std::string user = status.at("Uid").substr(0, status.at("Uid").find(' '));
  EXPECT_EQ(status.at("Uid"), user + " " + user + " " + user + " " + user);
  EXPECT_EQ(status.at("Gid"), status.at("Uid"));
  EXPECT_EQ(status.at("Groups"), "");
  EXPECT_GE(std::atoll(user.c_str()), 60000);
  EXPECT_THAT(StatusOf(kPod).sandbox, StartsWith("user " + user + ", "));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(status.at(set), kNoCapabilities) << set;
  EXPECT_EQ(status.at("NoNewPrivs"), "1");
}

TEST_F(RealProcesses, Qemu_Threads_HaveBothSeccompFilters) {
  for (const std::string& thread : Names(Proc(Qemu(), "task"))) {
    const std::string status = FileContent(Proc(Qemu(), "task/" + thread + "/status"));
    EXPECT_THAT(status, AllOf(HasSubstr("Seccomp:\t2\n"), HasSubstr("Seccomp_filters:\t2\n"))) << thread;
  }
  const std::string command = FileContent(Proc(Qemu(), "cmdline"));
  EXPECT_THAT(command, HasSubstr(std::string("-sandbox\0on,", 12)));
  EXPECT_THAT(command, HasSubstr("elevateprivileges=deny,spawn=deny"));
}

TEST_F(RealProcesses, Qemu_Namespaces_AreItsOwn) {
  const pid_t monitor = StatusOf(kPod).monitor_pid;
  for (const std::string name : {"mnt", "net", "ipc", "uts"}) {
    EXPECT_NE(fs::read_symlink(Proc(Qemu(), "ns/" + name)), fs::read_symlink(Proc(monitor, "ns/" + name)))
        << name;
  }
}

TEST_F(RealProcesses, Qemu_Root_HasProgramsAndGuestImageOnly) {
  const std::string root = Proc(Qemu(), "root");
  const std::string guest = fs::canonical(Env("VIRTCONTAINERS_GUEST"));
  EXPECT_THAT(Names(root), ElementsAreArray(ExpectedRoot(guest)));
  EXPECT_THAT(Names(root + "/dev"), IsSubsetOf({"kvm", "null", "urandom", "zero"}));
  EXPECT_EQ(Names(root + "/dev").size(), StatusOf(kPod).accelerator == "kvm" ? 4u : 3u);
  EXPECT_THAT(Names(root + "/etc"), IsSubsetOf({"ld.so.cache"}));
  EXPECT_THAT(Names(root + guest), testing::UnorderedElementsAre("initramfs.cpio", "vmlinux"));
}

TEST_F(RealProcesses, Qemu_Mounts_AreReadOnly) {
  std::istringstream mounts(FileContent(Proc(Qemu(), "mountinfo")));
  int count = 0;
  for (std::string line; std::getline(mounts, line); ++count) {
    std::istringstream words(line);
    std::string word, options;
    for (int i = 0; i < 6; ++i) words >> (i == 5 ? options : word);
    EXPECT_THAT(options, AllOf(StartsWith("ro,"), HasSubstr("nosuid"))) << line;
  }
  EXPECT_GT(count, 2);
}

TEST_F(RealProcesses, Qemu_Descriptors_AreThoseThatItNeeds) {
  const PodStatus pod = StatusOf(kPod);
  const std::vector<std::string> descriptors = Descriptors(Qemu());
  const std::string run = run_directory();
  // Two listeners, the monitor, the agent's link, the share, and their likes: no socket that is not ours.
  EXPECT_THAT(descriptors, Each(AnyOf("socket", "/dev/null", "/root/dev/urandom", pod.console,
                                      run + "/qemu.log", StartsWith("anon_inode"), StartsWith("/memfd:"),
                                      "/root/dev/kvm", StartsWith("/dev/vhost-vsock"))));
  EXPECT_THAT(descriptors, Contains(pod.console));
  EXPECT_LE(std::count(descriptors.begin(), descriptors.end(), "socket"), 7);
}

TEST_F(RealProcesses, Qemu_Environment_HasNothingOfTheCaller) {
  std::istringstream variables(FileContent(Proc(Qemu(), "environ")));
  for (std::string variable; std::getline(variables, variable, '\0');) {
    EXPECT_THAT(variable, AnyOf(StartsWith("PATH="), StartsWith("LD_LIBRARY_PATH="),
                                StartsWith("VIRTCONTAINERS_POD=")));
  }
}

TEST_F(RealProcesses, Qemu_User_OwnsNoFile) {
  const auto user = static_cast<uid_t>(std::atoll(StatusFields(Qemu()).at("Uid").c_str()));
  for (const auto& entry : fs::recursive_directory_iterator(dir())) {
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0) continue;
    EXPECT_NE(info.st_uid, user) << entry.path();
    EXPECT_NE(info.st_gid, user) << entry.path();
  }
}

TEST_F(RealProcesses, Virtiofsd_Capabilities_AreThoseThatFilesNeed) {
  const auto status = StatusFields(Virtiofsd());
  // chown, dac_override, fowner, fsetid, setgid, setuid, mknod, setfcap
  EXPECT_EQ(status.at("CapEff"), "00000000880000db");
  EXPECT_EQ(status.at("CapPrm"), status.at("CapEff"));
  EXPECT_EQ(status.at("CapInh"), kNoCapabilities);
  EXPECT_EQ(status.at("CapAmb"), kNoCapabilities);
  EXPECT_EQ(status.at("NoNewPrivs"), "1");
  EXPECT_EQ(status.at("Seccomp"), "2");
}

TEST_F(RealProcesses, Virtiofsd_Namespaces_ShowShareAndNoNetwork) {
  const pid_t monitor = StatusOf(kPod).monitor_pid;
  for (const std::string name : {"mnt", "net", "pid"}) {
    EXPECT_NE(fs::read_symlink(Proc(Virtiofsd(), "ns/" + name)),
              fs::read_symlink(Proc(monitor, "ns/" + name)))
        << name;
  }
  // The root file system of the one container, and the mark of its user.
  const std::vector<std::string> names = Names(Proc(Virtiofsd(), "root"));
  ASSERT_EQ(names.size(), 2u) << testing::PrintToString(names);
  EXPECT_EQ(names[1], names[0] + ".one");
  EXPECT_TRUE(fs::exists(Proc(Virtiofsd(), "root/" + names[0] + "/bin/busybox")));
  EXPECT_THAT(FileContent(Proc(Virtiofsd(), "net/dev")), Not(HasSubstr("eth")));
}

TEST_F(RealProcesses, Virtiofsd_Descriptors_AreThoseThatItNeeds) {
  const std::string entry = "/" + Names(Proc(Virtiofsd(), "root")).at(0);
  // The share and what is open of it; "/1/task" is its own, of a proc that is mounted nowhere.
  EXPECT_THAT(Descriptors(Virtiofsd()),
              Each(AnyOf("socket", "/dev/null", StartsWith("anon_inode"), StartsWith("/memfd:"), "/1/task",
                         "/", StartsWith(entry), run_directory() + "/virtiofsd.log")));
}

class ProbeInPlaceOfQemu : public SharedPodTest<ProbeInPlaceOfQemu> {
 public:
  // Somebody else's.
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("one", {"sleep", "1000"})};
    return pod;
  }

 protected:
  void SetUp() override {
    SharedPodTest::SetUp();
    if (!host_) return;
    own_ = dir() + "/own";
    // In a directory that nobody may enter.
    fs::create_directories(own_ + "/image");
    fs::permissions(own_, fs::perms::owner_all);
    WriteTo(own_ + "/image/kernel", "no kernel\n");
    fs::create_directories(own_ + "/program");
    fs::copy_file(VIRTCONTAINERS_SANDBOX_PROBE, own_ + "/program/probe");
    fs::create_directories(own_ + "/run");
  }

  void TearDown() override {
    if (!own_.empty()) fs::remove_all(own_);
    SharedPodTest::TearDown();
  }

  VmConfig Vm(const std::string& program) const {
    VmConfig vm;
    vm.name = "own";
    vm.hypervisor.path = program;
    vm.hypervisor.kernel = own_ + "/image/kernel";
    vm.hypervisor.accelerator = Accelerator::kTcg;
    vm.run_dir = own_ + "/run";
    vm.console = own_ + "/run/console.log";
    return vm;
  }

  static Deadline Soon() { return Deadline::After(std::chrono::seconds(60)); }

  // What came of each attempt: "ok", an errno's name, or what it told.
  std::map<std::string, std::string> Try(const std::vector<std::string>& attempts) {
    VmConfig vm = Vm(own_ + "/program/probe");
    for (const std::string& attempt : attempts) vm.hypervisor.kernel_parameters.push_back("try=" + attempt);
    QemuHypervisor hypervisor(Env("VIRTCONTAINERS_MONITOR"));
    const Result<VmInfo> started = hypervisor.Start(vm, Soon());
    EXPECT_FAILS(started, Code::kAborted, "status 0");
    std::map<std::string, std::string> answers;
    std::istringstream lines(FileContent(vm.console));
    for (std::string line; std::getline(lines, line);) {
      const size_t space = line.find(' ');
      answers[line.substr(0, space)] = line.substr(space + 1);
    }
    EXPECT_EQ(answers.size(), attempts.size());
    return answers;
  }

  // All of them come to the same.
  void ExpectEach(const std::vector<std::string>& attempts, const testing::Matcher<std::string>& outcome) {
    for (const auto& [attempt, answer] : Try(attempts)) EXPECT_THAT(answer, outcome) << attempt;
  }

  std::string run_directory() const { return fs::directory_iterator(run())->path(); }

  std::string own_;
};

TEST_F(ProbeInPlaceOfQemu, Probe_WhatQemuNeeds_Succeeds) {
  ExpectEach({"read:" + own_ + "/image/kernel", "read:/usr/bin/env", "read:/dev/urandom", "use:/dev/null",
              "socket:" + std::to_string(AF_UNIX)},
             "ok");
}

TEST_F(ProbeInPlaceOfQemu, Probe_ReadsFilesOfHost_Fails) {
  ExpectEach({"read:/etc/shadow", "read:/etc/passwd", "read:/root", "read:/home", "read:/proc/1/environ",
              "read:/proc/self/environ", "read:/sys/kernel", "read:/var/log", "read:/run"},
             "ENOENT");
}

TEST_F(ProbeInPlaceOfQemu, Probe_ReadsFilesOfPods_Fails) {
  const std::string pod = root() + "/pods/" + kPod;
  ASSERT_TRUE(fs::exists(pod + "/state.json"));
  ExpectEach({"read:" + pod + "/config.json", "read:" + pod + "/state.json", "read:" + pod,
              "read:" + run_directory(), "read:" + StatusOf(kPod).console,
              "read:" + dir() + "/rootfs/one/bin/busybox",
              // and of its own
              "read:" + own_ + "/run", "read:" + own_ + "/run/console.log"},
             "ENOENT");
}

TEST_F(ProbeInPlaceOfQemu, Probe_WritesFiles_Fails) {
  ExpectEach(
      {"write:/probe", "write:/tmp/probe", "write:/var/tmp/probe", "write:/dev/probe", "write:/dev/shm/probe",
       "write:/usr/probe", "write:/usr/bin/env", "write:/etc/ld.so.cache", "write:" + own_ + "/image/kernel",
       "write:" + own_ + "/image/probe", "write:" + own_ + "/program/probe"},
      AnyOf("EROFS", "EACCES", "ENOENT"));
  EXPECT_FALSE(fs::exists("/tmp/probe"));
  EXPECT_EQ(FileContent(own_ + "/image/kernel"), "no kernel\n");
}

TEST_F(ProbeInPlaceOfQemu, Probe_ConnectsToSockets_Fails) {
  const std::string name = "@virtcontainers-sandbox-test-" + std::to_string(::getpid());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  const std::string run = run_directory();
  ASSERT_TRUE(fs::exists(run + "/monitor.sock"));
  for (const auto& [attempt, answer] :
       Try({"connect:" + run + "/monitor.sock", "connect:" + run + "/qmp.sock",
            "connect:" + run + "/agent.sock", "connect:" + run + "/virtiofsd.sock",
            "connect:" + own_ + "/run/qmp.sock", "connect:" + name})) {
    EXPECT_THAT(answer, AnyOf("ENOENT", "ECONNREFUSED")) << attempt;
  }
  ::close(listener);
  std::vector<std::string> families;
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG})
    families.push_back("socket:" + std::to_string(family));
  ExpectEach(families, "EPERM");
}

TEST_F(ProbeInPlaceOfQemu, Probe_SignalsOrTracesProcesses_Fails) {
  std::vector<std::string> attempts;
  for (const pid_t pid : {StatusOf(kPod).vm_pid, StatusOf(kPod).monitor_pid, ::getpid(), pid_t{1}}) {
    for (const char* attempt : {"kill:", "trace:", "limits:"})
      attempts.push_back(attempt + std::to_string(pid));
  }
  ExpectEach(attempts, "EPERM");
}

TEST_F(ProbeInPlaceOfQemu, Probe_ChangesUserOrNamespaces_Fails) {
  ExpectEach(
      {"setuid:0", "setuid:1000", "setgid:0", "mount:/usr", "chroot:/usr", "unshare:user", "clone:user"},
      "EPERM");
  EXPECT_THAT(Try({"mknod:/probe"}).at("mknod:/probe"), AnyOf("EROFS", "EPERM"));
  const std::string user = Try({"user"}).at("user");
  EXPECT_EQ(user, user.substr(0, user.find(',')) + "," + user.substr(0, user.find(',')) + ",0");
  EXPECT_NE(user, Try({"user"}).at("user")) << "each has one of its own";
}

TEST_F(ProbeInPlaceOfQemu, Probe_OpensDevices_Fails) {
  EXPECT_EQ(Try({"list:/dev"}).at("list:/dev"), "null,urandom,zero");
  ExpectEach({"read:/dev/mem", "read:/dev/kmsg", "read:/dev/vda", "read:/dev/sda", "read:/dev/kvm",
              "read:/dev/fuse", "read:/dev/vhost-vsock", "read:/dev/vhost-net", "read:/dev/net/tun"},
             "ENOENT");
}

TEST_F(ProbeInPlaceOfQemu, Probe_RaisesLimits_Fails) {
  const auto answers = Try({"rlimit", "priority:5", "grow:268435457"});
  EXPECT_EQ(answers.at("rlimit"), "EPERM");
  EXPECT_THAT(answers.at("priority:5"), AnyOf("EACCES", "EPERM"));
  // The memory of the VM's size is what its largest file may have.
  EXPECT_EQ(answers.at("grow:268435457"), "EFBIG");
}

TEST_F(ProbeInPlaceOfQemu, Probe_KeyringIoUringAndHandles_Fail) {
  ExpectEach({"keyring", "uring", "handle", "foreign"}, "EPERM");
}

TEST_F(ProbeInPlaceOfQemu, Probe_DescriptorsAndEnvironment_HaveNoSecrets) {
  ::setenv("VIRTCONTAINERS_SANDBOX_TEST_SECRET", "x", 1);
  const auto answers = Try({"descriptors", "environment", "hostname"});
  ::unsetenv("VIRTCONTAINERS_SANDBOX_TEST_SECRET");
  EXPECT_EQ(answers.at("descriptors"), "0=device,1=file,2=file,3=socket,4=socket,5=socket,6=file");
  EXPECT_THAT(answers.at("environment"), AnyOf("PATH", "LD_LIBRARY_PATH,PATH"));
  EXPECT_EQ(answers.at("hostname"), "virtcontainers");
}

TEST_F(ProbeInPlaceOfQemu, Qemu_BehindAScript_Starts) {
  const std::string script = own_ + "/program/qemu";
  WriteTo(script, "#!/bin/sh\nexec /usr/bin/env qemu-system-x86_64 \"$@\"\n");
  fs::permissions(script, fs::perms(0755));
  VmConfig vm = Vm(script);
  vm.hypervisor.kernel = Env("VIRTCONTAINERS_GUEST") + "/vmlinux";
  QemuHypervisor hypervisor(Env("VIRTCONTAINERS_MONITOR"));
  const auto started = hypervisor.Start(vm, Soon());
  ASSERT_OK(started);
  EXPECT_EQ(FileContent(Proc(started->process.pid, "comm")), "qemu-system-x86\n");
  EXPECT_OK(hypervisor.Stop(Soon()));
}

TEST_F(ProbeInPlaceOfQemu, Start_KernelIsNotReadable_FailsAndNamesIt) {
  fs::permissions(own_ + "/image/kernel", fs::perms(0600));
  const VmConfig vm = Vm(own_ + "/program/probe");
  QemuHypervisor hypervisor(Env("VIRTCONTAINERS_MONITOR"));
  const auto refused = hypervisor.Start(vm, Soon());
  EXPECT_FAILS(refused, Code::kPermissionDenied, "'" + vm.hypervisor.kernel + "'");
  EXPECT_FAILS(refused, Code::kPermissionDenied, "'chmod o+r'");
  EXPECT_EQ(FileContent(vm.console), "") << "it was started";

  fs::permissions(own_ + "/image/kernel", fs::perms(0644));
  fs::permissions(own_ + "/program", fs::perms(0700));
  QemuHypervisor another(Env("VIRTCONTAINERS_MONITOR"));
  EXPECT_FAILS(another.Start(vm, Soon()), Code::kPermissionDenied, "'" + vm.hypervisor.path + "'");
}

TEST_F(ProbeInPlaceOfQemu, Start_WithoutConfiner_ReportsNoSandbox) {
  VmConfig vm = Vm("");
  vm.hypervisor.kernel = Env("VIRTCONTAINERS_GUEST") + "/vmlinux";
  QemuHypervisor hypervisor;
  const auto started = hypervisor.Start(vm, Soon());
  ASSERT_OK(started);
  EXPECT_THAT(started->sandbox, StartsWith("none: "));
  EXPECT_OK(hypervisor.Stop(Soon()));
}

}  // namespace
}  // namespace virtcontainers::test
