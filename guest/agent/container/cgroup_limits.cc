#include "guest/agent/container/cgroup_limits.h"

#include <algorithm>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

using Settings = std::vector<CgroupSetting>;

std::string Limit(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

Status AddMemory(const grpc::LinuxMemory& memory, Settings* settings) {
  if (memory.limit() > 0 && memory.swap() > 0 && memory.swap() < memory.limit()) {
    return Fail(Code::kInvalidArgument, "memory: swap " + std::to_string(memory.swap()) +
                                            " counts memory too and is below the limit " +
                                            std::to_string(memory.limit()));
  }
  // v2 counts swap alone.
  if (memory.swap() < 0) {
    settings->push_back({"memory.swap.max", "max"});
  } else if (memory.swap() > 0) {
    if (memory.limit() <= 0) {
      return Fail(Code::kInvalidArgument, "memory: swap needs a limit of the memory, which it counts too");
    }
    settings->push_back({"memory.swap.max", std::to_string(memory.swap() - memory.limit())});
  }
  if (memory.limit() != 0) settings->push_back({"memory.max", Limit(memory.limit())});
  if (memory.reservation() != 0) settings->push_back({"memory.low", Limit(memory.reservation())});
  return {};
}

void AddCpu(const grpc::LinuxCPU& cpu, Settings* settings) {
  if (cpu.shares() != 0) settings->push_back({"cpu.weight", std::to_string(CpuWeight(cpu.shares()))});
  if (cpu.quota() != 0 || cpu.period() != 0) {
    const uint64_t period = cpu.period() != 0 ? cpu.period() : 100'000;
    settings->push_back(
        {"cpu.max", (cpu.quota() > 0 ? std::to_string(cpu.quota()) : "max") + " " + std::to_string(period)});
  }
  if (!cpu.cpus().empty()) settings->push_back({"cpuset.cpus", cpu.cpus()});
  if (!cpu.mems().empty()) settings->push_back({"cpuset.mems", cpu.mems()});
}

using Throttles = google::protobuf::RepeatedPtrField<grpc::LinuxThrottleDevice>;

void AddThrottles(const Throttles& throttles, const std::string& key, Settings* settings) {
  for (const auto& device : throttles) {
    settings->push_back({"io.max", std::to_string(device.major()) + ":" + std::to_string(device.minor()) +
                                       " " + key + "=" + std::to_string(device.rate())});
  }
}

void AddBlockIo(const grpc::LinuxBlockIO& io, Settings* settings) {
  if (io.weight() != 0) {
    // 10 to 1000 there, 1 to 10000 here.
    const uint64_t weight = std::clamp<uint64_t>(1 + (io.weight() - 10ull) * 9999 / 990, 1, 10000);
    settings->push_back({"io.weight", "default " + std::to_string(weight)});
  }
  AddThrottles(io.throttlereadbpsdevice(), "rbps", settings);
  AddThrottles(io.throttlewritebpsdevice(), "wbps", settings);
  AddThrottles(io.throttlereadiopsdevice(), "riops", settings);
  AddThrottles(io.throttlewriteiopsdevice(), "wiops", settings);
}

bool OneLine(const std::string& text) { return text.find('\n') == std::string::npos && text.size() < 4096; }

}  // namespace

uint64_t CpuWeight(uint64_t shares) {
  shares = std::clamp<uint64_t>(shares, 2, 262144);
  return 1 + (shares - 2) * 9999 / 262142;
}

Result<Settings> CgroupSettings(const grpc::LinuxResources& resources) {
  Settings settings;
  VC_RETURN_IF_ERROR(AddMemory(resources.memory(), &settings));
  AddCpu(resources.cpu(), &settings);
  if (resources.pids().limit() != 0) settings.push_back({"pids.max", Limit(resources.pids().limit())});
  AddBlockIo(resources.blockio(), &settings);
  for (const auto& limit : resources.hugepagelimits()) {
    if (limit.pagesize().find('/') != std::string::npos) {
      return Fail(Code::kInvalidArgument, "there are no huge pages of " + Quoted(limit.pagesize()));
    }
    settings.push_back({"hugetlb." + limit.pagesize() + ".max", std::to_string(limit.limit())});
  }
  for (const CgroupSetting& setting : settings) {
    if (!OneLine(setting.value))
      return Fail(Code::kInvalidArgument, setting.file + ": the value is not one line");
  }
  return settings;
}

}  // namespace virtcontainers::guest
