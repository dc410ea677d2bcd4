#include "pod/oci_bundle.h"

#include <stdlib.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>

#include "base/errors.h"
#include "base/json.h"
#include "os/file.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxConfig = 4 << 20;
constexpr const char* kLater = "is not supported yet: remove it";
constexpr const char* kHosts = "is the host's business, which a container in a VM has no part in: remove it";
constexpr const char* kOthers = "is not for Linux: remove it";

// What is known, and refused when it says anything.
struct Refused {
  const char* name;
  const char* why;
};

constexpr Refused kRefusedAtTop[] = {
    {"domainname", kLater}, {"solaris", kOthers}, {"windows", kOthers},
    {"vm", kHosts},         {"zos", kOthers},     {"freebsd", kOthers},
};
constexpr Refused kRefusedOfProcess[] = {
    {"commandLine", kOthers}, {"selinuxLabel", kLater},    {"scheduler", kLater},
    {"ioPriority", kLater},   {"execCPUAffinity", kLater},
};
constexpr Refused kRefusedOfUser[] = {{"username", "is for Windows: give 'uid' and 'gid'"}};
constexpr Refused kRefusedOfMount[] = {{"uidMappings", kLater}, {"gidMappings", kLater}};
constexpr Refused kRefusedOfLinux[] = {
    {"uidMappings", kLater}, {"gidMappings", kLater}, {"timeOffsets", kLater},
    {"devices", kLater},     {"netDevices", kHosts},  {"sysctl", kLater},
    {"mountLabel", kLater},  {"intelRdt", kHosts},    {"memoryPolicy", kLater},
};
constexpr Refused kRefusedOfResources[] = {
    {"cpu", kLater},     {"pids", kLater}, {"blockIO", kLater}, {"hugepageLimits", kLater},
    {"network", kLater}, {"rdma", kHosts}, {"unified", kLater},
};

// Whether a value asks for nothing: programs write empty objects, zeros and, for "no limit", -1 where they
// mean the default.
bool SaysNothing(const Json& value) {
  if (value.is_structured()) return std::all_of(value.begin(), value.end(), SaysNothing);
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_unsigned()) return value.get<uint64_t>() == 0;
  if (value.is_number_integer()) return value.get<int64_t>() == -1 || value.get<int64_t>() == 0;
  return value.is_null();
}

// One object of config.json: a reader that also knows what is refused.
class Section {
 public:
  Section(const Json& object, const std::string& path) : object_(object), reader_(object, path) {}

  JsonReader& reader() { return reader_; }

  template <typename T>
  void Read(const char* name, T& out) {
    reader_.Read(name, out);
  }

  template <typename T>
  void ReadRequired(const char* name, T& out) {
    if (!reader_.Has(name)) Fail(reader_.PathOf(name), "is missing");
    reader_.Read(name, out);
  }

  template <size_t N>
  void Refuse(const Refused (&table)[N]) {
    for (const Refused& entry : table) {
      const Json* value = Value(entry.name);
      if (value != nullptr && !SaysNothing(*value)) Refuse(entry.name, entry.why);
    }
  }
  void Refuse(const char* name, const char* why) { Fail(reader_.PathOf(name), why); }

  // 'path' what
  void Fail(const std::string& path, const std::string& what) {
    reader_.FailWith(Error(Code::kInvalidArgument, Quoted(path) + " " + what));
  }
  void Check(const Status& status) {
    if (!status) reader_.FailWith(status.error());
  }

  // Runs `read` on the object of that name, if there is one.
  template <typename F>
  void Object(const char* name, F read) {
    const Json* object = reader_.Object(name);
    if (object == nullptr) return;
    Section inner(*object, reader_.PathOf(name));
    read(inner);
    Check(inner.reader_.status());
  }

  // The same for each object of a list.
  template <typename F>
  void Objects(const char* name, F read) {
    const Json* list = reader_.Array(name);
    if (list == nullptr) return;
    size_t index = 0;
    for (const Json& element : *list) {
      Section inner(element, reader_.PathOf(name) + "[" + std::to_string(index++) + "]");
      read(inner);
      Check(inner.reader_.status());
      if (!reader_.status()) return;
    }
  }

