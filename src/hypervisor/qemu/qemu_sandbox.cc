#include "hypervisor/qemu/qemu_sandbox.h"

#include <algorithm>

#include "base/errors.h"
#include "os/file.h"
#include "os/unused_user.h"

namespace virtcontainers {
namespace {

constexpr char kLoaderCache[] = "/etc/ld.so.cache";

// Of the largest file that QEMU makes: the guest's memory, or a memory device.
uint64_t LargestFile(const VmConfig& config) {
  // The console's is cut at much less.
  return std::max(config.resources.memory, kLeastMemoryDevice).count;
}

// Where a program finds what belongs to it: beside it and, beside the "bin" that it may be in, where an
// installation has it. Empty for one in the host's root: there it has only itself.
std::vector<std::string> PlacesOf(const std::string& program) {
  const std::string home = program.substr(0, program.rfind('/'));
  if (home.empty()) return {};
  std::vector<std::string> places = {home};
  constexpr std::string_view kBin = "/bin";
  if (home.size() > kBin.size() && home.compare(home.size() - kBin.size(), kBin.size(), kBin) == 0) {
    const std::string prefix = home.substr(0, home.size() - kBin.size());
    for (const char* place : {"/lib", "/lib64", "/share/qemu"}) places.push_back(prefix + place);
  }
  return places;
}

}  // namespace

ConfinedRoot QemuRoot(const VmConfig& config, const QemuFacts& facts,
                      const std::vector<std::string>& program_directories) {
  ConfinedRoot root;
  root.directories = program_directories;
  const std::vector<std::string> places = PlacesOf(facts.binary);
  if (places.empty()) root.files.push_back(facts.binary);
  for (const std::string& place : places) {
    if (!IsBelow(place, program_directories)) root.directories.push_back(place);
  }
  root.files.push_back(config.hypervisor.kernel);
  if (!config.hypervisor.initrd.empty()) root.files.push_back(config.hypervisor.initrd);
  // A name without a slash is in QEMU's own directory.
  if (facts.firmware.find('/') != std::string::npos) root.files.push_back(facts.firmware);
  root.devices = {"/dev/null", "/dev/zero", "/dev/urandom"};
  if (facts.accelerator == Accelerator::kKvm) root.devices.emplace_back("/dev/kvm");
  return root;
}

Result<QemuSandbox> ChooseSandbox(const std::string& confiner, const VmConfig& config,
                                  const QemuFacts& facts) {
  std::string obstacle = confiner.empty() ? "its monitor has none" : ObstacleToConfining();
  if (!obstacle.empty()) return QemuSandbox{std::nullopt, "none: " + obstacle};
  Confinement confinement;
  VC_ASSIGN_OR_RETURN(confinement.user, FindUnusedUser());
  confinement.root = QemuRoot(config, facts, ProgramDirectories());
  std::vector<std::string>& directories = confinement.root.directories;
  directories.erase(std::remove_if(directories.begin(), directories.end(),
                                   [](const std::string& place) { return !IsDirectory(place); }),
                    directories.end());
  if (FileExists(kLoaderCache)) confinement.root.files.emplace_back(kLoaderCache);
  confinement.max_file_size = LargestFile(config);
  std::string description =
      "user " + std::to_string(confinement.user) + ", own root and namespaces, no capabilities, no network";
  return QemuSandbox{std::move(confinement), std::move(description)};
}

}  // namespace virtcontainers
