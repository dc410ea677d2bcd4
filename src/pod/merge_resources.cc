#include "pod/merge_resources.h"

#include "base/errors.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

template <typename T>
void Set(std::optional<T>& to, const std::optional<T>& from) {
  if (from) to = from;
}

// A throttle is a device's: those of other devices stay.
void Set(std::vector<BlockThrottle>& to, const std::vector<BlockThrottle>& from) {
  for (const BlockThrottle& throttle : from) {
    std::erase_if(to, [&](const BlockThrottle& known) {
      return known.major == throttle.major && known.minor == throttle.minor;
    });
    to.push_back(throttle);
  }
}

}  // namespace

Result<ContainerResources> MergeResources(const ContainerResources& base, const ContainerResources& changes) {
  ContainerResources merged = base;
  Set(merged.memory_limit, changes.memory_limit);
  Set(merged.memory_reservation, changes.memory_reservation);
  Set(merged.memory_swap, changes.memory_swap);
  Set(merged.cpu_shares, changes.cpu_shares);
  Set(merged.cpu_quota, changes.cpu_quota);
  Set(merged.cpu_period, changes.cpu_period);
  if (!changes.cpus.empty()) merged.cpus = changes.cpus;
  if (!changes.mems.empty()) merged.mems = changes.mems;
  Set(merged.pids_limit, changes.pids_limit);
  Set(merged.block_weight, changes.block_weight);
  Set(merged.block_read_bytes, changes.block_read_bytes);
  Set(merged.block_write_bytes, changes.block_write_bytes);
  Set(merged.block_read_operations, changes.block_read_operations);
  Set(merged.block_write_operations, changes.block_write_operations);
  for (const HugepageLimit& limit : changes.hugepages) {
    std::erase_if(merged.hugepages,
                  [&](const HugepageLimit& known) { return known.page_size == limit.page_size; });
    merged.hugepages.push_back(limit);
  }
  for (const auto& [file, value] : changes.unified) merged.unified[file] = value;
  VC_RETURN_IF_ERROR(ValidateResources(merged, "with what the container has"));
  return merged;
}

}  // namespace virtcontainers
