#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/json.h"
#include "os/file.h"
#include "os/subprocess.h"
#include "os/test_directory.h"
#include "pod/defaults.h"
#include "pod/test_bundle.h"
#include "pod/validate.h"
#include "virtcontainers/oci.h"

namespace virtcontainers {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;

Json Sample() { return ParseJson(kCrunSpec).value(); }

Result<ContainerConfig> Parse(const Json& json) { return ParseBundle(json); }

void ExpectTaken(const std::string& pointer, const std::string& value) {
  const Result<ContainerConfig> config = Parse(BundleWith(pointer, value));
  EXPECT_TRUE(config) << pointer << " = " << value << ": " << config.error().ToString();
}

TEST(OciProcess, LoadOciProcess_WithoutCapabilities_LeavesCapabilitiesUnset) {
  const TestDirectory directory;
  const std::string file = directory / "process.json";
  const auto load = [&](const std::string& text) {
    EXPECT_TRUE(WriteFileAtomically(file, text, 0600));
    return LoadOciProcess(file);
  };
  const auto plain = load(R"({"args": ["id"], "cwd": "/", "user": {"uid": 7, "gid": 8}, "terminal": true})");
  ASSERT_TRUE(plain) << plain.error().ToString();
  EXPECT_THAT(plain->args, ElementsAre("id"));
  EXPECT_EQ(plain->user.uid, 7u);
  EXPECT_TRUE(plain->terminal);
  EXPECT_FALSE(plain->capabilities) << "the container's";
  EXPECT_FALSE(plain->no_new_privileges);
  const auto full = load(Sample()["process"].dump());
  ASSERT_TRUE(full) << full.error().ToString();
  EXPECT_TRUE(full->no_new_privileges);
  EXPECT_EQ(full->capabilities->bounding.size(), 3u);
  EXPECT_EQ(load(R"({"cwd": "/"})").error().ToString(), "'" + file + "': 'args' is missing");
  EXPECT_EQ(load(R"({"args": [], "cwd": "/"})").error().ToString(),
            "'" + file + "': the process is empty: name a program to run");
  EXPECT_EQ(load(R"({"args": ["id"], "cwd": "/", "scheduler": {"policy": "SCHED_X"}})")
                .error()
                .ToString()
                .substr(0, 80),
            ("'" + file + "': 'scheduler': the policy 'SCHED_X' is unknown: use").substr(0, 80));
  EXPECT_EQ(load("[]").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(LoadOciProcess(directory / "none").error().code(), Code::kNotFound);
}

TEST(OciBundle, Parse_OutputOfCrunSpec_Succeeds) {
  const Result<ContainerConfig> config = Parse(Sample());
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->id, "web");
  EXPECT_EQ(config->rootfs, "/bundle/rootfs");
  EXPECT_TRUE(config->readonly_rootfs);
  EXPECT_EQ(config->hostname, "crun");
  const ProcessConfig& process = config->process;
  EXPECT_TRUE(process.terminal);
  EXPECT_THAT(process.args, ElementsAre("sh"));
  EXPECT_THAT(process.env,
              ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"));
  EXPECT_EQ(process.cwd, "/");
  EXPECT_TRUE(process.no_new_privileges);
  ASSERT_TRUE(process.capabilities);
  EXPECT_THAT(process.capabilities->bounding,
              ElementsAre("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"));
  EXPECT_THAT(process.capabilities->inheritable, IsEmpty());
  EXPECT_EQ(process.capabilities->ambient.size(), 3u);
  ASSERT_EQ(process.rlimits.size(), 1u);
  EXPECT_EQ(process.rlimits[0].type, "RLIMIT_NOFILE");
  EXPECT_EQ(process.rlimits[0].soft, 1024u);
  ASSERT_EQ(config->mounts.size(), DefaultMounts().size());
  for (size_t i = 0; i < config->mounts.size(); ++i) {
    EXPECT_EQ(config->mounts[i].destination, DefaultMounts()[i].destination);
    EXPECT_EQ(config->mounts[i].type, DefaultMounts()[i].type);
    EXPECT_EQ(config->mounts[i].source, DefaultMounts()[i].source);
  }
  EXPECT_THAT(config->mounts[2].options,
              ElementsAre("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"));
  EXPECT_THAT(config->masked_paths, Optional(testing::UnorderedElementsAreArray(DefaultMaskedPaths())));
  EXPECT_THAT(config->readonly_paths, Optional(ElementsAreArray(DefaultReadonlyPaths())));
  EXPECT_EQ(config->output, ContainerOutput::kLog);
}

TEST(OciBundle, Parse_EveryFieldOfProcess_IsRead) {
  Json json = Sample();
  json["process"] = ParseJson(R"({
    "terminal": true, "consoleSize": {"height": 50, "width": 132}, "args": ["/bin/echo", ""], "env": ["A=b=c"],
    "cwd": "/tmp", "user": {"uid": 1000, "gid": 4294967295, "additionalGids": [5, 6], "umask": 18},
    "capabilities": {"bounding": ["CAP_A"], "effective": ["CAP_B"], "inheritable": ["CAP_C"],
                     "permitted": ["CAP_D"], "ambient": ["CAP_E"]},
    "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615}],
    "noNewPrivileges": false, "oomScoreAdj": -500, "apparmorProfile": "", "selinuxLabel": ""})")
                        .value();
  json["annotations"] = {{"com.example/key", "value"}};
  const Result<ContainerConfig> config = Parse(json);
  ASSERT_TRUE(config) << config.error().ToString();
  const ProcessConfig& process = config->process;
  EXPECT_EQ(process.rows, 50);
  EXPECT_EQ(process.columns, 132);
  EXPECT_THAT(process.args, ElementsAre("/bin/echo", ""));
  EXPECT_THAT(process.env, ElementsAre("A=b=c"));
  EXPECT_EQ(process.cwd, "/tmp");
  EXPECT_EQ(process.user.uid, 1000u);
  EXPECT_EQ(process.user.gid, 4294967295u);
  EXPECT_THAT(process.user.additional_gids, ElementsAre(5u, 6u));
  EXPECT_EQ(process.user.umask, 022u);
  EXPECT_THAT(process.capabilities->bounding, ElementsAre("CAP_A"));
  EXPECT_THAT(process.capabilities->effective, ElementsAre("CAP_B"));
  EXPECT_THAT(process.capabilities->inheritable, ElementsAre("CAP_C"));
  EXPECT_THAT(process.capabilities->permitted, ElementsAre("CAP_D"));
  EXPECT_THAT(process.capabilities->ambient, ElementsAre("CAP_E"));
  EXPECT_EQ(process.rlimits[0].hard, 18446744073709551615u);
  EXPECT_FALSE(process.no_new_privileges);
  EXPECT_EQ(process.oom_score_adj, -500);
  EXPECT_THAT(config->annotations, ElementsAre(Pair("com.example/key", "value")));
}

TEST(OciBundle, Parse_WithoutCapabilities_HasNone) {
  Json json = Sample();
  json["process"].erase("capabilities");
  const ContainerConfig config = Parse(json).value();
  ASSERT_TRUE(config.process.capabilities);
  EXPECT_THAT(config.process.capabilities->bounding, IsEmpty());
}

TEST(OciBundle, Parse_SmallestConfig_Succeeds) {
  const Result<ContainerConfig> config = Parse(
      ParseJson(
          R"({"ociVersion": "1.0.0", "process": {"args": ["true"], "cwd": "/"}, "root": {"path": "/srv/rootfs"}})")
          .value());
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->rootfs, "/srv/rootfs");
  EXPECT_FALSE(config->readonly_rootfs);
  EXPECT_FALSE(config->process.terminal);
  EXPECT_THAT(config->masked_paths, Optional(IsEmpty())) << "config.json says all: nothing is added";
  EXPECT_THAT(config->readonly_paths, Optional(IsEmpty()));
}

