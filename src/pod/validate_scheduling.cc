// Which share of the guest's processors and block devices a process asks for. (sched(7), ioprio_set(2))

#include <algorithm>

#include "base/cpu_list.h"
#include "base/scheduling_names.h"
#include "pod/validate.h"
#include "pod/validate_text.h"

namespace virtcontainers {
namespace {

// sched_setattr(2): shorter than a microsecond and longer than 63 bits no time can be.
constexpr uint64_t kLeastTime = 1024;
constexpr uint64_t kMostTime = (1ull << 63) - 1;
constexpr uint32_t kMaxCpus = 1024;  // CPU_SETSIZE
constexpr size_t kMaxListBytes = 4096;

Status ValidateTime(uint64_t time, const char* name, const std::string& of) {
  if (time >= kLeastTime && time <= kMostTime) return {};
  return Fails(of,
               std::string(name) + " " + std::to_string(time) + " is out of range: give 1024 to 2^63 - 1 ns");
}

Status ValidateDeadlines(const Scheduler& scheduler, const std::string& of) {
  VC_RETURN_IF_ERROR(ValidateTime(scheduler.runtime, "runtime", of));
  VC_RETURN_IF_ERROR(ValidateTime(scheduler.deadline, "deadline", of));
  if (scheduler.period != 0) VC_RETURN_IF_ERROR(ValidateTime(scheduler.period, "period", of));
  if (scheduler.runtime > scheduler.deadline ||
      (scheduler.period != 0 && scheduler.deadline > scheduler.period)) {
    return Fails(of, "the runtime must not be above the deadline, nor the deadline above the period");
  }
  return {};
}

}  // namespace

Status ValidateCpuAffinity(const std::string& cpus, const std::string& of) {
  const auto ranges = ParseCpuList(cpus);
  const bool fits = ranges && std::all_of(ranges->begin(), ranges->end(),
                                          [](const auto& range) { return range.second < kMaxCpus; });
  if (fits && cpus.size() <= kMaxListBytes) return {};
  return Fails(of,
               Shown(cpus) + " is no list of numbers below " + std::to_string(kMaxCpus) + " like '0-1,3'");
}

Status ValidateScheduler(const Scheduler& scheduler, const std::string& of) {
  const std::string& policy = scheduler.policy;
  if (!NumberOf(kSchedulerPolicies, policy)) {
    return Fails(of,
                 "the policy " + Shown(policy) +
                     " is unknown: use 'SCHED_OTHER', 'SCHED_BATCH', 'SCHED_IDLE', 'SCHED_FIFO', 'SCHED_RR' "
                     "or 'SCHED_DEADLINE'");
  }
  for (const std::string& flag : scheduler.flags) {
    if (NumberOf(kSchedulerFlags, flag)) continue;
    return Fails(of,
                 "the flag " + Shown(flag) + " is unknown: they are named like 'SCHED_FLAG_RESET_ON_FORK'");
  }
  if (scheduler.nice < -20 || scheduler.nice > 19) {
    return OutOfRange(of + ": nice", scheduler.nice, "give -20 to 19");
  }
  const bool real_time = policy == "SCHED_FIFO" || policy == "SCHED_RR";
  if (real_time && (scheduler.priority < 1 || scheduler.priority > 99)) {
    return OutOfRange(of + ": priority", scheduler.priority, "give 1 to 99");
  }
  if (!real_time && scheduler.priority != 0) {
    return Fails(of, "a priority is for 'SCHED_FIFO' and 'SCHED_RR': remove it");
  }
  if (policy == "SCHED_DEADLINE") return ValidateDeadlines(scheduler, of);
  if (scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0) {
    return Fails(of, "runtime, deadline and period are for 'SCHED_DEADLINE': remove them");
  }
  return {};
}

Status ValidateIoPriority(const IoPriority& io_priority, const std::string& of) {
  if (!NumberOf(kIoPriorityClasses, io_priority.io_class)) {
    return Fails(of, "the class " + Shown(io_priority.io_class) +
                         " is unknown: use 'IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE' or 'IOPRIO_CLASS_IDLE'");
  }
  if (io_priority.priority < 0 || io_priority.priority > 7) {
    return OutOfRange(of + ": priority", io_priority.priority, "give 0 to 7");
  }
  return {};
}

}  // namespace virtcontainers
