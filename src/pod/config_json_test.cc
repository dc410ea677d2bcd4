#include "pod/config_json.h"

#include <gtest/gtest.h>
#include <string>

#include "pod/test_config.h"

namespace virtcontainers {
namespace {

// Through text, as a file does it.
Json Reread(const Json& json) { return ParseJson(DumpJson(json)).value(); }

TEST(ConfigJson, PodConfig_EveryField_RoundTrips) {
  EXPECT_EQ(PodConfigFromJson(Reread(ToJson(FullPod()))).value(), FullPod());
  EXPECT_EQ(PodConfigFromJson(Reread(ToJson(SmallPod("web")))).value(), SmallPod("web"));
}

TEST(ConfigJson, ContainerConfig_EveryField_RoundTrips) {
  EXPECT_EQ(ContainerConfigFromJson(Reread(ToJson(FullContainer()))).value(), FullContainer());
  const ContainerConfig small = SmallContainer("db", "/srv");
  EXPECT_EQ(ContainerConfigFromJson(Reread(ToJson(small))).value(), small);
}

TEST(ConfigJson, MaskedPaths_EmptyAndUnset_AreDistinguished) {
  ContainerConfig config = SmallContainer("db", "/srv");
  EXPECT_FALSE(ContainerConfigFromJson(Reread(ToJson(config)))->masked_paths);
  config.masked_paths.emplace();
  config.readonly_paths.emplace();
  EXPECT_EQ(ContainerConfigFromJson(Reread(ToJson(config))).value(), config);
}

TEST(ConfigJson, ProcessConfig_EveryField_RoundTrips) {
  const ProcessConfig full = FullContainer().process;
  EXPECT_EQ(ProcessConfigFromJson(Reread(ToJson(full))).value(), full);
  ProcessConfig none;
  none.capabilities.emplace();  // no capability at all is not the same as the default
  EXPECT_EQ(ProcessConfigFromJson(Reread(ToJson(none))).value(), none);
}

TEST(ConfigJson, ContainerResources_EveryField_RoundTrips) {
  const ContainerResources full = FullContainer().resources;
  EXPECT_EQ(ContainerResourcesFromJson(Reread(ToJson(full))).value(), full);
  EXPECT_EQ(DumpJson(ToJson(ContainerResources{})), "{}");
  EXPECT_EQ(ContainerResourcesFromJson(Json::object()).value(), ContainerResources{});
}

TEST(ConfigJson, Read_FieldsOfOlderVersion_HasDefaults) {
  const Json old = ParseJson(R"({"id": "c", "rootfs": "/srv", "process": {"args": ["true"]}})").value();
  EXPECT_EQ(ContainerConfigFromJson(old).value(), SmallContainer("c", "/srv"));
  EXPECT_EQ(PodConfigFromJson(ParseJson(R"({"id": "p"})").value()).value(), SmallPod("p"));
}

TEST(ConfigJson, Read_UnknownFields_AreIgnored) {
  Json json = ToJson(FullPod());
  json["from_the_future"] = {{"a", 1}};
  json["hypervisor"]["from_the_future"] = true;
  EXPECT_EQ(PodConfigFromJson(json).value(), FullPod());
}

TEST(ConfigJson, Read_WrongType_NamesField) {
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
  EXPECT_EQ(error_of(R"({"id": "c", "log": {"format": "xml"}})"),
            "log.format 'xml' is unknown: use one of 'cri', 'json', 'plain'");
  EXPECT_EQ(error_of(R"({"id": "c", "namespaces": {"ipc": "host"}})"),
            "namespaces.ipc 'host' is unknown: use one of 'container', 'pod'");
  EXPECT_EQ(error_of(R"({"id": "c", "resources": {"block_weight": 70000}})"),
            "'resources.block_weight' is out of range: 70000");
  EXPECT_EQ(error_of(R"({"id": "c", "seccomp": {"rules": [{"arguments": [{"index": "x"}]}]}})"),
            "'seccomp.rules[0].arguments[0].index' is not a whole number");
  EXPECT_EQ(error_of(R"({"id": "c", "hooks": {"poststop": [{}, {"timeout": -1}]}})"),
            "'hooks.poststop[1].timeout' is out of range: -1");
  EXPECT_EQ(error_of("[]"), "the JSON is not an object");
  EXPECT_EQ(
      PodConfigFromJson(ParseJson(R"({"id":"p","agent":{"transport":"pigeon"}})").value()).error().ToString(),
      "agent.transport 'pigeon' is unknown: use one of 'auto', 'virtio-serial', 'vsock'");
  EXPECT_EQ(ProcessConfigFromJson(ParseJson(R"({"args": 1})").value(), "process").error().ToString(),
            "'process.args' is not a list");
}

// An empty configuration made the pod invisible, and it could not be deleted.
TEST(OriginalDefectH, PodConfig_WithoutId_IsRefused) {
  for (const char* text : {"{}", R"({"id": ""})", R"({"id": "../x"})"}) {
    EXPECT_EQ(PodConfigFromJson(ParseJson(text).value()).error().ToString(), "'id' is missing or not valid");
    EXPECT_EQ(ContainerConfigFromJson(ParseJson(text).value()).error().ToString(),
              "'id' is missing or not valid");
  }
}

}  // namespace
}  // namespace virtcontainers
