#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/log.h"
#include "guest/agent/sandbox/block_device.h"
#include "guest/agent/sandbox/ids.h"
#include "guest/agent/service/services.h"
#include "guest/agent/version.h"

namespace virtcontainers::guest {

namespace {

using std::chrono::milliseconds;
using Clock = EventLoop::Clock;

constexpr const char* kBlockSize = "/sys/devices/system/memory/block_size_bytes";
constexpr const char* kProbe = "/sys/devices/system/memory/probe";

Status SetClock(const grpc::SetGuestDateTimeRequest& request) {
  if (request.usec() < 0 || request.usec() >= 1'000'000 || request.sec() < 0) {
    return Fail(Code::kInvalidArgument,
                "the time is not a number of seconds and less than 1000000 microseconds");
  }
  const timeval time{request.sec(), request.usec()};
  if (::settimeofday(&time, nullptr) < 0) return FailErrno("set the clock");
  return {};
}

// A machine that was restored from a template has the template's random numbers until this.
Status Reseed(const std::string& data) {
  if (data.empty()) return Fail(Code::kInvalidArgument, "there are no random bytes in the request");
  if (data.size() > 4096) return Fail(Code::kInvalidArgument, "more than 4096 random bytes");
  UniqueFd device(::open("/dev/random", O_RDWR | O_CLOEXEC));
  if (!device) return FailErrno("open '/dev/random'");
  std::vector<int> buffer(2 + (data.size() + sizeof(int) - 1) / sizeof(int));
  auto* info = reinterpret_cast<rand_pool_info*>(buffer.data());
  info->entropy_count = static_cast<int>(data.size() * 8);
  info->buf_size = static_cast<int>(data.size());
  std::memcpy(info->buf, data.data(), data.size());
  if (::ioctl(device.get(), RNDADDENTROPY, info) < 0) return FailErrno("add random bytes");
  if (::ioctl(device.get(), RNDRESEEDCRNG) < 0) return FailErrno("reseed the random numbers");
  return {};
}

grpc::GuestDetailsResponse Details(const grpc::GuestDetailsRequest& request, bool standalone) {
  grpc::GuestDetailsResponse response;
  if (request.mem_block_size()) {
    uint64_t size = 0;
    if (const auto text = ReadFile(kBlockSize)) {
      std::from_chars(text->data(), text->data() + text->size(), size, 16);
    }
    response.set_mem_block_size_bytes(size);
  }
  if (request.mem_hotplug_probe()) response.set_support_mem_hotplug_probe(::access(kProbe, F_OK) == 0);
  grpc::AgentDetails* details = response.mutable_agent_details();
  details->set_version(kVersion);
  details->set_init_daemon(!standalone);
  details->set_supports_seccomp(true);
  for (const std::string& name : StorageDrivers()) details->add_storage_handlers(name);
  details->add_extra_features("seccomp");
  return response;
}

// Switches on every processor, or block of memory, that is there and off. Returns how many are on.
unsigned Online(const std::string& directory, const std::string& prefix) {
  unsigned count = 0;
  for (unsigned number = 0; number < 8192; ++number) {
    const std::string path = directory + "/" + prefix + std::to_string(number);
    if (::access(path.c_str(), F_OK) < 0) {
      // Memory has holes; processors are numbered one after the other.
      if (prefix == "cpu") break;
      continue;
    }
    const auto state = ReadFile(path + "/online");
    // The first processor often has no switch.
    const bool online = !state || state->compare(0, 1, "1") == 0;
    if (online || WriteFile(path + "/online", "1")) ++count;
  }
  return count;
}

void OnlineCpus(EventLoop& loop, const Call& call, uint32_t wanted, bool wait, Clock::time_point deadline) {
  const unsigned online = Online("/sys/devices/system/cpu", "cpu");
  if (wanted == 0 || online >= wanted || !wait) return call.Answer();
  if (Clock::now() >= deadline) {
    return call.Fail(Error(Code::kDeadlineExceeded, std::to_string(online) + " of " + std::to_string(wanted) +
                                                        " processors are there"));
  }
  loop.After(milliseconds(10),
             [&loop, call, wanted, wait, deadline] { OnlineCpus(loop, call, wanted, wait, deadline); });
}

Status ProbeMemory(const grpc::MemHotplugByProbeRequest& request) {
  for (const uint64_t address : request.memhotplugprobeaddr()) {
    char text[24] = "0x";
    const auto end = std::to_chars(text + 2, text + sizeof(text), address, 16).ptr;
    if (auto status = WriteFile(kProbe, std::string_view(text, static_cast<size_t>(end - text))); !status) {
      if (status.error().code() != Code::kNotFound) return status;
      return Fail(Code::kUnimplemented, "this kernel has no memory probe");
    }
  }
  return {};
}

Status SwapOn(const std::string& node) {
  if (::swapon(node.c_str(), 0) < 0) return FailErrno("swap on " + Quoted(node));
  return {};
}

Status AddSwap(const grpc::AddSwapRequest& request) {
  std::string path;
  for (const uint32_t slot : request.pcipath()) {
    char text[8];
    const auto end = std::to_chars(text, text + sizeof(text), slot & 0xff, 16).ptr;
    const std::string digits(text, end);
    path += (path.empty() ? "" : "/") + (digits.size() < 2 ? "0" + digits : digits);
  }
  VC_ASSIGN_OR_RETURN(const std::string node, FindBlockDevice(path, kHotplugLimit));
  return SwapOn(node);
}

Status AddSwapPath(const std::string& path) {
  VC_RETURN_IF_ERROR(CheckPathInside(path, "/dev"));
  return SwapOn(path);
}

}  // namespace

void AddMachineCalls(Router& router, Sandbox& sandbox) {
  const bool standalone = sandbox.config().standalone;
  router.Add<grpc::GuestDetailsRequest>(
      kAgentService, "GetGuestDetails",
      [standalone](const Call& call, auto request) { call.Answer(Details(*request, standalone)); });
  constexpr const char* kWhySwapless = "the memory agent is a part of other guests: use UpdateContainer";
  router.AddUnimplemented(kAgentService, "MemAgentMemcgSet", kWhySwapless);
  router.AddUnimplemented(kAgentService, "MemAgentCompactSet", kWhySwapless);
  if (standalone) {
    constexpr const char* kReason = "the agent does not own this machine";
    for (const char* method : {"SetGuestDateTime", "ReseedRandomDev", "OnlineCPUMem", "MemHotplugByProbe",
                               "AddSwap", "AddSwapPath"}) {
      router.AddUnimplemented(kAgentService, method, kReason);
    }
    return;
  }
  router.Add<grpc::SetGuestDateTimeRequest>(
      kAgentService, "SetGuestDateTime",
      [](const Call& call, auto request) { call.Finish(SetClock(*request)); });
  router.Add<grpc::ReseedRandomDevRequest>(
      kAgentService, "ReseedRandomDev",
      [](const Call& call, auto request) { call.Finish(Reseed(request->data())); });
  router.Add<grpc::OnlineCPUMemRequest>(
      kAgentService, "OnlineCPUMem", [&sandbox](const Call& call, auto request) {
        if (!request->cpu_only()) Online("/sys/devices/system/memory", "memory");
        OnlineCpus(sandbox.loop(), call, request->nb_cpus(), request->wait(), Clock::now() + kHotplugLimit);
      });
  router.Add<grpc::MemHotplugByProbeRequest>(
      kAgentService, "MemHotplugByProbe",
      [](const Call& call, auto request) { call.Finish(ProbeMemory(*request)); });
  router.Add<grpc::AddSwapRequest>(kAgentService, "AddSwap",
                                   [](const Call& call, auto request) { call.Finish(AddSwap(*request)); });
  router.Add<grpc::AddSwapPathRequest>(kAgentService, "AddSwapPath", [](const Call& call, auto request) {
    call.Finish(AddSwapPath(request->path()));
  });
}

}  // namespace virtcontainers::guest
