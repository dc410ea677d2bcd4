#include "guest/agent/container/cgroup_limits.h"

#include <algorithm>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxUnified = 256;
constexpr size_t kMaxUnifiedValue = 4096;

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
    // Without a period the one that is set stays.
    const std::string period = cpu.period() != 0 ? " " + std::to_string(cpu.period()) : "";
    settings->push_back({"cpu.max", (cpu.quota() > 0 ? std::to_string(cpu.quota()) : "max") + period});
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

Status CheckUnifiedSettings(const std::map<std::string, std::string>& unified) {
  if (unified.size() > kMaxUnified) return Fail(Code::kInvalidArgument, "too many unified resources");
  for (const auto& [file, value] : unified) {
    // A controller's file has the controller's name in front; the others' are how the agent itself works.
    const size_t dot = file.find('.');
    const bool plain =
        file.size() < 256 && file.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
    const bool core = file.compare(0, 7, "cgroup.") == 0 && file.compare(0, 11, "cgroup.max.") != 0;
    if (!plain || dot == 0 || dot == std::string::npos || dot + 1 == file.size() || core) {
      return Fail(Code::kInvalidArgument,
                  "unified resource " + Quoted(file) + " is not the name of a controller's file");
    }
    if (value.size() > kMaxUnifiedValue) {
      return Fail(Code::kInvalidArgument, "unified resource " + Quoted(file) + ": the value is too long");
    }
  }
  return {};
}

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
