// Which share of processors and block devices a process has, and what machine it sees.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_SCHEDULING_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_SCHEDULING_H_

#include <optional>
#include <string>

#include "guest.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Words that are not known are INVALID_ARGUMENT. For the agent, before it makes the child.
Status CheckScheduling(const wire::ProcessExtension& process);

// The number of "LINUX" or "LINUX32"; nothing for an empty name. Others are INVALID_ARGUMENT.
Result<std::optional<unsigned long>> PersonalityOf(const std::string& name);

// The steps of a child; each acts on the caller. Before it gives up CAP_SYS_NICE.
Status SetScheduler(const wire::Scheduler& scheduler);
Status SetIoPriority(const wire::IoPriority& io_priority);
// "0-1,3"
Status SetCpus(const std::string& cpus);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_SCHEDULING_H_
