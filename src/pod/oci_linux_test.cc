// What config.json asks of Linux, and the table of it in docs/oci-config.md.

#include <algorithm>
#include <cctype>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>

#include "pod/test_bundle.h"

namespace virtcontainers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

ContainerConfig Taken(const std::string& pointer, const std::string& value) {
  const Result<ContainerConfig> config = ParseBundle(BundleWith(pointer, value));
  EXPECT_TRUE(config) << pointer << " = " << value << ": " << config.error().ToString();
  return config.value_or(ContainerConfig{});
}

TEST(OciLinux, Namespaces_Listed_AreOwnedByContainer) {
  const auto owners = [](const std::string& list) {
    const Namespaces n = Taken("/linux/namespaces", list).namespaces;
    std::string own;
    for (const auto& [name, owner] : {std::pair("pid ", n.pid), std::pair("ipc ", n.ipc),
                                      std::pair("uts ", n.uts), std::pair("net ", n.network)}) {
      if (owner == NamespaceOwner::kContainer) own += name;
    }
    return own;
  };
  EXPECT_EQ(owners("[]"), "");
  EXPECT_EQ(owners("null"), "");
  EXPECT_EQ(owners(R"([{"type": "mount"}, {"type": "cgroup"}])"), "");
  EXPECT_EQ(owners(R"([{"type": "pid", "path": ""}, {"type": "uts"}])"), "pid uts ");
  EXPECT_EQ(owners(R"([{"type": "network"}, {"type": "ipc"}, {"type": "mount"}])"), "ipc net ");
  EXPECT_EQ(Taken("/linux", "null").namespaces.pid, NamespaceOwner::kPod);
  ExpectRefused(
      "/linux/namespaces/1", R"({"type": "network", "path": "/run/netns/x"})",
      "'linux.namespaces[1].path' is a namespace of the host, which a container in a VM cannot join");
  ExpectRefused("/linux/namespaces/1/type", "\"user\"",
                "'linux.namespaces[1].type' is 'user': it needs a user namespace");
  ExpectRefused("/linux/namespaces/1/type", "\"time\"", "'linux.namespaces[1].type' is 'time': it needs");
  ExpectRefused("/linux/namespaces/1/type", "\"net\"",
                "'linux.namespaces[1].type' is 'net': that is not a namespace type");
  ExpectRefused("/linux/namespaces/1/type", "\"pid\"",
                "'linux.namespaces[1].type' is 'pid' for the second time");
}

TEST(OciLinux, Resources_MemoryAndPids_AreRead) {
  const ContainerResources r =
      Taken("/linux/resources", R"({"memory": {"limit": 8192, "reservation": 4096, "swap": 16384,
            "useHierarchy": true, "checkBeforeUpdate": true}, "pids": {"limit": 7}})")
          .resources;
  EXPECT_EQ(r.memory_limit, 8192);
  EXPECT_EQ(r.memory_reservation, 4096);
  EXPECT_EQ(r.memory_swap, 16384);
  EXPECT_EQ(r.pids_limit, 7);
  for (const char* none :
       {"{}", "null", R"({"limit": 0})", R"({"limit": 0, "disableOOMKiller": false, "swap": null})"}) {
    EXPECT_FALSE(Taken("/linux/resources/memory", none).resources.memory_limit) << none;
  }
  EXPECT_EQ(Taken("/linux/resources/memory", R"({"limit": -1})").resources.memory_limit, -1);
  EXPECT_EQ(Taken("/linux/resources/pids", R"({"limit": -1})").resources.pids_limit, -1);
  EXPECT_FALSE(Taken("/linux/resources/pids", R"({"limit": 0})").resources.pids_limit);
  ExpectRefused("/linux/resources/memory", R"({"limit": 8192, "swap": 4096})",
                "'linux.resources': memory and swap 4096 is below the memory limit 8192");
  for (const char* none : {"0", "60", "100", "-1"})
    Taken("/linux/resources/memory", R"({"swappiness": )" + std::string(none) + "}");
  ExpectRefused("/linux/resources/memory", R"({"swappiness": 101})",
                "'linux.resources.memory.swappiness' is 101: give 0 to 100");
  ExpectRefused("/linux/resources/memory", R"({"kernel": 1})",
                "'linux.resources.memory.kernel' is of cgroups v1");
  ExpectRefused("/linux/resources/memory", R"({"kernelTCP": 1})", "'linux.resources.memory.kernelTCP'");
  ExpectRefused("/linux/resources/memory", R"({"disableOOMKiller": true})",
                "'linux.resources.memory.disableOOMKiller'");
}

