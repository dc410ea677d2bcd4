// What a guest says that there is in it. Pure.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_STATE_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_STATE_H_

#include "guest.pb.h"
#include "virtcontainers/agent.h"

namespace virtcontainers {

GuestState FromGuestState(const wire::GetStateResponse& answer);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_STATE_H_
