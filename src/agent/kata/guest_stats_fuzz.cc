// The guest says what a container uses and which processes it has: whatever it says, the result is bounded
// and can be shown.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/kata/guest_stats.h"

namespace {

using namespace virtcontainers;

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckName(const std::string& name) {
  Check(name.size() <= 64);
  for (const char c : name) Check(c >= 0x20 && c < 0x7f);
}

void CheckStats(const std::string& bytes) {
  grpc::StatsContainerResponse answer;
  if (!answer.ParseFromString(bytes)) return;
  const ContainerStats stats = FromKataStats(answer);
  Check(stats.io.size() <= 2000 && stats.network.size() <= 1000 && stats.memory.detail.size() <= 1000);
  Check(stats.cpu.total.count() >= 0 && stats.cpu.user.count() >= 0 && stats.cpu.system.count() >= 0);
  for (const NetworkStats& network : stats.network) CheckName(network.name);
  for (const auto& [key, value] : stats.memory.detail)
    Check(key.size() <= 64 && key.rfind("events.", 0) != 0);
}

void CheckProcesses(const std::string& bytes) {
  wire::ListProcessesResponse answer;
  if (!answer.ParseFromString(bytes)) return;
  const Result<std::vector<ProcessInfo>> processes = FromGuestProcesses(answer);
  if (!processes) return Check(processes.error().code() == Code::kInternal);
  Check(processes->size() == static_cast<size_t>(answer.processes_size()) && processes->size() <= 65536);
  for (const ProcessInfo& process : *processes) {
    Check(process.pid >= 0 && process.parent >= 0 && process.cpu.count() >= 0);
    Check(process.state == '?' || (process.state >= 'A' && process.state <= 'z'));
    CheckName(process.name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  CheckStats(bytes);
  CheckProcesses(bytes);
  return 0;
}
