// What config.json asks of Linux. (OCI runtime-spec 1.x, config-linux.md)

#include <iterator>
#include <set>

#include "pod/oci_section.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

constexpr Refused kRefusedOfLinux[] = {
    {"uidMappings", kNoUsers},       {"gidMappings", kNoUsers},  {"timeOffsets", kNoTime},
    {"netDevices", kHosts, true},    {"intelRdt", kHosts, true}, {"mountLabel", kNoLabels, true},
    {"memoryPolicy", kNoScheduling},
};
constexpr Refused kRefusedOfMemory[] = {
    {"kernel", kOldCgroups, true}, {"kernelTCP", kOldCgroups, true}, {"disableOOMKiller", kOldCgroups, true}};
constexpr Refused kRefusedOfCpu[] = {{"realtimeRuntime", kOldCgroups, true},
                                     {"realtimePeriod", kOldCgroups, true}};
constexpr Refused kRefusedOfBlockIo[] = {
    {"leafWeight", kOldCgroups, true},
    {"weightDevice", "is of cgroups v1, where v2 has 'io.weight' in 'unified'", true}};
constexpr Refused kRefusedOfResources[] = {{"network", kOldCgroups, true}, {"rdma", kHosts, true}};
constexpr Refused kRefusedOfSeccomp[] = {
    {"listenerPath", "is a socket of the host, which a process in a VM cannot reach", true},
    {"listenerMetadata", "is for a listener on the host, which there is none", true}};

// A namespace that is listed is the container's own, and one that is not listed is the pod's. The mount and
// cgroup namespaces are the container's own always.
void ReadNamespaces(Section& section, OciConfig& config) {
  Namespaces& namespaces = config.container.namespaces;
  namespaces = {NamespaceOwner::kPod, NamespaceOwner::kPod, NamespaceOwner::kPod, NamespaceOwner::kPod};
  constexpr struct {
    std::string_view type;
    NamespaceOwner Namespaces::*owner;
  } kKinds[] = {{"pid", &Namespaces::pid},         {"ipc", &Namespaces::ipc}, {"uts", &Namespaces::uts},
                {"network", &Namespaces::network}, {"mount", nullptr},        {"cgroup", nullptr}};
  std::set<std::string> seen;
  section.Objects("namespaces", [&](Section& entry) {
    std::string type, path;
    entry.ReadRequired("type", type);
    entry.Read("path", path);
    if (!entry.ok()) return;
    const std::string field = entry.reader().PathOf("type");
    const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                    [&](const auto& known) { return known.type == type; });
    if (type == "user" || type == "time") {
      entry.Fail(field, "is " + Quoted(type) + ": it " + (type == "user" ? kNoUsers : kNoTime));
    } else if (kind == std::end(kKinds)) {
      entry.Fail(field, "is " + Quoted(type.substr(0, 80)) + ": that is not a namespace type");
    } else if (!seen.insert(type).second) {
      entry.Fail(field, "is " + Quoted(type) + " for the second time");
    } else if (!path.empty()) {
      if (entry.RefuseOrDrop("path", "is a namespace of the host, which a container in a VM cannot join"))
        config.namespace_paths.emplace(type, path);
    } else if (kind->owner != nullptr) {
      namespaces.*(kind->owner) = NamespaceOwner::kContainer;
    }
  });
}

void ReadMemory(Section& memory, ContainerResources& resources) {
  memory.ReadLimit("limit", resources.memory_limit);
  memory.ReadLimit("reservation", resources.memory_reservation);
  memory.ReadLimit("swap", resources.memory_swap);
  // Cgroups v2 have none, and a guest without swap needs none: runc leaves it out as well.
  int64_t swappiness = 0;
  memory.Read("swappiness", swappiness);
  if (swappiness < -1 || swappiness > 100) {
    memory.Fail(memory.reader().PathOf("swappiness"), "is " + std::to_string(swappiness) + ": give 0 to 100");
  }
  memory.Refuse(kRefusedOfMemory);
  // Cgroups v2 are hierarchical, and a new container uses nothing that could be above its limit.
  bool always = false;
  memory.Read("useHierarchy", always);
  memory.Read("checkBeforeUpdate", always);
}

void ReadCpu(Section& cpu, ContainerResources& resources) {
  cpu.ReadLimit("shares", resources.cpu_shares);
  cpu.ReadLimit("quota", resources.cpu_quota);
  cpu.ReadLimit("period", resources.cpu_period);
  cpu.Read("cpus", resources.cpus);
  cpu.Read("mems", resources.mems);
  cpu.Refuse(kRefusedOfCpu);
  // Files of the cgroup that have no other name here; what `unified` says of them comes first.
  std::optional<uint64_t> burst;
  std::optional<int64_t> idle;
  cpu.ReadLimit("burst", burst);
  cpu.ReadLimit("idle", idle);
  if (burst) resources.unified.emplace("cpu.max.burst", std::to_string(*burst));
  if (idle) resources.unified.emplace("cpu.idle", std::to_string(*idle));
}

void ReadThrottles(Section& block, const char* name, std::vector<BlockThrottle>& throttles) {
  block.Objects(name, [&](Section& entry) {
    BlockThrottle throttle;
    entry.ReadRequired("major", throttle.major);
    entry.ReadRequired("minor", throttle.minor);
    entry.ReadRequired("rate", throttle.rate);
    if (throttle.rate != 0) throttles.push_back(throttle);
  });
}

