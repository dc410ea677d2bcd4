// What a process does with its signals, as /proc/PID/status says it. Pure.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_SIGNAL_SETS_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_SIGNAL_SETS_H_

#include <string_view>

namespace virtcontainers::guest {

// Whether signal `number` has its default action in a process and is not blocked, by the lines SigBlk, SigIgn
// and SigCgt of `status`, the content of /proc/PID/status. False if one of the lines is missing. (proc(5))
bool HasDefaultAction(std::string_view status, int number);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_SIGNAL_SETS_H_