TEST(OciBundle, Parse_UnknownFields_AreIgnored) {
  ExpectTaken("/fromTheFuture", R"({"a": [1]})");
  ExpectTaken("/process/fromTheFuture", "true");
  ExpectTaken("/linux/fromTheFuture", "1");
}

TEST(OciBundle, Parse_OciVersion_AcceptsOnly1x) {
  for (const char* version : {"1.0.0", "1.0.2", "1.0.2-dev", "1.1.0", "1.1.0-rc.1", "1.2.1", "1.2.0+dev",
                              "1.3.0", "1.4.0-rc.1", "1.10.0", "1.99.99-dev"}) {
    ExpectTaken("/ociVersion", "\"" + std::string(version) + "\"");
  }
  for (const char* version :
       {"", "1", "1.0", "1.0.", "1..0", "2.0.0", "0.9.0", "10.0.0", "1.0.x", "v1.0.0", "1.0.0x"}) {
    ExpectRefused(
        "/ociVersion", "\"" + std::string(version) + "\"",
        "'ociVersion' is '" + std::string(version) + "': versions 1.x.y of the specification are read");
  }
  ExpectRefused("/ociVersion", "null", "'ociVersion' is missing");
  ExpectRefused("/ociVersion", "1.0", "'ociVersion' is not a string");
}