TEST(OciLinux, Resources_Cpu_AreRead) {
  const ContainerResources r =
      Taken("/linux/resources/cpu", R"({"shares": 512, "quota": 50000, "period": 100000,
      "cpus": "0-1", "mems": "0", "burst": 2000, "idle": 1})")
          .resources;
  EXPECT_EQ(r.cpu_shares, 512u);
  EXPECT_EQ(r.cpu_quota, 50000);
  EXPECT_EQ(r.cpu_period, 100000u);
  EXPECT_EQ(r.cpus, "0-1");
  EXPECT_EQ(r.mems, "0");
  EXPECT_THAT(r.unified, ElementsAre(Pair("cpu.idle", "1"), Pair("cpu.max.burst", "2000")));
  const ContainerResources none = Taken("/linux/resources/cpu", R"({"shares": 0, "quota": 0, "period": 0,
      "cpus": "", "mems": "", "burst": 0, "idle": 0, "realtimeRuntime": 0})")
                                      .resources;
  EXPECT_FALSE(none.cpu_shares || none.cpu_quota || none.cpu_period);
  EXPECT_THAT(none.unified, IsEmpty());
  ExpectRefused("/linux/resources/cpu", R"({"cpus": "0-"})", "'linux.resources': cpus '0-' is no list");
  ExpectRefused("/linux/resources/cpu", R"({"realtimeRuntime": 950000})",
                "'linux.resources.cpu.realtimeRuntime' is of cgroups v1");
  ExpectRefused("/linux/resources/cpu", R"({"realtimePeriod": 1000000})",
                "'linux.resources.cpu.realtimePeriod'");
}

TEST(OciLinux, Resources_BlockIoHugePagesAndUnified_AreRead) {
  const ContainerResources r = Taken("/linux/resources", R"({"blockIO": {"weight": 100,
      "throttleReadBpsDevice": [{"major": 254, "minor": 1, "rate": 10}],
      "throttleWriteBpsDevice": [{"major": 254, "minor": 2, "rate": 20}, {"major": 254, "minor": 3, "rate": 0}],
      "throttleReadIOPSDevice": [{"major": 254, "minor": 4, "rate": 40}],
      "throttleWriteIOPSDevice": [{"major": 254, "minor": 5, "rate": 18446744073709551615}]},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 0}], "unified": {"memory.high": "1M"},
      "network": {"classID": 0, "priorities": []}, "rdma": {}})")
                                   .resources;
  EXPECT_EQ(r.block_weight, 100);
  ASSERT_EQ(r.block_read_bytes.size(), 1u);
  EXPECT_EQ(r.block_read_bytes[0].major, 254);
  EXPECT_EQ(r.block_read_bytes[0].minor, 1);
  EXPECT_EQ(r.block_read_bytes[0].rate, 10u);
  ASSERT_EQ(r.block_write_bytes.size(), 1u) << "0 is no bound";
  EXPECT_EQ(r.block_write_bytes[0].minor, 2);
  EXPECT_EQ(r.block_read_operations.at(0).minor, 4);
  EXPECT_EQ(r.block_write_operations.at(0).rate, 18446744073709551615u);
  ASSERT_EQ(r.hugepages.size(), 1u);
  EXPECT_EQ(r.hugepages[0].page_size, "2MB");
  EXPECT_EQ(r.hugepages[0].bytes, 0u);
  EXPECT_THAT(r.unified, ElementsAre(Pair("memory.high", "1M")));
  ExpectRefused("/linux/resources/blockIO", R"({"leafWeight": 10})", "'linux.resources.blockIO.leafWeight'");
  ExpectRefused("/linux/resources/blockIO", R"({"weightDevice": [{"major": 1, "minor": 1, "weight": 10}]})",
                "'linux.resources.blockIO.weightDevice' is of cgroups v1, where v2 has 'io.weight' in "
                "'unified': remove it");
  ExpectRefused("/linux/resources/unified", R"({"../memory.high": "1"})",
                "unified: '../memory.high' is no file");
  ExpectRefused("/linux/resources/network", R"({"classID": 5})",
                "'linux.resources.network' is of cgroups v1");
  ExpectRefused("/linux/resources/rdma", R"({"mlx5": {"hcaHandles": 3}})",
                "'linux.resources.rdma' is the host's");
}

