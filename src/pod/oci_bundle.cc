#include <stdlib.h>

#include <algorithm>
#include <memory>

#include "os/file.h"
#include "pod/mounts.h"
#include "pod/oci_section.h"
#include "pod/validate.h"
#include "pod/validate_text.h"
#include "virtcontainers/oci.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxConfig = 4 << 20;

constexpr Refused kRefusedAtTop[] = {
    {"solaris", kOthers},
    {"windows", kOthers},
    {"vm", "describes a VM, as the pod's configuration does: remove it"},
    {"zos", kOthers},
    {"freebsd", kOthers},
};
constexpr Refused kRefusedOfProcess[] = {{"commandLine", kOthers}, {"selinuxLabel", kNoLabels, true}};
constexpr Refused kRefusedOfUser[] = {{"username", "is for Windows: give 'uid' and 'gid'"}};
constexpr Refused kRefusedOfMount[] = {{"uidMappings", kNoUsers}, {"gidMappings", kNoUsers}};

// Takes the digits at the front of `text` away. False if there are none.
bool TakeNumber(std::string_view& text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(digits);
  return digits > 0;
}

// "1.0.0", "1.0.2-dev", "1.3.0-rc.1", "1.4.0+dev": all of major version 1, which is compatible. What a later
// minor version adds is a field, which is ignored, or a value, which is named where it is read.
bool IsCompatibleVersion(std::string_view version) {
  if (version.substr(0, 2) != "1.") return false;
  version.remove_prefix(2);
  if (!TakeNumber(version) || version.substr(0, 1) != ".") return false;
  version.remove_prefix(1);
  return TakeNumber(version) && (version.empty() || version[0] == '-' || version[0] == '+');
}

void ReadVersion(Section& top) {
  std::string version;
  top.ReadRequired("ociVersion", version);
  if (IsCompatibleVersion(version)) return;
  top.Fail("ociVersion", "is " + Shown(version) + ": versions 1.x.y of the specification are read");
}

// An object that says nothing is none.
void ReadScheduling(Section& section, ProcessConfig& process) {
  section.Object("scheduler", [&](Section& entry) {
    Scheduler scheduler;
    entry.Read("policy", scheduler.policy);
    entry.Read("nice", scheduler.nice);
    entry.Read("priority", scheduler.priority);
    entry.Read("flags", scheduler.flags);
    entry.Read("runtime", scheduler.runtime);
    entry.Read("deadline", scheduler.deadline);
    entry.Read("period", scheduler.period);
    if (SaysNothing(*section.Value("scheduler"))) return;
    if (scheduler.policy.empty()) entry.Fail(entry.reader().PathOf("policy"), "is missing");
    if (entry.ok()) entry.Check(ValidateScheduler(scheduler, Quoted(section.reader().PathOf("scheduler"))));
    process.scheduler = std::move(scheduler);
  });
  section.Object("ioPriority", [&](Section& entry) {
    IoPriority io_priority;
    entry.Read("class", io_priority.io_class);
    entry.Read("priority", io_priority.priority);
    if (SaysNothing(*section.Value("ioPriority"))) return;
    if (io_priority.io_class.empty()) entry.Fail(entry.reader().PathOf("class"), "is missing");
    if (entry.ok())
      entry.Check(ValidateIoPriority(io_priority, Quoted(section.reader().PathOf("ioPriority"))));
    process.io_priority = std::move(io_priority);
  });
  section.Object("execCPUAffinity", [&](Section& entry) {
    // What a runtime's own process may use before the process is in the container: here there is no such
    // time.
    std::string initial;
    entry.Read("initial", initial);
    entry.Read("final", process.exec_cpus);
    for (const char* name : {"initial", "final"}) {
      const std::string& cpus = name[0] == 'i' ? initial : process.exec_cpus;
      if (!cpus.empty() && entry.ok())
        entry.Check(ValidateCpuAffinity(cpus, Quoted(entry.reader().PathOf(name))));
    }
  });
}