TEST(OciBundle, Parse_RequiredFieldMissing_FailsAndNamesField) {
  ExpectRefused("/process", "null", "'process' is missing");
  ExpectRefused("/root", "null", "'root' is missing");
  ExpectRefused("/root/path", "null", "'root.path' is missing");
  ExpectRefused("/root/path", "\"\"", "'root.path' is empty");
  ExpectRefused("/process/args", "null", "'process.args' is missing");
  ExpectRefused("/process/cwd", "null", "'process.cwd' is missing");
  ExpectRefused("/process/rlimits/0/hard", "null", "'process.rlimits[0].hard' is missing");
  ExpectRefused("/mounts/1/destination", "null", "'mounts[1].destination' is missing");
  ExpectRefused("/linux/namespaces/2/type", "null", "'linux.namespaces[2].type' is missing");
  EXPECT_EQ(Parse(Json::object()).error().ToString(), "'ociVersion' is missing");
}

TEST(OciBundle, Parse_WrongType_NamesField) {
  ExpectRefused("/process", "[]", "'process' is not an object");
  ExpectRefused("/process/args", "\"sh\"", "'process.args' is not a list");
  ExpectRefused("/process/args/0", "7", "'process.args' is not a list of strings");
  ExpectRefused("/process/user/uid", "-1", "'process.user.uid' is out of range: -1");
  ExpectRefused("/process/consoleSize", R"({"height": 70000})",
                "'process.consoleSize.height' is out of range: 70000");
  ExpectRefused("/process/oomScoreAdj", "\"x\"", "'process.oomScoreAdj' is not a whole number");
  ExpectRefused("/mounts", "{}", "'mounts' is not a list");
  ExpectRefused("/mounts/0", "\"/proc\"", "'mounts[0]' is not an object");
  ExpectRefused("/annotations", R"({"a": 1})", "'annotations' is not an object of strings");
  ExpectRefused("/linux", "[]", "'linux' is not an object");
  ExpectRefused("/linux/maskedPaths", "\"/proc\"", "'linux.maskedPaths' is not a list");
  ExpectRefused("/linux/resources", "1", "'linux.resources' is not an object");
  ExpectRefused("/hooks", "[]", "'hooks' is not an object");
  EXPECT_EQ(ParseOciConfig("[]", "web", {.base = "/bundle"}).error().ToString(), "the JSON is not an object");
}

TEST(OciBundle, Parse_ImpossibleProcess_IsRefused) {
  ExpectRefused("/process/args", "[]", "'process' is empty: name a program to run");
  ExpectRefused("/process/args", R"(["a\u0000b"])", "'process': an argument has a NUL byte in it");
  ExpectRefused("/process/cwd", "\"tmp\"", "'process': working directory 'tmp' is not an absolute path");
  ExpectRefused("/process/env", R"(["PATH"])", "'process': environment variable 'PATH' is not NAME=value");
  ExpectRefused("/process/user/umask", "512", "'process': umask 512 is out of range");
  ExpectRefused("/process/rlimits/0/soft", "2048", "the soft limit 2048 is above the hard one, 1024");
  ExpectRefused("/process/oomScoreAdj", "5000", "oom_score_adj 5000 is out of range");
  ExpectRefused("/root/path", R"("a\u0000b")", "'root.path' has a NUL byte in it");
  EXPECT_THAT(ParseOciConfig(kCrunSpec, "../x", {.base = "/bundle"}).error().ToString(),
              HasSubstr("container id '../x' is not valid"));
}