TEST(OciLinux, Devices_WithRules_AreRead) {
  const ContainerConfig config = Taken("/linux", R"({"devices": [
      {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 8630, "uid": 1, "gid": 2},
      {"path": "/dev/pipe", "type": "p"}],
      "resources": {"devices": [{"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 10, "minor": -1, "access": "rw"}]}})");
  ASSERT_EQ(config.devices.size(), 2u);
  EXPECT_EQ(config.devices[0].path, "/dev/fuse");
  EXPECT_EQ(config.devices[0].type, "c");
  EXPECT_EQ(config.devices[0].major, 10);
  EXPECT_EQ(config.devices[0].minor, 229);
  EXPECT_EQ(config.devices[0].mode, 0666u) << "with the file's type in it";
  EXPECT_EQ(config.devices[0].uid, 1u);
  EXPECT_EQ(config.devices[0].gid, 2u);
  EXPECT_FALSE(config.devices[1].mode);
  const std::vector<DeviceRule>& rules = config.resources.devices;
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_FALSE(rules[0].allow);
  EXPECT_EQ(rules[0].type, "a");
  EXPECT_FALSE(rules[0].major || rules[0].minor);
  EXPECT_TRUE(rules[1].allow);
  EXPECT_EQ(rules[1].major, 10);
  EXPECT_FALSE(rules[1].minor) << "-1 is all";
  EXPECT_EQ(rules[1].access, "rw");
  ExpectRefused("/linux/devices", R"([{"path": "/dev/x", "type": "x"}])", "the type 'x' is unknown");
  ExpectRefused("/linux/devices", R"([{"type": "c"}])", "'linux.devices[0].path' is missing");
  ExpectRefused("/linux/resources/devices", R"([{"type": "c"}])",
                "'linux.resources.devices[0].allow' is missing");
}

TEST(OciLinux, Seccomp_Filter_IsRead) {
  const ContainerConfig config = Taken("/linux/seccomp", R"({"defaultAction": "SCMP_ACT_ERRNO",
      "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
      "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [
          {"index": 5, "value": 18446744073709551615, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}]}]})");
  ASSERT_TRUE(config.seccomp);
  const Seccomp& filter = *config.seccomp;
  EXPECT_EQ(filter.default_action, "SCMP_ACT_ERRNO");
  EXPECT_EQ(filter.default_errno_return, 38u);
  EXPECT_THAT(filter.architectures, ElementsAre("SCMP_ARCH_X86_64"));
  EXPECT_THAT(filter.flags, ElementsAre("SECCOMP_FILTER_FLAG_LOG"));
  ASSERT_EQ(filter.rules.size(), 2u);
  EXPECT_THAT(filter.rules[0].names, ElementsAre("read", "write"));
  EXPECT_EQ(filter.rules[0].action, "SCMP_ACT_ALLOW");
  EXPECT_EQ(filter.rules[1].errno_return, 1u);
  ASSERT_EQ(filter.rules[1].arguments.size(), 1u);
  EXPECT_EQ(filter.rules[1].arguments[0].index, 5u);
  EXPECT_EQ(filter.rules[1].arguments[0].value, 18446744073709551615u);
  EXPECT_EQ(filter.rules[1].arguments[0].value_two, 3u);
  EXPECT_EQ(filter.rules[1].arguments[0].op, "SCMP_CMP_MASKED_EQ");
  EXPECT_FALSE(Taken("/linux/seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []})").seccomp);
  EXPECT_FALSE(Taken("/linux/seccomp", "null").seccomp);
  ExpectRefused("/linux/seccomp", "{}", "'linux.seccomp.defaultAction' is missing");
  ExpectRefused("/linux/seccomp", R"({"defaultAction": "SCMP_ACT_X"})",
                "'linux.seccomp': the action 'SCMP_ACT_X' is unknown");
  ExpectRefused("/linux/seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/s"})",
                "'linux.seccomp.listenerPath' is a socket of the host");
  ExpectRefused("/linux/seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"})",
                "'linux.seccomp.listenerMetadata'");
}

