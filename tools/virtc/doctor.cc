// virtc doctor: what this host can do, and what mends what it cannot.

#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "commands.h"
#include "hypervisor/host_probe.h"
#include "network/user_mode.h"
#include "os/descriptor_limit.h"
#include "os/subprocess.h"
#include "storage/virtiofsd.h"

namespace virtc {

using virtcontainers::Deadline;
using virtcontainers::Json;
using virtcontainers::Probe;
using virtcontainers::Result;
using virtcontainers::Status;

namespace {

enum class Health {
  kOk,
  kSlower,   // pods run without it
  kMissing,  // no pod runs without it
};

struct Finding {
  std::string name;
  Health health = Health::kOk;
  std::string detail;
  std::string mend;  // a command to type; empty if none would help
};

const char* HealthName(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kSlower:
      return "optional";
    case Health::kMissing:
      return "missing";
  }
  return "missing";
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// "kvm not used: x" says less than "x" where it stands beside the name.
std::string WithoutPrefix(const std::string& text, const std::string& prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

// Where there are none for the kernel that runs, loading one is no advice.
bool KernelHasModules() {
  utsname kernel{};
  return ::uname(&kernel) == 0 &&
         ::access(fmt::format("/lib/modules/{}/modules.dep", kernel.release).c_str(), F_OK) == 0;
}

Deadline Soon() { return Deadline::After(std::chrono::seconds(10)); }

Finding CheckRights() {
  if (::geteuid() == 0) return {"root rights", Health::kOk, "running as root", ""};
  return {"root rights", Health::kMissing,
          fmt::format("running as user {}: sharing a root file system takes root", ::geteuid()),
          "sudo virtc doctor"};
}

Finding CheckState(Session& session) {
  const auto runtime = session.runtime();
  if (runtime)
    return {"state", Health::kOk, fmt::format("{} can be written", (*runtime)->options().root), ""};
  return {"state", Health::kMissing, runtime.error().ToString(), "virtc --root DIR --run DIR doctor"};
}

Finding CheckKvm() {
  const Probe probe = virtcontainers::ProbeKvm();
  if (probe.usable) return {"kvm", Health::kOk, WithoutPrefix(probe.reason, "kvm: "), ""};
  Finding finding{
      "kvm", Health::kSlower,
      WithoutPrefix(probe.reason, "kvm not used: ") + "; VMs run emulated (tcg), some twenty times slower",
      ""};
  if (KernelHasModules() && ::access("/dev/kvm", F_OK) != 0)
    finding.mend = "modprobe kvm_intel || modprobe kvm_amd";
  else if (::access("/dev/kvm", F_OK) == 0 && ::access("/dev/kvm", R_OK | W_OK) != 0)
    finding.mend = "sudo usermod -aG kvm \"$USER\"";
  return finding;
}

Finding CheckQemu() {
  auto version = virtcontainers::RunCommand({"qemu-system-x86_64", "--version"}, Soon());
  if (version) return {"qemu", Health::kOk, FirstLine(*version), ""};
  return {"qemu", Health::kMissing, version.error().ToString(), "apt-get install qemu-system-x86"};
}

Finding CheckVirtiofsd() {
  const auto found = virtcontainers::FindVirtiofsd("", Soon());
  if (found) {
    // (docs/architecture.md, "What virtio-fs cannot do")
    const char* const limits = found->flavor == virtcontainers::VirtiofsdFlavor::kC
                                   ? "; additional groups do not count when files are made: virtiofsd 1.7 or "
                                     "later (Debian 13) and a guest kernel 6.3 or later mend that"
                                   : "";
    return {"virtiofsd", Health::kOk, fmt::format("{} {}{}", found->path, found->version, limits), ""};
  }
  std::string detail = FirstLine(found.error().ToString());
  if (found.error().code() != virtcontainers::Code::kNotFound)
    return {"virtiofsd", Health::kMissing, detail, ""};
  // Debian 12 has it in QEMU's package, later releases in one of its own.
  return {"virtiofsd", Health::kMissing, detail,
          "apt-get install virtiofsd || apt-get install qemu-system-common"};
}

// Pods run without; `--network user` is refused.
Finding CheckUserModeNetwork() {
  const auto choice = virtcontainers::ChooseUserMode({}, Soon());
  if (choice) {
    return {"user network", Health::kOk, fmt::format("{}: {}", choice->description, choice->reason), ""};
  }
  return {"user network", Health::kSlower, choice.error().ToString(), "make build"};
}

// virtiofsd has a descriptor for every file that a guest's kernel remembers.
Finding CheckOpenFiles() {
  constexpr uint64_t kPlenty = 1 << 16;
  const uint64_t most = virtcontainers::HighestDescriptorLimit(virtcontainers::kWantedDescriptors);
  std::string detail = fmt::format("virtiofsd may have {} descriptors", most);
  const char* const mend =
      "LimitNOFILE=1048576 for the service, --ulimit nofile=1048576 for the container, "
      "or ulimit -n 1048576 as root, that virtc runs in";
  if (most < virtcontainers::kLeastDescriptors) {
    return {"open files", Health::kMissing,
            fmt::format("{}, and needs {}", detail, virtcontainers::kLeastDescriptors), mend};
  }
  if (most >= kPlenty) return {"open files", Health::kOk, detail, ""};
  return {"open files", Health::kSlower,
          detail + ": guests forget files early, and a container that has thousands open is refused more",
          mend};
}

Finding CheckVsock() {
  const Probe probe = virtcontainers::ProbeVhostVsock();
  if (probe.usable) return {"vsock", Health::kOk, WithoutPrefix(probe.reason, "vsock: "), ""};
  return {
      "vsock", Health::kSlower,
      WithoutPrefix(probe.reason, "vsock not used: ") + "; the agent is reached by virtio-serial, as well",
      KernelHasModules() && ::access("/dev/vhost-vsock", F_OK) != 0 ? "modprobe vhost_vsock" : ""};
}

Finding CheckGuest(const std::string& configured) {
  const std::string guest = std::filesystem::path(configured).lexically_normal().string();
  std::error_code error;
  for (const char* file : {"vmlinux", "initramfs.cpio"}) {
    const std::string path = guest + "/" + file;
    if (!std::filesystem::is_regular_file(path, error))
      return {"guest image", Health::kMissing, fmt::format("'{}' is not there", path), "make guest"};
  }
  return {"guest image", Health::kOk, guest, ""};
}

Finding CheckMonitor(const std::string& monitor) {
  if (::access(monitor.c_str(), X_OK) == 0) return {"monitor", Health::kOk, monitor, ""};
  return {"monitor", Health::kMissing, fmt::format("'{}' is no program", monitor), "make build"};
}

class Doctor : public Command {
 public:
  void Declare(Options&) override {}
  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    std::vector<Finding> findings = {CheckRights(), CheckState(session),   CheckKvm(),
                                     CheckQemu(),   CheckVirtiofsd(),      CheckOpenFiles(),
                                     CheckVsock(),  CheckUserModeNetwork()};
    // Where these are is known only to a library that is open.
    if (const auto runtime = session.runtime()) {
      findings.push_back(CheckMonitor((*runtime)->options().monitor));
      findings.push_back(CheckGuest((*runtime)->options().guest));
    }
    return Answer(findings);
  }

 private:
  static Outcome Answer(const std::vector<Finding>& findings) {
    bool ready = true;
    Table table{{"WHAT", "STATE", "DETAIL"}, {}};
    Table mends;
    Json checks = Json::array();
    for (const Finding& finding : findings) {
      ready = ready && finding.health != Health::kMissing;
      const std::string health = HealthName(finding.health);
      table.rows.push_back({finding.name, health, finding.detail});
      if (!finding.mend.empty()) mends.rows.push_back({finding.name + ":", finding.mend});
      checks.push_back(Json{{"name", finding.name},
                            {"state", health},
                            {"detail", finding.detail},
                            {"mend", finding.mend.empty() ? Json() : Json(finding.mend)}});
    }

    Outcome outcome;
    outcome.exit_status = ready ? 0 : 1;
    outcome.report.json = Json{{"ready", ready}, {"checks", std::move(checks)}};
    outcome.report.text = {std::move(table), ""};
    if (!mends.rows.empty()) {
      outcome.report.text.insert(outcome.report.text.end(), {"what mends it:", std::move(mends), ""});
    }
    outcome.report.text.emplace_back(ready ? "pods can run on this host"
                                           : "no pod can run on this host as it is");
    return outcome;
  }
};

}  // namespace

std::unique_ptr<Command> MakeDoctor() { return std::make_unique<Doctor>(); }

}  // namespace virtc
