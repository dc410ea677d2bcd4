#include "pod/config_json.h"

#include <gtest/gtest.h>
#include <string>

#include "pod/test_config.h"

namespace virtcontainers {
namespace {

// Through text, as a file does it.
Json Reread(const Json& json) { return ParseJson(DumpJson(json)).value(); }

void ExpectSame(const ProcessConfig& a, const ProcessConfig& b) {
  EXPECT_EQ(a.args, b.args);
  EXPECT_EQ(a.env, b.env);
  EXPECT_EQ(a.cwd, b.cwd);
  EXPECT_EQ(a.user.uid, b.user.uid);
  EXPECT_EQ(a.user.gid, b.user.gid);
  EXPECT_EQ(a.user.additional_gids, b.user.additional_gids);
  EXPECT_EQ(a.user.umask, b.user.umask);
  EXPECT_EQ(a.terminal, b.terminal);
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.columns, b.columns);
  EXPECT_EQ(a.no_new_privileges, b.no_new_privileges);
  ASSERT_EQ(a.capabilities.has_value(), b.capabilities.has_value());
  if (a.capabilities) {
    EXPECT_EQ(a.capabilities->bounding, b.capabilities->bounding);
    EXPECT_EQ(a.capabilities->effective, b.capabilities->effective);
    EXPECT_EQ(a.capabilities->inheritable, b.capabilities->inheritable);
    EXPECT_EQ(a.capabilities->permitted, b.capabilities->permitted);
    EXPECT_EQ(a.capabilities->ambient, b.capabilities->ambient);
  }
  ASSERT_EQ(a.rlimits.size(), b.rlimits.size());
  for (size_t i = 0; i < a.rlimits.size(); ++i) {
    EXPECT_EQ(a.rlimits[i].type, b.rlimits[i].type);
    EXPECT_EQ(a.rlimits[i].soft, b.rlimits[i].soft);
    EXPECT_EQ(a.rlimits[i].hard, b.rlimits[i].hard);
  }
  EXPECT_EQ(a.oom_score_adj, b.oom_score_adj);
}

void ExpectSame(const ContainerConfig& a, const ContainerConfig& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.rootfs, b.rootfs);
  EXPECT_EQ(a.readonly_rootfs, b.readonly_rootfs);
  EXPECT_EQ(a.hostname, b.hostname);
  ExpectSame(a.process, b.process);
  EXPECT_EQ(a.output, b.output);
  ASSERT_EQ(a.mounts.size(), b.mounts.size());
  for (size_t i = 0; i < a.mounts.size(); ++i) {
    EXPECT_EQ(a.mounts[i].destination, b.mounts[i].destination);
    EXPECT_EQ(a.mounts[i].type, b.mounts[i].type);
    EXPECT_EQ(a.mounts[i].source, b.mounts[i].source);
    EXPECT_EQ(a.mounts[i].options, b.mounts[i].options);
  }
  EXPECT_EQ(a.masked_paths, b.masked_paths);
  EXPECT_EQ(a.readonly_paths, b.readonly_paths);
  EXPECT_EQ(a.annotations, b.annotations);
}

void ExpectSame(const PodConfig& a, const PodConfig& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.hostname, b.hostname);
  EXPECT_EQ(a.resources.vcpus, b.resources.vcpus);
  EXPECT_EQ(a.resources.memory, b.resources.memory);
  EXPECT_EQ(a.hypervisor.type, b.hypervisor.type);
  EXPECT_EQ(a.hypervisor.machine, b.hypervisor.machine);
  EXPECT_EQ(a.hypervisor.accelerator, b.hypervisor.accelerator);
  EXPECT_EQ(a.hypervisor.path, b.hypervisor.path);
  EXPECT_EQ(a.hypervisor.firmware, b.hypervisor.firmware);
  EXPECT_EQ(a.hypervisor.kernel, b.hypervisor.kernel);
  EXPECT_EQ(a.hypervisor.initrd, b.hypervisor.initrd);
  EXPECT_EQ(a.hypervisor.virtiofsd, b.hypervisor.virtiofsd);
  EXPECT_EQ(a.hypervisor.kernel_parameters, b.hypervisor.kernel_parameters);
  EXPECT_EQ(a.hypervisor.debug, b.hypervisor.debug);
  EXPECT_EQ(a.agent.type, b.agent.type);
  EXPECT_EQ(a.agent.transport, b.agent.transport);
  EXPECT_EQ(a.annotations, b.annotations);
}