TEST(OciLinux, SysctlsPathsAndPropagation_OfLinux_AreRead) {
  EXPECT_THAT(Taken("/linux/sysctl", R"({"net.ipv4.ip_forward": "1"})").sysctl,
              ElementsAre(Pair("net.ipv4.ip_forward", "1")));
  ExpectRefused("/linux/sysctl", R"({"vm.swappiness": "1"})",
                "sysctl 'vm.swappiness': it is the whole guest's");
  EXPECT_THAT(Taken("/linux/sysctl", R"({"net/ipv4/ip_forward": "1"})").sysctl,
              ElementsAre(Pair("net/ipv4/ip_forward", "1")));
  Json json = BundleWith("/linux/namespaces", "[]");
  json["linux"]["sysctl"] = {{"net.ipv4.ip_forward", "1"}};
  EXPECT_THAT(ParseBundle(json).error().ToString(),
              HasSubstr("it is of the network namespace, which is the pod's"));
  EXPECT_EQ(Taken("/linux/rootfsPropagation", "\"rshared\"").rootfs_propagation, "rshared");
  ExpectRefused("/linux/rootfsPropagation", "\"x\"", "'linux.rootfsPropagation' 'x' is unknown");
  Taken("/linux/cgroupsPath", "\"/machine.slice/web\"");
}

TEST(OciLinux, Linux_UnsupportedField_IsRefused) {
  ExpectRefused("/linux/uidMappings", R"([{"containerID": 0, "hostID": 1000, "size": 1}])",
                "'linux.uidMappings' needs a user namespace");
  ExpectRefused("/linux/gidMappings", R"([{"containerID": 0, "hostID": 1000, "size": 1}])",
                "'linux.gidMappings' needs a user namespace");
  ExpectRefused("/linux/mountLabel", "\"system_u\"", "'linux.mountLabel' is a label of a security module");
  ExpectRefused("/linux/timeOffsets", R"({"boottime": {"secs": 5}})",
                "'linux.timeOffsets' needs a time namespace");
  ExpectRefused("/linux/intelRdt", R"({"closID": "x"})", "'linux.intelRdt' is the host's business");
  ExpectRefused("/linux/netDevices", R"({"eth0": {"name": "x"}})",
                "'linux.netDevices' is the host's business");
  ExpectRefused("/linux/memoryPolicy", R"({"mode": "MPOL_BIND"})", "'linux.memoryPolicy' cannot be told");
  ExpectRefused("/linux/personality", R"({"domain": "LINUX64"})",
                "'linux.personality': the domain 'LINUX64' is unknown: use 'LINUX' or 'LINUX32'");
  ExpectRefused("/linux/personality", R"({"domain": "LINUX", "flags": ["X"]})", "'linux.personality.flags'");
  EXPECT_EQ(Taken("/linux/personality", R"({"domain": "LINUX"})").personality, "LINUX");
  EXPECT_EQ(Taken("/linux/personality", R"({"domain": "LINUX32"})").personality, "LINUX32");
}

// Whether the word in quotes at `quote` is the name of a field, as the parser's sources spell them:
// .Read("x", ReadThrottles(block, "x", {"x", kReason}
bool NamesAField(const std::string& text, size_t quote) {
  if (text[quote - 1] == '{') return true;
  const size_t open = text.rfind('(', quote);
  if (open == std::string::npos) return false;
  size_t begin = open;
  while (begin > 0 && (std::isalnum(static_cast<unsigned char>(text[begin - 1])) != 0)) --begin;
  const std::string function = text.substr(begin, open - begin);
  const std::string between = text.substr(open + 1, quote - open - 1);
  if (between.empty() && begin > 0 && text[begin - 1] == '.') {
    for (const char* reader : {"Read", "ReadRequired", "ReadLimit", "Object", "Objects", "Value"}) {
      if (function == reader) return true;
    }
    return false;
  }
  const bool one_word = between.size() > 2 && between.find_first_of("\n(\"") == std::string::npos &&
                        between.find(',') == between.size() - 2;
  return function.rfind("Read", 0) == 0 && one_word;
}

