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
  EXPECT_EQ(a.user.name, b.user.name);
  EXPECT_EQ(a.user.group, b.user.group);
  EXPECT_EQ(a.user.additional_groups, b.user.additional_groups);
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
  EXPECT_EQ(a.exec_cpus, b.exec_cpus);
  ASSERT_EQ(a.scheduler.has_value(), b.scheduler.has_value());
  if (a.scheduler) {
    EXPECT_EQ(a.scheduler->policy, b.scheduler->policy);
    EXPECT_EQ(a.scheduler->nice, b.scheduler->nice);
    EXPECT_EQ(a.scheduler->priority, b.scheduler->priority);
    EXPECT_EQ(a.scheduler->flags, b.scheduler->flags);
    EXPECT_EQ(a.scheduler->runtime, b.scheduler->runtime);
    EXPECT_EQ(a.scheduler->deadline, b.scheduler->deadline);
    EXPECT_EQ(a.scheduler->period, b.scheduler->period);
  }
  ASSERT_EQ(a.io_priority.has_value(), b.io_priority.has_value());
  if (a.io_priority) {
    EXPECT_EQ(a.io_priority->io_class, b.io_priority->io_class);
    EXPECT_EQ(a.io_priority->priority, b.io_priority->priority);
  }
}

void ExpectSame(const std::vector<BlockThrottle>& a, const std::vector<BlockThrottle>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].major, b[i].major);
    EXPECT_EQ(a[i].minor, b[i].minor);
    EXPECT_EQ(a[i].rate, b[i].rate);
  }
}

void ExpectSame(const ContainerResources& a, const ContainerResources& b) {
  EXPECT_EQ(a.memory_limit, b.memory_limit);
  EXPECT_EQ(a.memory_reservation, b.memory_reservation);
  EXPECT_EQ(a.memory_swap, b.memory_swap);
  EXPECT_EQ(a.cpu_shares, b.cpu_shares);
  EXPECT_EQ(a.cpu_quota, b.cpu_quota);
  EXPECT_EQ(a.cpu_period, b.cpu_period);
  EXPECT_EQ(a.cpus, b.cpus);
  EXPECT_EQ(a.mems, b.mems);
  EXPECT_EQ(a.pids_limit, b.pids_limit);
  EXPECT_EQ(a.block_weight, b.block_weight);
  ExpectSame(a.block_read_bytes, b.block_read_bytes);
  ExpectSame(a.block_write_bytes, b.block_write_bytes);
  ExpectSame(a.block_read_operations, b.block_read_operations);
  ExpectSame(a.block_write_operations, b.block_write_operations);
  ASSERT_EQ(a.hugepages.size(), b.hugepages.size());
  for (size_t i = 0; i < a.hugepages.size(); ++i) {
    EXPECT_EQ(a.hugepages[i].page_size, b.hugepages[i].page_size);
    EXPECT_EQ(a.hugepages[i].bytes, b.hugepages[i].bytes);
  }
  ASSERT_EQ(a.devices.size(), b.devices.size());
  for (size_t i = 0; i < a.devices.size(); ++i) {
    EXPECT_EQ(a.devices[i].allow, b.devices[i].allow);
    EXPECT_EQ(a.devices[i].type, b.devices[i].type);
    EXPECT_EQ(a.devices[i].major, b.devices[i].major);
    EXPECT_EQ(a.devices[i].minor, b.devices[i].minor);
    EXPECT_EQ(a.devices[i].access, b.devices[i].access);
  }
  EXPECT_EQ(a.unified, b.unified);
}