TEST(OciBundle, Parse_UnsupportedField_IsRefusedByName) {
  ExpectRefused("/process/selinuxLabel", "\"system_u\"", "'process.selinuxLabel' is a label of a security");
  ExpectRefused("/process/apparmorProfile", "\"docker-default\"", "'process.apparmorProfile' is a label of");
  ExpectRefused("/process/user/username", "\"me\"",
                "'process.user.username' is for Windows: give 'uid' and 'gid'");
  ExpectRefused("/process/commandLine", "\"cmd\"", "'process.commandLine' is not for Linux");
  ExpectRefused("/windows", R"({"servicing": true})", "'windows' is not for Linux");
  ExpectRefused("/solaris", R"({"milestone": "x"})", "'solaris' is not for Linux");
  ExpectRefused("/zos", R"({"x": "y"})", "'zos' is not for Linux");
  ExpectRefused("/freebsd", R"({"x": "y"})", "'freebsd' is not for Linux");
  ExpectRefused("/vm", R"({"kernel": {"path": "/vmlinux"}})", "'vm' describes a VM");
  ExpectRefused("/mounts/0/uidMappings", R"([{"containerID": 0, "hostID": 1, "size": 1}])",
                "'mounts[0].uidMappings' needs a user namespace");
  ExpectRefused("/mounts/0/gidMappings", R"([{"containerID": 0, "hostID": 1, "size": 1}])",
                "'mounts[0].gidMappings' needs a user namespace");
}

TEST(OciBundle, Parse_SchedulingFields_AreReadAndValidated) {
  const auto process = [](const std::string& pointer, const std::string& text) {
    const auto config = Parse(BundleWith(pointer, text));
    EXPECT_TRUE(config) << config.error().ToString();
    return config ? config->process : ProcessConfig{};
  };
  const auto scheduler = process("/process/scheduler", R"({"policy": "SCHED_DEADLINE", "nice": -3,
      "flags": ["SCHED_FLAG_RESET_ON_FORK"], "runtime": 2000, "deadline": 3000, "period": 4000})")
                             .scheduler;
  ASSERT_TRUE(scheduler);
  EXPECT_EQ(scheduler->policy, "SCHED_DEADLINE");
  EXPECT_EQ(scheduler->nice, -3);
  EXPECT_THAT(scheduler->flags, ElementsAre("SCHED_FLAG_RESET_ON_FORK"));
  EXPECT_EQ(scheduler->runtime, 2000u);
  EXPECT_EQ(scheduler->deadline, 3000u);
  EXPECT_EQ(scheduler->period, 4000u);
  EXPECT_EQ(process("/process/scheduler", R"({"policy": "SCHED_RR", "priority": 7})").scheduler->priority, 7);
  const auto io_priority =
      process("/process/ioPriority", R"({"class": "IOPRIO_CLASS_RT", "priority": 3})").io_priority;
  ASSERT_TRUE(io_priority);
  EXPECT_EQ(io_priority->io_class, "IOPRIO_CLASS_RT");
  EXPECT_EQ(io_priority->priority, 3);
  for (const char* nothing : {"{}", "null", R"({"priority": 0})", R"({"class": "", "policy": ""})"}) {
    EXPECT_FALSE(process("/process/scheduler", nothing).scheduler) << nothing;
    EXPECT_FALSE(process("/process/ioPriority", nothing).io_priority) << nothing;
  }
  EXPECT_EQ(process("/process/execCPUAffinity", R"({"initial": "0", "final": "0-1,3"})").exec_cpus, "0-1,3");
  EXPECT_EQ(process("/process/execCPUAffinity", R"({"initial": "0"})").exec_cpus, "");
  ExpectRefused("/process/execCPUAffinity", R"({"initial": "0-"})",
                "'process.execCPUAffinity.initial': '0-' is no list of numbers");
  ExpectRefused("/process/execCPUAffinity", R"({"final": "1024"})",
                "'process.execCPUAffinity.final': '1024' is no list of numbers below 1024");
  ExpectRefused("/process/scheduler", R"({"nice": 5})", "'process.scheduler.policy' is missing");
  ExpectRefused("/process/scheduler", R"({"policy": "SCHED_X"})",
                "'process.scheduler': the policy 'SCHED_X' is unknown");
  ExpectRefused("/process/ioPriority", R"({"priority": 5})", "'process.ioPriority.class' is missing");
  ExpectRefused("/process/ioPriority", R"({"class": "X"})", "'process.ioPriority': the class 'X' is unknown");
}

