#include "resource_options.h"

#include "base/errors.h"
#include "parse.h"

namespace virtc {

using virtcontainers::ContainerResources;
using virtcontainers::Status;

void ResourceOptions::Declare(Options& options, const std::string& memory_names) {
  memory_name_ = memory_names.substr(memory_names.rfind(',') + 1);
  options.Group("The container's limits")
      .Text(memory_names, "SIZE|unlimited", memory, "the limit of its memory, such as 64M")
      .Text("--memory-reservation", "SIZE|unlimited", memory_reservation,
            "memory that is not taken from it while others have more than theirs")
      .Text("--memory-swap", "SIZE|unlimited", memory_swap, "the limit of memory and swap together")
      .Text("--cpu-shares", "N", cpu_shares, "its share of the CPUs when they are busy; the default is 1024")
      .Text("--cpu-quota", "MICROSECONDS|unlimited", cpu_quota, "the CPU time that it may use in each period")
      .Text("--cpu-period", "MICROSECONDS", cpu_period, "the length of a period (100000)")
      .Text("--cpuset-cpus", "LIST", cpus, "the virtual CPUs that it may run on, such as 0-1,3")
      .Text("--pids-limit", "N|unlimited", pids_limit, "the limit of its processes and threads")
      .List("--unified", "FILE=VALUE", unified,
            "write a value to a file of its cgroup, such as memory.high=48M; any number");
}

bool ResourceOptions::given() const {
  for (const std::string* text : {&memory, &memory_reservation, &memory_swap, &cpu_shares, &cpu_quota,
                                  &cpu_period, &cpus, &pids_limit}) {
    if (!text->empty()) return true;
  }
  return !unified.empty();
}

Status ResourceOptions::Apply(ContainerResources& resources) const {
  const struct {
    std::string name;
    const std::string& text;
    std::optional<int64_t>& value;
  } sizes[] = {{memory_name_, memory, resources.memory_limit},
               {"--memory-reservation", memory_reservation, resources.memory_reservation},
               {"--memory-swap", memory_swap, resources.memory_swap}};
  for (const auto& size : sizes) {
    if (size.text.empty()) continue;
    VC_ASSIGN_OR_RETURN(size.value, ParseSizeLimit(size.name, size.text));
  }
  const struct {
    const char* name;
    const std::string& text;
    std::optional<int64_t>& value;
  } counts[] = {{"--cpu-quota", cpu_quota, resources.cpu_quota},
                {"--pids-limit", pids_limit, resources.pids_limit}};
  for (const auto& count : counts) {
    if (count.text.empty()) continue;
    VC_ASSIGN_OR_RETURN(count.value, ParseCountLimit(count.name, count.text));
  }
  if (!cpu_shares.empty()) {
    VC_ASSIGN_OR_RETURN(resources.cpu_shares, ParseNumber64("--cpu-shares", cpu_shares));
  }
  if (!cpu_period.empty()) {
    VC_ASSIGN_OR_RETURN(resources.cpu_period, ParseNumber64("--cpu-period", cpu_period));
  }
  if (!cpus.empty()) resources.cpus = cpus;
  for (const std::string& file : unified) {
    VC_ASSIGN_OR_RETURN(auto pair, ParsePair("--unified", file));
    resources.unified.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  return {};
}

}  // namespace virtc