void ExpectSame(const Seccomp& a, const Seccomp& b) {
  EXPECT_EQ(a.default_action, b.default_action);
  EXPECT_EQ(a.default_errno_return, b.default_errno_return);
  EXPECT_EQ(a.architectures, b.architectures);
  EXPECT_EQ(a.flags, b.flags);
  ASSERT_EQ(a.rules.size(), b.rules.size());
  for (size_t i = 0; i < a.rules.size(); ++i) {
    EXPECT_EQ(a.rules[i].names, b.rules[i].names);
    EXPECT_EQ(a.rules[i].action, b.rules[i].action);
    EXPECT_EQ(a.rules[i].errno_return, b.rules[i].errno_return);
    ASSERT_EQ(a.rules[i].arguments.size(), b.rules[i].arguments.size());
    for (size_t j = 0; j < a.rules[i].arguments.size(); ++j) {
      const SeccompArgument &x = a.rules[i].arguments[j], &y = b.rules[i].arguments[j];
      EXPECT_EQ(x.index, y.index);
      EXPECT_EQ(x.value, y.value);
      EXPECT_EQ(x.value_two, y.value_two);
      EXPECT_EQ(x.op, y.op);
    }
  }
}

void ExpectSame(const std::vector<Hook>& a, const std::vector<Hook>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].path, b[i].path);
    EXPECT_EQ(a[i].args, b[i].args);
    EXPECT_EQ(a[i].env, b[i].env);
    EXPECT_EQ(a[i].timeout, b[i].timeout);
  }
}

void ExpectSame(const std::vector<DeviceNode>& a, const std::vector<DeviceNode>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].path, b[i].path);
    EXPECT_EQ(a[i].type, b[i].type);
    EXPECT_EQ(a[i].major, b[i].major);
    EXPECT_EQ(a[i].minor, b[i].minor);
    EXPECT_EQ(a[i].mode, b[i].mode);
    EXPECT_EQ(a[i].uid, b[i].uid);
    EXPECT_EQ(a[i].gid, b[i].gid);
  }
}

void ExpectSame(const ContainerConfig& a, const ContainerConfig& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.rootfs, b.rootfs);
  EXPECT_EQ(a.readonly_rootfs, b.readonly_rootfs);
  EXPECT_EQ(a.hostname, b.hostname);
  EXPECT_EQ(a.domainname, b.domainname);
  EXPECT_EQ(a.personality, b.personality);
  ExpectSame(a.process, b.process);
  EXPECT_EQ(a.output, b.output);
  ASSERT_EQ(a.mounts.size(), b.mounts.size());
  for (size_t i = 0; i < a.mounts.size(); ++i) {
    EXPECT_EQ(a.mounts[i].destination, b.mounts[i].destination);
    EXPECT_EQ(a.mounts[i].type, b.mounts[i].type);
    EXPECT_EQ(a.mounts[i].source, b.mounts[i].source);
    EXPECT_EQ(a.mounts[i].options, b.mounts[i].options);
  }
  EXPECT_EQ(a.log.format, b.log.format);
  EXPECT_EQ(a.log.max_size, b.log.max_size);
  EXPECT_EQ(a.log.max_files, b.log.max_files);
  EXPECT_EQ(a.default_mounts, b.default_mounts);
  EXPECT_EQ(a.rootfs_propagation, b.rootfs_propagation);
  EXPECT_EQ(a.masked_paths, b.masked_paths);
  EXPECT_EQ(a.readonly_paths, b.readonly_paths);
  ExpectSame(a.devices, b.devices);
  EXPECT_EQ(a.namespaces.pid, b.namespaces.pid);
  EXPECT_EQ(a.namespaces.ipc, b.namespaces.ipc);
  EXPECT_EQ(a.namespaces.uts, b.namespaces.uts);
  EXPECT_EQ(a.namespaces.network, b.namespaces.network);
  EXPECT_EQ(a.sysctl, b.sysctl);
  ExpectSame(a.resources, b.resources);
  ASSERT_EQ(a.seccomp.has_value(), b.seccomp.has_value());
  if (a.seccomp) ExpectSame(*a.seccomp, *b.seccomp);
  ExpectSame(a.hooks.prestart, b.hooks.prestart);
  ExpectSame(a.hooks.create_runtime, b.hooks.create_runtime);
  ExpectSame(a.hooks.create_container, b.hooks.create_container);
  ExpectSame(a.hooks.start_container, b.hooks.start_container);
  ExpectSame(a.hooks.poststart, b.hooks.poststart);
  ExpectSame(a.hooks.poststop, b.hooks.poststop);
  EXPECT_EQ(a.bundle, b.bundle);
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
  EXPECT_EQ(a.shared_memory, b.shared_memory);
  EXPECT_EQ(a.resources.max_memory, b.resources.max_memory);
  EXPECT_EQ(a.hypervisor.device_slots, b.hypervisor.device_slots);
  EXPECT_EQ(a.dns.servers, b.dns.servers);
  EXPECT_EQ(a.dns.searches, b.dns.searches);
  EXPECT_EQ(a.dns.options, b.dns.options);
  ASSERT_EQ(a.hosts.size(), b.hosts.size());
  for (size_t i = 0; i < a.hosts.size(); ++i) {
    EXPECT_EQ(a.hosts[i].address, b.hosts[i].address);
    EXPECT_EQ(a.hosts[i].names, b.hosts[i].names);
  }
  EXPECT_EQ(a.annotations, b.annotations);
}