// The names of all fields in a source of the parser.
std::vector<std::string> FieldsNamedIn(const std::string& text) {
  std::vector<std::string> names;
  for (size_t quote = text.find('"'); quote != std::string::npos; quote = text.find('"', quote + 1)) {
    const size_t end = text.find('"', quote + 1);
    if (quote == 0 || end == std::string::npos) break;
    const std::string word = text.substr(quote + 1, end - quote - 1);
    const bool is_word = !word.empty() && std::all_of(word.begin(), word.end(),
                                                      [](unsigned char c) { return std::isalnum(c) != 0; });
    if (is_word && text[end + 1] == ',' && NamesAField(text, quote)) names.push_back(word);
  }
  return names;
}

// Every field that the parser names is in the table, and so are the fields of the specification.
TEST(OciLinux, Documentation_Table_NamesEveryField) {
  const std::string here = __FILE__;
  const std::string folder = here.substr(0, here.rfind('/'));
  const auto read = [&](const std::string& path) {
    std::ifstream file(folder + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  };
  const std::string table = read("../../docs/oci-config.md");
  ASSERT_FALSE(table.empty()) << "docs/oci-config.md cannot be read from " << folder;
  size_t found = 0;
  for (const char* source : {"oci_bundle.cc", "oci_linux.cc"}) {
    for (const std::string& name : FieldsNamedIn(read(source))) {
      ++found;
      const bool is_there = table.find("`" + name + "`") != std::string::npos ||
                            table.find("." + name + "`") != std::string::npos;
      EXPECT_TRUE(is_there) << "docs/oci-config.md has no line for '" << name << "' of " << source;
    }
  }
  EXPECT_GT(found, 90u) << "the sources are written differently: this test finds nothing";
}

// What podman and containerd write for every runtime.
TEST(OciHostFields, Dropped_AreReportedAndTheRestIsTaken) {
  Json json = ParseJson(kCrunSpec).value();
  Json& process = json["process"];
  process["apparmorProfile"] = "containers-default-0.50.1";
  process["selinuxLabel"] = "system_u:system_r:container_t:s0:c1,c2";
  Json& on_linux = json["linux"];
  on_linux["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2";
  on_linux["cgroupsPath"] = "machine.slice:libpod:abc";
  on_linux["intelRdt"] = {{"closID", "guaranteed"}};
  on_linux["namespaces"] = {{{"type", "pid"}},
                            {{"type", "mount"}},
                            {{"type", "network"}, {"path", "/run/netns/netns-1"}},
                            {{"type", "ipc"}, {"path", "/proc/7/ns/ipc"}},
                            {{"type", "uts"}, {"path", "/proc/7/ns/uts"}}};
  on_linux["resources"] = {{"memory", {{"limit", 1 << 24}, {"kernel", 1 << 20}, {"disableOOMKiller", true}}},
                           {"cpu", {{"realtimePeriod", 5}}},
                           {"network", {{"classID", 1}}},
                           {"pids", {{"limit", 2048}}}};
  const std::string text = DumpJson(json);

  const Result<OciConfig> strict = ParseOciConfig(text, "web", {.base = "/bundle"});
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().code(), Code::kInvalidArgument);

  const Result<OciConfig> oci =
      ParseOciConfig(text, "web", {.base = "/bundle", .host_fields = OciHostFields::kDrop});
  ASSERT_TRUE(oci) << oci.error().ToString();
  std::vector<std::string> fields;
  for (const OciDroppedField& dropped : oci->dropped) {
    fields.push_back(dropped.field);
    EXPECT_THAT(dropped.why, ::testing::StartsWith("is ")) << dropped.field;
    EXPECT_THAT(dropped.why, ::testing::Not(::testing::HasSubstr("remove"))) << dropped.field;
  }
  EXPECT_THAT(fields, ::testing::UnorderedElementsAre(
                          "process.apparmorProfile", "process.selinuxLabel", "linux.mountLabel",
                          "linux.cgroupsPath", "linux.intelRdt", "linux.namespaces[2].path",
                          "linux.namespaces[3].path", "linux.namespaces[4].path",
                          "linux.resources.memory.kernel", "linux.resources.memory.disableOOMKiller",
                          "linux.resources.cpu.realtimePeriod", "linux.resources.network"));
  EXPECT_THAT(oci->namespace_paths, ::testing::ElementsAre(::testing::Pair("ipc", "/proc/7/ns/ipc"),
                                                           ::testing::Pair("network", "/run/netns/netns-1"),
                                                           ::testing::Pair("uts", "/proc/7/ns/uts")));
  const Namespaces& namespaces = oci->container.namespaces;
  EXPECT_EQ(namespaces.pid, NamespaceOwner::kContainer);
  EXPECT_EQ(namespaces.network, NamespaceOwner::kPod);
  EXPECT_EQ(namespaces.ipc, NamespaceOwner::kPod);
  EXPECT_EQ(oci->container.resources.memory_limit, 1 << 24);
  EXPECT_EQ(oci->container.resources.pids_limit, 2048);
}

TEST(OciHostFields, WhatChangesTheContainer_IsRefusedAllTheSame) {
  const auto parse = [](const std::string& pointer, const std::string& value) {
    const auto oci = ParseOciConfig(DumpJson(BundleWith(pointer, value)), "web",
                                    {.base = "/bundle", .host_fields = OciHostFields::kDrop});
    return oci ? "taken" : oci.error().ToString();
  };
  EXPECT_THAT(parse("/linux/namespaces", R"([{"type": "user"}])"), HasSubstr("'linux.namespaces[0].type'"));
  EXPECT_THAT(parse("/linux/uidMappings", R"([{"containerID": 0, "hostID": 1, "size": 1}])"),
              HasSubstr("'linux.uidMappings'"));
  EXPECT_THAT(parse("/windows", R"({"layerFolders": ["c"]})"), HasSubstr("'windows'"));
  EXPECT_THAT(parse("/process/cwd", "7"), HasSubstr("'process.cwd'"));
}

TEST(OciTexts, Process_HasItsDroppedFields) {
  const std::string text = R"({"args": ["id"], "cwd": "/", "apparmorProfile": "p", "user": {"uid": 7}})";
  EXPECT_FALSE(ParseOciProcess(text, {.base = "/"}));
  const auto oci = ParseOciProcess(text, {.base = "/", .host_fields = OciHostFields::kDrop});
  ASSERT_TRUE(oci) << oci.error().ToString();
  EXPECT_EQ(oci->process.user.uid, 7u);
  ASSERT_EQ(oci->dropped.size(), 1u);
  EXPECT_EQ(oci->dropped[0].field, "apparmorProfile");
}

TEST(OciTexts, Resources_AreReadAlone) {
  // As containerd's runc shim and `podman update` write them.
  const std::string text = R"({"memory": {"limit": 67108864, "swap": 134217728, "kernelTCP": 5},
                               "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"},
                               "pids": {"limit": 100}, "blockIO": {}})";
  const auto oci = ParseOciResources(text, {.base = "/", .host_fields = OciHostFields::kDrop});
  ASSERT_TRUE(oci) << oci.error().ToString();
  EXPECT_EQ(oci->resources.memory_limit, 64 << 20);
  EXPECT_EQ(oci->resources.cpu_shares, 512u);
  EXPECT_EQ(oci->resources.cpus, "0");
  ASSERT_EQ(oci->dropped.size(), 1u);
  EXPECT_EQ(oci->dropped[0].field, "memory.kernelTCP");
  EXPECT_THAT(ParseOciResources(text, {.base = "/"}).error().ToString(), HasSubstr("'memory.kernelTCP'"));
  EXPECT_THAT(ParseOciResources(R"({"cpu": {"period": 1}})", {.base = "/"}).error().ToString(),
              HasSubstr("period"));
  EXPECT_THAT(ParseOciResources("[]", {.base = "/"}).error().ToString(), HasSubstr("not an object"));
}

TEST(OciTexts, RelativePaths_AreTakenFromTheBase) {
  const auto oci = ParseOciConfig(kCrunSpec, "web", {.base = "/some/where"});
  ASSERT_TRUE(oci) << oci.error().ToString();
  EXPECT_EQ(oci->container.rootfs, "/some/where/rootfs");
  for (const char* base : {"", "relative"}) {
    const auto refused = ParseOciConfig(kCrunSpec, "web", {.base = base});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().ToString(), HasSubstr("'" + std::string(base) + "'"));
  }
}

}  // namespace
}  // namespace virtcontainers