TEST(OciBundle, Parse_Hooks_AreRead) {
  const std::pair<const char*, std::vector<Hook> Hooks::*> kinds[] = {
      {"prestart", &Hooks::prestart},
      {"createRuntime", &Hooks::create_runtime},
      {"createContainer", &Hooks::create_container},
      {"startContainer", &Hooks::start_container},
      {"poststart", &Hooks::poststart},
      {"poststop", &Hooks::poststop}};
  for (const auto& [name, list] : kinds) {
    const std::string pointer = "/hooks/" + std::string(name);
    const auto config = Parse(BundleWith(
        pointer,
        R"([{"path": "/bin/a", "args": ["a", "b"], "env": ["C=d"], "timeout": 5}, {"path": "/e"}])"));
    ASSERT_TRUE(config) << config.error().ToString();
    const std::vector<Hook>& hooks = config->hooks.*list;
    ASSERT_EQ(hooks.size(), 2u) << name;
    EXPECT_EQ(hooks[0].path, "/bin/a");
    EXPECT_THAT(hooks[0].args, ElementsAre("a", "b"));
    EXPECT_THAT(hooks[0].env, ElementsAre("C=d"));
    EXPECT_EQ(hooks[0].timeout, 5u);
    EXPECT_EQ(hooks[1].path, "/e");
    EXPECT_FALSE(hooks[1].timeout);
    ExpectRefused(pointer, R"([{"args": ["a"]}])", "'hooks." + std::string(name) + "[0].path' is missing");
    ExpectRefused(pointer, R"([{"path": "a"}])", std::string(name) + " hook 'a' is not an absolute path");
    ExpectRefused(pointer, R"([{"path": "/a", "timeout": 0}])", "timeout 0 is out of range");
    ExpectRefused(pointer, R"([{"path": "/a", "timeout": -1}])", "[0].timeout' is out of range: -1");
  }
  EXPECT_EQ(Parse(Sample())->bundle, "/bundle");
  ExpectTaken("/hooks", R"({"prestart": [], "poststop": null})");
}

TEST(OciBundle, Parse_FieldsWithoutEffect_Succeeds) {
  ExpectTaken("/process/apparmorProfile", "\"unconfined\"");
  ExpectTaken("/process/selinuxLabel", "\"\"");
  EXPECT_EQ(Parse(BundleWith("/domainname", "\"example.org\""))->domainname, "example.org");
  ExpectRefused("/domainname", "\"a b\"", "domainname 'a b': use letters");
  ExpectTaken("/linux", "null");
  ExpectTaken("/mounts", "[]");
}

TEST(OciBundle, Parse_BindMounts_AreRead) {
  const auto mount = [](const std::string& text) {
    const auto config = Parse(BundleWith("/mounts/7", text));
    EXPECT_TRUE(config) << config.error().ToString();
    return config ? config->mounts.back() : Mount{};
  };
  const Mount data = mount(
      R"({"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "ro", "rslave"]})");
  EXPECT_EQ(data.destination, "/data");
  EXPECT_EQ(data.type, "bind");
  EXPECT_EQ(data.source, "/srv");
  EXPECT_THAT(data.options, ElementsAre("rbind", "ro", "rslave"));
  // Relative to the bundle, and only where it is a path of the host.
  EXPECT_EQ(mount(R"({"destination": "/data", "type": "bind", "source": "a/b"})").source, "/bundle/a/b");
  EXPECT_EQ(mount(R"({"destination": "/data", "source": ".", "options": ["bind"]})").source, "/bundle/.");
  EXPECT_EQ(mount(R"({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})").source, "tmpfs");
  ExpectRefused("/mounts/7", R"({"destination": "/data", "type": "bind"})",
                "'mounts[7]' at '/data': the source '' is not an absolute path on the host");
  ExpectRefused("/mounts/7", R"({"destination": "/data", "type": "ext4", "source": "/dev/sda"})",
                "'mounts[7]' at '/data': the type 'ext4' is not known in a VM");
}

TEST(OciBundle, Parse_RelativeMountDestination_IsMadeAbsolute) {
  const auto destination = [](const std::string& text) {
    const auto config =
        Parse(BundleWith("/mounts/7", R"({"type": "tmpfs", "destination": ")" + text + "\"}"));
    return config ? config->mounts.back().destination : config.error().ToString();
  };
  EXPECT_EQ(destination("data"), "/data");
  EXPECT_EQ(destination("var/../data/sub"), "/var/../data/sub");
  EXPECT_EQ(destination("../data"), "/../data") << "the guest resolves it within the container's root";
  EXPECT_THAT(destination(""), HasSubstr("is not an absolute path"));
  EXPECT_THAT(destination("."), HasSubstr("the destination is the root file system itself"));
}