TEST(ConfigJson, PodConfig_EveryField_RoundTrips) {
  ExpectSame(PodConfigFromJson(Reread(ToJson(FullPod()))).value(), FullPod());
  ExpectSame(PodConfigFromJson(Reread(ToJson(SmallPod("web")))).value(), SmallPod("web"));
}

TEST(ConfigJson, ContainerConfig_EveryField_RoundTrips) {
  ExpectSame(ContainerConfigFromJson(Reread(ToJson(FullContainer()))).value(), FullContainer());
  const ContainerConfig small = SmallContainer("db", "/srv");
  ExpectSame(ContainerConfigFromJson(Reread(ToJson(small))).value(), small);
}

TEST(ConfigJson, MaskedPaths_EmptyAndUnset_AreDistinguished) {
  ContainerConfig config = SmallContainer("db", "/srv");
  EXPECT_FALSE(ContainerConfigFromJson(Reread(ToJson(config)))->masked_paths);
  config.masked_paths.emplace();
  config.readonly_paths.emplace();
  ExpectSame(ContainerConfigFromJson(Reread(ToJson(config))).value(), config);
}

TEST(ConfigJson, ProcessConfig_EveryField_RoundTrips) {
  const ProcessConfig full = FullContainer().process;
  ExpectSame(ProcessConfigFromJson(Reread(ToJson(full))).value(), full);
  ProcessConfig none;
  none.capabilities.emplace();  // no capability at all is not the same as the default
  ExpectSame(ProcessConfigFromJson(Reread(ToJson(none))).value(), none);
}

TEST(ConfigJson, ContainerResources_EveryField_RoundTrips) {
  const ContainerResources full = FullContainer().resources;
  ExpectSame(ContainerResourcesFromJson(Reread(ToJson(full))).value(), full);
  EXPECT_EQ(DumpJson(ToJson(ContainerResources{})), "{}");
  ExpectSame(ContainerResourcesFromJson(Json::object()).value(), ContainerResources{});
}

TEST(ConfigJson, Read_FieldsOfOlderVersion_HasDefaults) {
  const Json old = ParseJson(R"({"id": "c", "rootfs": "/srv", "process": {"args": ["true"]}})").value();
  ExpectSame(ContainerConfigFromJson(old).value(), SmallContainer("c", "/srv"));
  ExpectSame(PodConfigFromJson(ParseJson(R"({"id": "p"})").value()).value(), SmallPod("p"));
}

TEST(ConfigJson, Read_UnknownFields_AreIgnored) {
  Json json = ToJson(FullPod());
  json["from_the_future"] = {{"a", 1}};
  json["hypervisor"]["from_the_future"] = true;
  ExpectSame(PodConfigFromJson(json).value(), FullPod());
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
