#include "monitor/mount_points.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>

#include "base/errors.h"
#include "os/file.h"
#include "os/rooted_path.h"
#include "pod/mounts.h"

namespace virtcontainers {
namespace {

// A source that is not there is named when the share is to show it.
RootedPath::Kind KindOf(const Mount& mount) {
  const bool is_file = IsBindMount(mount) && FileExists(mount.source) && !IsDirectory(mount.source);
  return is_file ? RootedPath::Kind::kFile : RootedPath::Kind::kDirectory;
}

bool Has(const std::vector<Mount>& mounts, const Mount& mount) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const Mount& entry) {
    return entry.destination == mount.destination && entry.source == mount.source;
  });
}

tl::unexpected<Error> NoPlace(const ContainerConfig& container, const std::string& what, const Error& error) {
  return Fail(Code::kFailedPrecondition, what + " in the read-only root file system " +
                                             Quoted(container.rootfs) + ": " + error.ToString());
}

}  // namespace

Status MakeMountPoints(ContainerConfig& container, const std::vector<Mount>& optional) {
  VC_ASSIGN_OR_RETURN(const RootedPath root, RootedPath::Open(container.rootfs));
  std::set<std::string> covered;
  std::vector<Mount> placed;
  for (Mount& mount : container.mounts) {
    const mode_t mode = IsTmpfsWithoutMode(mount) ? 01777 : 0755;
    Result<std::string> place = root.MakePlace(mount.destination, KindOf(mount), covered, mode);
    if (place) {
      covered.insert(std::move(*place));
      placed.push_back(std::move(mount));
    } else if (Has(optional, mount)) {
      std::fprintf(stderr, "container '%s' is not given %s: mount point: %s\n", container.id.c_str(),
                   mount.destination.c_str(), place.error().ToString().c_str());
    } else {
      return NoPlace(container, "mount point " + Quoted(mount.destination), place.error());
    }
  }
  container.mounts = std::move(placed);
  const std::string& directory = container.process.cwd;
  const auto made = root.MakePlace(directory, RootedPath::Kind::kDirectory, covered);
  if (!made) return NoPlace(container, "working directory " + Quoted(directory), made.error());
  return {};
}

}  // namespace virtcontainers