TEST(OciBundle, Parse_UnknownCapabilities_SucceedsWithWarnings) {
  const auto config = Parse(BundleWith("/process/capabilities/bounding", R"(["KILL", "CAP_FUTURE"])"));
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(WarningsOf(*config).size(), 2u);
  EXPECT_THAT(CompleteContainer(*config).process.capabilities->bounding, IsEmpty());
}

TEST(OciBundle, Parse_HugeOrDeepText_IsRefusedQuickly) {
  const auto before = std::chrono::steady_clock::now();
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  EXPECT_THAT(ParseOciConfig(deep, "web", {.base = "/b"}).error().ToString(),
              HasSubstr("nested deeper than 64 levels"));
  EXPECT_EQ(ParseOciConfig(std::string(8'000'000, ' '), "web", {.base = "/b"}).error().code(),
            Code::kResourceExhausted);
  EXPECT_THAT(ParseOciConfig(kCrunSpec.substr(0, 200), "web", {.base = "/b"}).error().ToString(),
              HasSubstr("malformed JSON at byte"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

class LoadOciBundleTest : public ::testing::Test {
 protected:
  std::string ErrorOf(const std::string& bundle, Code code) const {
    const Result<ContainerConfig> config = LoadOciBundle(bundle, "web");
    EXPECT_FALSE(config);
    if (config) return "";
    EXPECT_EQ(config.error().code(), code) << config.error().ToString();
    return config.error().ToString();
  }
  const TestDirectory dir_;
};

TEST_F(LoadOciBundleTest, Load_RelativeRoot_IsInBundle) {
  dir_.Write("bundle/config.json", kCrunSpec);
  dir_.Write("elsewhere/etc/passwd");
  ASSERT_EQ(::symlink((dir_ / "elsewhere").c_str(), (dir_ / "bundle/rootfs").c_str()), 0);
  ASSERT_EQ(::symlink((dir_ / "bundle").c_str(), (dir_ / "link").c_str()), 0);
  for (const std::string& bundle :
       {dir_ / "bundle", dir_ / "bundle/", dir_ / "link", dir_ / "elsewhere/../bundle"}) {
    const Result<ContainerConfig> config = LoadOciBundle(bundle, "web");
    ASSERT_TRUE(config) << config.error().ToString();
    EXPECT_EQ(config->rootfs, dir_ / "bundle/rootfs");
    EXPECT_TRUE(ValidateContainer(*config));
  }
}

TEST_F(LoadOciBundleTest, Load_InvalidConfigFile_FailsAndNamesFile) {
  EXPECT_EQ(ErrorOf(dir_ / "nothing", Code::kNotFound),
            "bundle '" + (dir_ / "nothing") + "' is not a directory");
  EXPECT_EQ(ErrorOf("", Code::kNotFound), "bundle '' is not a directory");
  EXPECT_THAT(ErrorOf(dir_.path(), Code::kNotFound), HasSubstr("/config.json': No such file or directory"));
  dir_.Write("config.json", "{");
  EXPECT_THAT(ErrorOf(dir_.path(), Code::kInvalidArgument),
              HasSubstr("/config.json': malformed JSON at byte 2"));
  dir_.Write("config.json", DumpJson(BundleWith("/vm", R"({"x": 1})")));
  EXPECT_EQ(
      ErrorOf(dir_.path(), Code::kInvalidArgument),
      "'" + (dir_ / "config.json") + "': 'vm' describes a VM, as the pod's configuration does: remove it");
  ASSERT_EQ(::truncate((dir_ / "config.json").c_str(), 100'000'000), 0);
  EXPECT_THAT(ErrorOf(dir_.path(), Code::kResourceExhausted), HasSubstr("is larger than 4194304 bytes"));
  ASSERT_EQ(::unlink((dir_ / "config.json").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_ / "config.json").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(dir_.path(), Code::kInvalidArgument), HasSubstr("is not a regular file"));
}

TEST_F(LoadOciBundleTest, Load_OutputOfCrunSpec_Succeeds) {
  if (FindProgram("crun").empty()) GTEST_SKIP() << "crun is not installed";
  const Result<std::string> written = RunCommand({"sh", "-c", "cd \"$1\" && crun spec", "sh", dir_.path()},
                                                 Deadline::After(std::chrono::seconds(30)));
  ASSERT_TRUE(written) << written.error().ToString();
  const Result<ContainerConfig> config = LoadOciBundle(dir_.path(), "web");
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->rootfs, dir_ / "rootfs");
}

}  // namespace
}  // namespace virtcontainers