  const Json* Value(const char* name) const {
    if (!reader_.status()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

 private:
  const Json& object_;
  JsonReader reader_;
};

// "1.0.0", "1.0.2-dev", "1.2.0+dev".
bool IsKnownVersion(std::string_view version) {
  if (version.size() < 5 || version.substr(0, 2) != "1.") return false;
  if (version[2] < '0' || version[2] > '2' || version[3] != '.') return false;
  version.remove_prefix(4);
  const size_t digits = std::min(version.find_first_not_of("0123456789"), version.size());
  return digits > 0 && (digits == version.size() || version[digits] == '-' || version[digits] == '+');
}

void ReadVersion(Section& top) {
  std::string version;
  top.ReadRequired("ociVersion", version);
  if (IsKnownVersion(version)) return;
  top.Fail("ociVersion", "is " + Quoted(version.substr(0, 80)) + ": 1.0 to 1.2 are read");
}

void ReadProcess(Section& section, ProcessConfig& process) {
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
  // Without the field a process has none: the defaults are for those who have no config.json.
  Capabilities& sets = process.capabilities.emplace();
  section.Object("capabilities", [&](Section& capabilities) {
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
  std::string profile;
  section.Read("apparmorProfile", profile);
  if (!profile.empty() && profile != "unconfined") section.Refuse("apparmorProfile", kLater);
  section.Refuse(kRefusedOfProcess);
  if (section.reader().status()) section.Check(ValidateProcess(process, "'process'"));
}

void ReadRoot(Section& section, const std::string& bundle, ContainerConfig& config) {
  std::string path;
  section.ReadRequired("path", path);
  section.Read("readonly", config.readonly_rootfs);
  if (path.empty()) section.Fail("root.path", "is empty");
  if (path.find('\0') != std::string::npos) section.Fail("root.path", "has a NUL byte in it");
  config.rootfs = !path.empty() && path[0] == '/' ? path : bundle + "/" + path;
}

void ReadMounts(Section& top, std::vector<Mount>& mounts) {
  top.Objects("mounts", [&](Section& entry) {
    Mount& mount = mounts.emplace_back();
    entry.ReadRequired("destination", mount.destination);
    entry.Read("type", mount.type);
    entry.Read("source", mount.source);
    entry.Read("options", mount.options);
    entry.Refuse(kRefusedOfMount);
    if (entry.reader().status()) {
      const std::string path = entry.reader().PathOf("");
      entry.Check(ValidateMount(mount, Quoted(path.substr(0, path.size() - 1))));
    }
  });
}

void RefuseHooks(Section& top) {
  top.Object("hooks", [](Section& hooks) {
    hooks.Refuse({{"prestart", kLater},
                  {"createRuntime", kLater},
                  {"createContainer", kLater},
                  {"startContainer", kLater},
                  {"poststart", kLater},
                  {"poststop", kLater}});
  });
}

// Every container has namespaces of its own, in a kernel that is the pod's own: what is listed is there, and
// what is not listed does no harm.
void CheckNamespaces(Section& section) {
  std::set<std::string> seen;
  section.Objects("namespaces", [&](Section& entry) {
    std::string type, path;
    entry.ReadRequired("type", type);
    entry.Read("path", path);
    if (!entry.reader().status()) return;
    constexpr std::string_view kGiven[] = {"pid", "network", "mount", "ipc", "uts", "cgroup"};
    if (type == "user" || type == "time") {
      entry.Fail(entry.reader().PathOf("type"), "is " + Quoted(type) + ", which " + kLater);
    } else if (std::find(std::begin(kGiven), std::end(kGiven), type) == std::end(kGiven)) {
      entry.Fail(entry.reader().PathOf("type"),
                 "is " + Quoted(type.substr(0, 80)) + ": no namespace is called so");
    } else if (!path.empty()) {
      entry.Refuse("path", "is a namespace of the host, which a container in a VM cannot join: remove it");
    } else if (!seen.insert(type).second) {
      entry.Fail(entry.reader().PathOf("type"), "is " + Quoted(type) + " for the second time");
    }
  });
}

// A list that denies everything, which is how every config.json begins, leaves the devices that the
// specification gives to every container.
void CheckResources(Section& resources) {
  resources.Refuse(kRefusedOfResources);
  resources.Object("memory", [&](Section& memory) {
    // 0 is no default here: it forbids swapping.
    if (memory.Value("swappiness") != nullptr) memory.Refuse("swappiness", kLater);
  });
  const Json* memory = resources.Value("memory");
  if (memory != nullptr && !SaysNothing(*memory)) resources.Refuse("memory", kLater);
  resources.Objects("devices", [](Section& rule) {
    bool allow = false;
    std::string type = "a", access = "rwm";
    rule.ReadRequired("allow", allow);
    rule.Read("type", type);
    rule.Read("access", access);
    const bool of_one = rule.Value("major") != nullptr || rule.Value("minor") != nullptr;
    if (allow) rule.Refuse("allow", kLater);
    if (of_one || (type != "a" && !type.empty()) || (access != "rwm" && !access.empty())) {
      rule.Refuse("access", "is of some devices alone, which is not supported yet: deny all, or remove it");
    }
  });
}

void CheckSeccomp(Section& seccomp) {
  std::string action;
  seccomp.Read("defaultAction", action);
  const Json* calls = seccomp.Value("syscalls");
  const bool filters =
      (!action.empty() && action != "SCMP_ACT_ALLOW") || (calls != nullptr && !SaysNothing(*calls));
  if (seccomp.reader().status() && filters) {
    seccomp.Fail("linux.seccomp", "is a filter, and filters are not supported yet: remove it");
  }
}

void ReadLinux(Section& section, ContainerConfig& config) {
  section.Read("maskedPaths", config.masked_paths);
  section.Read("readonlyPaths", config.readonly_paths);
  std::string cgroups_path;  // of the host's tree; the guest has a tree of its own
  section.Read("cgroupsPath", cgroups_path);
  std::string propagation;
  section.Read("rootfsPropagation", propagation);
  // Nothing is ever mounted from outside into a VM, so that not to pass it on needs nothing.
  constexpr std::string_view kHarmless[] = {"", "private", "rprivate", "slave", "rslave"};
  if (std::find(std::begin(kHarmless), std::end(kHarmless), propagation) == std::end(kHarmless)) {
    section.Refuse("rootfsPropagation", kLater);
  }
  CheckNamespaces(section);
  section.Object("resources", CheckResources);
  section.Object("seccomp", CheckSeccomp);
  section.Object("personality", [](Section& personality) {
    std::string domain;
    personality.Read("domain", domain);
    if (!domain.empty() && domain != "LINUX") personality.Refuse("domain", kLater);
    personality.Refuse({{"flags", kLater}});
  });
  section.Refuse(kRefusedOfLinux);
}

}  // namespace

Result<ContainerConfig> ParseOciConfig(std::string_view text, const std::string& bundle,
                                       const std::string& id) {
  VC_RETURN_IF_ERROR(ValidateId("container", id));
  VC_ASSIGN_OR_RETURN(const Json json, ParseJson(text, {.bytes = kMaxConfig}));
  if (!json.is_object()) return Fail(Code::kInvalidArgument, "the JSON is not an object");

  ContainerConfig config;
  config.id = id;
  config.default_mounts = false;
  Section top(json, "");
  ReadVersion(top);
  for (const char* name : {"process", "root"}) {
    if (!top.reader().Has(name)) top.Fail(name, "is missing: a container needs it");
  }
  top.Object("process", [&](Section& section) { ReadProcess(section, config.process); });
  top.Object("root", [&](Section& section) { ReadRoot(section, bundle, config); });
  top.Read("hostname", config.hostname);
  ReadMounts(top, config.mounts);
  top.Read("annotations", config.annotations);
  top.Object("linux", [&](Section& section) { ReadLinux(section, config); });
  RefuseHooks(top);
  top.Refuse(kRefusedAtTop);
  VC_RETURN_IF_ERROR(top.reader().status());
  return config;
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
  Result<ContainerConfig> config = ParseOciConfig(*text, directory, id);
  if (!config) return Fail(std::move(config.error()).AddContext(Quoted(file)));
  return config;
}

}  // namespace virtcontainers
