#include "guest/agent/container/scheduling.h"

#include <sched.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cpu_list.h"
#include "base/errors.h"
#include "base/scheduling_names.h"

namespace virtcontainers::guest {

namespace {

// sched_setattr(2), linux/sched/types.h; glibc 2.36 has neither the call nor the structure.
struct SchedulerAttributes {
  uint32_t size = sizeof(SchedulerAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedulerAttributes) == 48);

// linux/ioprio.h
constexpr int kOneProcess = 1;  // IOPRIO_WHO_PROCESS
constexpr int kClassShift = 13;
constexpr uint32_t kPriorities = 8;

}  // namespace

Status CheckScheduling(const wire::ProcessExtension& process) {
  if (!process.exec_cpus().empty() && !ParseCpuList(process.exec_cpus())) {
    return Fail(Code::kInvalidArgument, Quoted(process.exec_cpus()) + " is no list of processors");
  }
  if (process.has_scheduler()) {
    const wire::Scheduler& scheduler = process.scheduler();
    if (!NumberOf(kSchedulerPolicies, scheduler.policy())) {
      return Fail(Code::kInvalidArgument, "there is no scheduling policy " + Quoted(scheduler.policy()));
    }
    for (const std::string& flag : scheduler.flags()) {
      if (!NumberOf(kSchedulerFlags, flag))
        return Fail(Code::kInvalidArgument, "there is no flag of a scheduler " + Quoted(flag));
    }
  }
  if (!process.has_io_priority()) return {};
  const wire::IoPriority& io_priority = process.io_priority();
  if (!NumberOf(kIoPriorityClasses, io_priority.class_())) {
    return Fail(Code::kInvalidArgument, "there is no I/O priority class " + Quoted(io_priority.class_()));
  }
  if (io_priority.priority() < kPriorities) return {};
  return Fail(Code::kInvalidArgument,
              "I/O priority " + std::to_string(io_priority.priority()) + " is not between 0 and 7");
}

Result<std::optional<unsigned long>> PersonalityOf(const std::string& name) {
  if (name.empty()) return std::optional<unsigned long>();
  if (name == "LINUX") return std::optional<unsigned long>(PER_LINUX);
  if (name == "LINUX32") return std::optional<unsigned long>(PER_LINUX32);
  return Fail(Code::kInvalidArgument, "there is no personality " + Quoted(name));
}

Status SetScheduler(const wire::Scheduler& scheduler) {
  SchedulerAttributes attributes;
  attributes.policy = static_cast<uint32_t>(NumberOf(kSchedulerPolicies, scheduler.policy()).value_or(0));
  for (const std::string& flag : scheduler.flags())
    attributes.flags |= static_cast<uint64_t>(NumberOf(kSchedulerFlags, flag).value_or(0));
  attributes.nice = scheduler.nice();
  attributes.priority = scheduler.priority();
  attributes.runtime = scheduler.runtime();
  attributes.deadline = scheduler.deadline();
  attributes.period = scheduler.period();
  if (::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return {};
  return FailErrno("set the scheduler " + Quoted(scheduler.policy()));
}

Status SetIoPriority(const wire::IoPriority& io_priority) {
  const int value = NumberOf(kIoPriorityClasses, io_priority.class_()).value_or(0) << kClassShift |
                    static_cast<int>(io_priority.priority());
  if (::syscall(SYS_ioprio_set, kOneProcess, 0, value) == 0) return {};
  return FailErrno("set the I/O priority " + Quoted(io_priority.class_()));
}

Status SetCpus(const std::string& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const auto& [first, last] :
       ParseCpuList(cpus).value_or(std::vector<std::pair<uint32_t, uint32_t>>())) {
    for (uint32_t cpu = first; cpu <= last && cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &set);
  }
  if (::sched_setaffinity(0, sizeof(set), &set) == 0) return {};
  return FailErrno("run on the processors " + Quoted(cpus));
}

}  // namespace virtcontainers::guest
