#include "guest/agent/container/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>

namespace virtcontainers::guest {

namespace {

// The access time bits are one field, not flags: setting one clears the field first.
constexpr uint64_t kAtime = MOUNT_ATTR__ATIME;

struct Attribute {
  std::string_view name;  // with an r in front: also for what is mounted below
  uint64_t set;
  uint64_t clear;
};

constexpr std::array kAttributes{
    Attribute{"ro", MOUNT_ATTR_RDONLY, 0},
    Attribute{"rw", 0, MOUNT_ATTR_RDONLY},
    Attribute{"nosuid", MOUNT_ATTR_NOSUID, 0},
    Attribute{"suid", 0, MOUNT_ATTR_NOSUID},
    Attribute{"nodev", MOUNT_ATTR_NODEV, 0},
    Attribute{"dev", 0, MOUNT_ATTR_NODEV},
    Attribute{"noexec", MOUNT_ATTR_NOEXEC, 0},
    Attribute{"exec", 0, MOUNT_ATTR_NOEXEC},
    Attribute{"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    Attribute{"diratime", 0, MOUNT_ATTR_NODIRATIME},
    Attribute{"relatime", MOUNT_ATTR_RELATIME, kAtime},
    Attribute{"norelatime", MOUNT_ATTR_RELATIME, kAtime},
    Attribute{"noatime", MOUNT_ATTR_NOATIME, kAtime},
    Attribute{"atime", MOUNT_ATTR_RELATIME, kAtime},
    Attribute{"strictatime", MOUNT_ATTR_STRICTATIME, kAtime},
    Attribute{"nostrictatime", MOUNT_ATTR_RELATIME, kAtime},
    Attribute{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    Attribute{"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

struct Propagation {
  std::string_view name;
  uint64_t kind;
};

constexpr std::array kPropagations{
    Propagation{"shared", MS_SHARED},
    Propagation{"slave", MS_SLAVE},
    Propagation{"private", MS_PRIVATE},
    Propagation{"unbindable", MS_UNBINDABLE},
};

const Attribute* FindAttribute(std::string_view name) {
  const auto found = std::find_if(kAttributes.begin(), kAttributes.end(),
                                  [&](const Attribute& a) { return a.name == name; });
  return found == kAttributes.end() ? nullptr : &*found;
}

const Propagation* FindPropagation(std::string_view name) {
  const auto found = std::find_if(kPropagations.begin(), kPropagations.end(),
                                  [&](const Propagation& p) { return p.name == name; });
  return found == kPropagations.end() ? nullptr : &*found;
}

// The last of two that contradict each other wins.
void Apply(const Attribute& attribute, uint64_t* set, uint64_t* cleared) {
  *set = (*set & ~attribute.clear) | attribute.set;
  *cleared = (*cleared & ~attribute.set) | attribute.clear;
}

}  // namespace

MountOptions ParseMountOptions(const std::vector<std::string_view>& options) {
  MountOptions result;
  for (const std::string_view option : options) {
    if (option.empty() || option == "defaults") continue;
    if (option == "bind" || option == "rbind") {
      result.bind = true;
      result.recursive_bind = option == "rbind";
    } else if (option == "tmpcopyup") {
      result.copy_up = true;
    } else if (const Attribute* attribute = FindAttribute(option)) {
      Apply(*attribute, &result.attributes, &result.cleared);
    } else if (const Propagation* propagation = FindPropagation(option)) {
      result.propagation = propagation->kind;
      result.recursive_propagation = false;
    } else if (const Attribute* below = option[0] == 'r' ? FindAttribute(option.substr(1)) : nullptr) {
      Apply(*below, &result.recursive_attributes, &result.recursive_cleared);
    } else if (const Propagation* rpropagation =
                   option[0] == 'r' ? FindPropagation(option.substr(1)) : nullptr) {
      result.propagation = rpropagation->kind;
      result.recursive_propagation = true;
    } else {
      result.data.emplace_back(option);
    }
  }
  return result;
}

}  // namespace virtcontainers::guest