TEST(ConfigJson, EveryFieldOfAPodRoundTrips) {
  ExpectSame(PodConfigFromJson(Reread(ToJson(FullPod()))).value(), FullPod());
  ExpectSame(PodConfigFromJson(Reread(ToJson(SmallPod("web")))).value(), SmallPod("web"));
}

TEST(ConfigJson, EveryFieldOfAContainerRoundTrips) {
  ExpectSame(ContainerConfigFromJson(Reread(ToJson(FullContainer()))).value(), FullContainer());
  const ContainerConfig small = SmallContainer("db", "/srv");
  ExpectSame(ContainerConfigFromJson(Reread(ToJson(small))).value(), small);
}

TEST(ConfigJson, AProcessRoundTripsByItself) {
  const ProcessConfig full = FullContainer().process;
  ExpectSame(ProcessConfigFromJson(Reread(ToJson(full))).value(), full);
  ProcessConfig none;
  none.capabilities.emplace();  // no capability at all is not the same as the default
  ExpectSame(ProcessConfigFromJson(Reread(ToJson(none))).value(), none);
}

TEST(ConfigJson, UnknownFieldsAreIgnored) {
  Json json = ToJson(FullPod());
  json["from_the_future"] = {{"a", 1}};
  json["hypervisor"]["from_the_future"] = true;
  ExpectSame(PodConfigFromJson(json).value(), FullPod());
}

TEST(ConfigJson, AWrongTypeNamesTheField) {
  const auto error_of = [](const char* text) {
    const Result<ContainerConfig> config = ContainerConfigFromJson(ParseJson(text).value());
    EXPECT_FALSE(config) << text;
    return config ? "" : config.error().ToString();
  };
  EXPECT_EQ(error_of(R"({"id": "c", "rootfs": 1})"), "'rootfs' is not a string");
  EXPECT_EQ(error_of(R"({"id": "c", "process": []})"), "'process' is not an object");
  EXPECT_EQ(error_of(R"({"id": "c", "process": {"user": {"uid": -1}}})"),
            "'process.user.uid' is out of range: -1");
  EXPECT_EQ(error_of(R"({"id": "c", "process": {"rows": 70000}})"), "'process.rows' is out of range: 70000");
  EXPECT_EQ(error_of(R"({"id": "c", "process": {"rlimits": [{}, {"soft": "x"}]}})"),
            "'process.rlimits[1].soft' is not a whole number");
  EXPECT_EQ(error_of(R"({"id": "c", "mounts": [7]})"), "'mounts[0]' is not an object");
  EXPECT_EQ(error_of(R"({"id": "c", "mounts": [{"options": "ro"}]})"), "'mounts[0].options' is not a list");
  EXPECT_EQ(error_of(R"({"id": "c", "output": "loud"})"),
            "output 'loud' is unknown: use one of 'log', 'attach'");
  EXPECT_EQ(error_of("[]"), "the JSON is not an object");
  EXPECT_EQ(
      PodConfigFromJson(ParseJson(R"({"id":"p","agent":{"transport":"pigeon"}})").value()).error().ToString(),
      "agent.transport 'pigeon' is unknown: use one of 'auto', 'virtio-serial', 'vsock'");
  EXPECT_EQ(ProcessConfigFromJson(ParseJson(R"({"args": 1})").value(), "process").error().ToString(),
            "'process.args' is not a list");
}

// An empty configuration made the pod invisible, and it could not be deleted.
TEST(OriginalDefectH, AConfigurationWithoutAnIdIsRefused) {
  for (const char* text : {"{}", R"({"id": ""})", R"({"id": "../x"})"}) {
    EXPECT_EQ(PodConfigFromJson(ParseJson(text).value()).error().ToString(), "'id' is missing or not valid");
    EXPECT_EQ(ContainerConfigFromJson(ParseJson(text).value()).error().ToString(),
              "'id' is missing or not valid");
  }
}

}  // namespace
}  // namespace virtcontainers