void ReadBlockIo(Section& block, ContainerResources& resources) {
  block.ReadLimit("weight", resources.block_weight);
  ReadThrottles(block, "throttleReadBpsDevice", resources.block_read_bytes);
  ReadThrottles(block, "throttleWriteBpsDevice", resources.block_write_bytes);
  ReadThrottles(block, "throttleReadIOPSDevice", resources.block_read_operations);
  ReadThrottles(block, "throttleWriteIOPSDevice", resources.block_write_operations);
  block.Refuse(kRefusedOfBlockIo);
}

// -1 and nothing are all of them.
void ReadNumber(Section& rule, const char* name, std::optional<int64_t>& number) {
  rule.Read(name, number);
  if (number == -1) number.reset();
}

void ReadDeviceRule(Section& entry, DeviceRule& rule) {
  entry.ReadRequired("allow", rule.allow);
  entry.Read("type", rule.type);
  entry.Read("access", rule.access);
  ReadNumber(entry, "major", rule.major);
  ReadNumber(entry, "minor", rule.minor);
  if (rule.type.empty()) rule.type = "a";
  if (rule.access.empty()) rule.access = "rwm";
}

void ReadResources(Section& section, ContainerResources& resources) {
  section.Read("unified", resources.unified);
  section.Object("memory", [&](Section& memory) { ReadMemory(memory, resources); });
  section.Object("cpu", [&](Section& cpu) { ReadCpu(cpu, resources); });
  section.Object("pids", [&](Section& pids) { pids.ReadLimit("limit", resources.pids_limit); });
  section.Object("blockIO", [&](Section& block) { ReadBlockIo(block, resources); });
  section.Objects("hugepageLimits", [&](Section& entry) {
    HugepageLimit& limit = resources.hugepages.emplace_back();
    entry.ReadRequired("pageSize", limit.page_size);
    entry.ReadRequired("limit", limit.bytes);
  });
  section.Objects("devices",
                  [&](Section& entry) { ReadDeviceRule(entry, resources.devices.emplace_back()); });
  section.Refuse(kRefusedOfResources);
}

void ReadDevice(Section& entry, DeviceNode& device) {
  entry.ReadRequired("path", device.path);
  entry.ReadRequired("type", device.type);
  entry.Read("major", device.major);
  entry.Read("minor", device.minor);
  entry.Read("fileMode", device.mode);
  entry.Read("uid", device.uid);
  entry.Read("gid", device.gid);
  // Some write the file's type into it as well.
  if (device.mode) device.mode = *device.mode & 07777;
}

void ReadSeccomp(Section& section, std::optional<Seccomp>& out) {
  Seccomp seccomp;
  section.ReadRequired("defaultAction", seccomp.default_action);
  section.Read("defaultErrnoRet", seccomp.default_errno_return);
  section.Read("architectures", seccomp.architectures);
  section.Read("flags", seccomp.flags);
  section.Objects("syscalls", [&](Section& entry) {
    SeccompRule& rule = seccomp.rules.emplace_back();
    entry.ReadRequired("names", rule.names);
    entry.ReadRequired("action", rule.action);
    entry.Read("errnoRet", rule.errno_return);
    entry.Objects("args", [&](Section& condition) {
      SeccompArgument& argument = rule.arguments.emplace_back();
      condition.ReadRequired("index", argument.index);
      condition.ReadRequired("value", argument.value);
      condition.Read("valueTwo", argument.value_two);
      condition.ReadRequired("op", argument.op);
    });
  });
  section.Refuse(kRefusedOfSeccomp);
  // A filter that lets everything through is none.
  if (seccomp.default_action == "SCMP_ACT_ALLOW" && seccomp.rules.empty()) return;
  if (section.ok()) section.Check(ValidateSeccomp(seccomp, "'linux.seccomp'"));
  out = std::move(seccomp);
}

}  // namespace

void ReadOciResources(Section& section, ContainerResources& resources, const std::string& field) {
  ReadResources(section, resources);
  if (section.ok()) section.Check(ValidateResources(resources, field));
}

void ReadOciLinux(Section& section, OciConfig& oci) {
  ContainerConfig& config = oci.container;
  section.Read("maskedPaths", config.masked_paths);
  section.Read("readonlyPaths", config.readonly_paths);
  std::string cgroups_path;  // of the host's tree; the guest has a tree of its own
  section.Read("cgroupsPath", cgroups_path);
  if (!cgroups_path.empty())
    section.Drop("cgroupsPath", "is a cgroup of the host, and the guest has its own");
  section.Read("rootfsPropagation", config.rootfs_propagation);
  section.Check(ValidatePropagation(config.rootfs_propagation, "'linux.rootfsPropagation'"));
  ReadNamespaces(section, oci);
  section.Read("sysctl", config.sysctl);
  section.Objects("devices", [&](Section& entry) { ReadDevice(entry, config.devices.emplace_back()); });
  section.Object("resources", [&](Section& resources) {
    ReadOciResources(resources, config.resources, "'linux.resources'");
  });
  section.Object("seccomp", [&](Section& seccomp) { ReadSeccomp(seccomp, config.seccomp); });
  section.Object("personality", [&](Section& personality) {
    personality.Read("domain", config.personality);
    personality.Check(ValidatePersonality(config.personality, "'linux.personality'"));
    personality.Refuse({{"flags", "has no values that the specification knows: remove it"}});
  });
  section.Refuse(kRefusedOfLinux);
}

}  // namespace virtcontainers