// `field` names it in messages.
void ReadProcess(Section& section, ProcessConfig& process, const char* field = "'process'") {
  section.ReadRequired("args", process.args);
  section.Read("env", process.env);
  section.ReadRequired("cwd", process.cwd);
  section.Read("terminal", process.terminal);
  section.Object("consoleSize", [&](Section& size) {
    size.Read("height", process.rows);
    size.Read("width", process.columns);
  });
  section.Object("user", [&](Section& user) {
    user.Read("uid", process.user.uid);
    user.Read("gid", process.user.gid);
    user.Read("umask", process.user.umask);
    user.Read("additionalGids", process.user.additional_gids);
    user.Refuse(kRefusedOfUser);
  });
  section.Object("capabilities", [&](Section& capabilities) {
    Capabilities& sets = process.capabilities.emplace();
    capabilities.Read("bounding", sets.bounding);
    capabilities.Read("effective", sets.effective);
    capabilities.Read("inheritable", sets.inheritable);
    capabilities.Read("permitted", sets.permitted);
    capabilities.Read("ambient", sets.ambient);
  });
  section.Objects("rlimits", [&](Section& entry) {
    Rlimit& limit = process.rlimits.emplace_back();
    entry.ReadRequired("type", limit.type);
    entry.ReadRequired("soft", limit.soft);
    entry.ReadRequired("hard", limit.hard);
  });
  section.Read("noNewPrivileges", process.no_new_privileges);
  section.Read("oomScoreAdj", process.oom_score_adj);
  ReadScheduling(section, process);
  std::string profile;
  section.Read("apparmorProfile", profile);
  if (!profile.empty() && profile != "unconfined") section.RefuseOrDrop("apparmorProfile", kNoLabels);
  section.Refuse(kRefusedOfProcess);
  if (section.reader().status()) section.Check(ValidateProcess(process, field));
}

void ReadRoot(Section& section, const std::string& bundle, ContainerConfig& config) {
  std::string path;
  section.ReadRequired("path", path);
  section.Read("readonly", config.readonly_rootfs);
  if (path.empty()) section.Fail("root.path", "is empty");
  if (path.find('\0') != std::string::npos) section.Fail("root.path", "has a NUL byte in it");
  config.rootfs = !path.empty() && path[0] == '/' ? path : bundle + "/" + path;
}

void ReadMounts(Section& top, const std::string& bundle, std::vector<Mount>& mounts) {
  top.Objects("mounts", [&](Section& entry) {
    Mount& mount = mounts.emplace_back();
    entry.ReadRequired("destination", mount.destination);
    // The specification wants an absolute path; runc and crun take another one from the root, and so does
    // this.
    if (!mount.destination.empty() && mount.destination[0] != '/') mount.destination.insert(0, "/");
    entry.Read("type", mount.type);
    entry.Read("source", mount.source);
    entry.Read("options", mount.options);
    entry.Refuse(kRefusedOfMount);
    if (IsBindMount(mount) && !mount.source.empty() && mount.source[0] != '/') {
      mount.source = bundle + "/" + mount.source;
    }
    if (entry.ok()) {
      const std::string path = entry.reader().PathOf("");
      entry.Check(ValidateMount(mount, Quoted(path.substr(0, path.size() - 1))));
    }
  });
}

void ReadHooks(Section& section, Hooks& hooks) {
  const std::pair<const char*, std::vector<Hook>*> kinds[] = {{"prestart", &hooks.prestart},
                                                              {"createRuntime", &hooks.create_runtime},
                                                              {"createContainer", &hooks.create_container},
                                                              {"startContainer", &hooks.start_container},
                                                              {"poststart", &hooks.poststart},
                                                              {"poststop", &hooks.poststop}};
  for (const auto& [name, list] : kinds) {
    section.Objects(name, [list = list](Section& entry) {
      Hook& hook = list->emplace_back();
      entry.ReadRequired("path", hook.path);
      entry.Read("args", hook.args);
      entry.Read("env", hook.env);
      entry.Read("timeout", hook.timeout);
    });
  }
}

Result<Json> ParseObject(std::string_view text, const OciOptions& options) {
  if (options.base.empty() || options.base[0] != '/') {
    return Fail(Code::kInvalidArgument, "the directory " + Shown(options.base) +
                                            " that paths are relative to is not an absolute path");
  }
  VC_ASSIGN_OR_RETURN(Json json, ParseJson(text, {.bytes = kMaxConfig}));
  if (!json.is_object()) return Fail(Code::kInvalidArgument, "the JSON is not an object");
  return json;
}

std::vector<OciDroppedField>* DroppedInto(std::vector<OciDroppedField>& dropped, const OciOptions& options) {
  return options.host_fields == OciHostFields::kDrop ? &dropped : nullptr;
}

}  // namespace

Result<OciConfig> ParseOciConfig(std::string_view text, const std::string& id, const OciOptions& options) {
  VC_RETURN_IF_ERROR(ValidateId("container", id));
  VC_ASSIGN_OR_RETURN(const Json json, ParseObject(text, options));

  OciConfig oci;
  ContainerConfig& config = oci.container;
  config.id = id;
  config.bundle = options.base;
  config.default_mounts = false;
  config.masked_paths.emplace();
  config.readonly_paths.emplace();
  config.namespaces = {NamespaceOwner::kPod, NamespaceOwner::kPod, NamespaceOwner::kPod,
                       NamespaceOwner::kPod};
  Section top(json, "", DroppedInto(oci.dropped, options));
  ReadVersion(top);
  for (const char* name : {"process", "root"}) {
    if (!top.reader().Has(name)) top.Fail(name, "is missing: a container needs it");
  }
  top.Object("process", [&](Section& section) { ReadProcess(section, config.process); });
  // Without the field a container's process has none: the defaults are for those who have no config.json.
  if (!config.process.capabilities) config.process.capabilities.emplace();
  top.Object("root", [&](Section& section) { ReadRoot(section, options.base, config); });
  top.Read("hostname", config.hostname);
  top.Read("domainname", config.domainname);
  ReadMounts(top, options.base, config.mounts);
  top.Read("annotations", config.annotations);
  top.Object("linux", [&](Section& section) { ReadOciLinux(section, oci); });
  top.Object("hooks", [&](Section& section) { ReadHooks(section, config.hooks); });
  top.Refuse(kRefusedAtTop);
  VC_RETURN_IF_ERROR(top.reader().status());
  VC_RETURN_IF_ERROR(ValidateContainerFields(config));
  return oci;
}

Result<OciProcess> ParseOciProcess(std::string_view text, const OciOptions& options) {
  VC_ASSIGN_OR_RETURN(const Json json, ParseObject(text, options));
  OciProcess oci;
  Section section(json, "", DroppedInto(oci.dropped, options));
  ReadProcess(section, oci.process, "the process");
  VC_RETURN_IF_ERROR(section.reader().status());
  return oci;
}

Result<OciResources> ParseOciResources(std::string_view text, const OciOptions& options) {
  VC_ASSIGN_OR_RETURN(const Json json, ParseObject(text, options));
  OciResources oci;
  Section section(json, "", DroppedInto(oci.dropped, options));
  ReadOciResources(section, oci.resources, "the resources");
  VC_RETURN_IF_ERROR(section.reader().status());
  return oci;
}

Result<ProcessConfig> LoadOciProcess(const std::string& file) {
  Result<std::string> text = ReadFile(file, kMaxConfig);
  if (!text) return Fail(std::move(text.error()));
  // Nothing in it is a path.
  Result<OciProcess> oci = ParseOciProcess(*text, {.base = "/"});
  if (!oci) return Fail(std::move(oci.error()).AddContext(Quoted(file)));
  return std::move(oci->process);
}

Result<ContainerConfig> LoadOciBundle(const std::string& bundle, const std::string& id) {
  if (bundle.find('\0') != std::string::npos || !IsDirectory(bundle)) {
    return Fail(Code::kNotFound, "bundle " + Quoted(bundle) + " is not a directory");
  }
  const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(bundle.c_str(), nullptr), ::free);
  if (resolved == nullptr) return FailErrno("bundle " + Quoted(bundle));
  const std::string directory = resolved.get();
  const std::string file = directory + "/config.json";
  Result<std::string> text = ReadFile(file, kMaxConfig);
  if (!text) return Fail(std::move(text.error()).AddContext("bundle " + Quoted(bundle)));
  Result<OciConfig> oci = ParseOciConfig(*text, id, {.base = directory});
  if (!oci) return Fail(std::move(oci.error()).AddContext(Quoted(file)));
  return std::move(oci->container);
}

}  // namespace virtcontainers
