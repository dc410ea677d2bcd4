#include "network/user_network.h"

#include <chrono>

#include "base/errors.h"

namespace virtcontainers {

std::string UserNetwork::Mac() const {
  return config_.mac.empty() ? DerivedMac(context_.key, config_.name) : config_.mac;
}

UserModeOptions UserNetwork::Options() const {
  return {.run_dir = context_.run_dir,
          .program = {},
          .name = config_.name,
          .mac = Mac(),
          .mtu = config_.mtu,
          .addresses = config_.addresses,
          .forwards = config_.forwards,
          .host_loopback = config_.host_loopback,
          .dns = config_.dns,
          .limits = config_.limits,
          .on_exit = context_.on_exit};
}

Result<HostNetwork::Made> UserNetwork::Make(Deadline deadline) {
  VC_RETURN_IF_ERROR(context_.note({}));
  VC_ASSIGN_OR_RETURN(stack_, UserModeNetwork::Start(Options(), deadline));
  NetworkTraces traces;
  traces.user_net = stack_->process();
  VC_RETURN_IF_ERROR(context_.note(traces));
  NetworkInterface guest = stack_->guest();
  guest.name = config_.name;
  guest.mac = Mac();
  guest.routes.insert(guest.routes.end(), config_.routes.begin(), config_.routes.end());
  Made made;
  made.host = stack_->description();
  made.dns = stack_->dns();
  made.ports.push_back({std::move(guest), stack_->TakeSocket()});
  return made;
}

Status UserNetwork::Adopt(const NetworkTraces& traces, Deadline) {
  VC_ASSIGN_OR_RETURN(stack_, UserModeNetwork::Rejoin(Options(), traces.user_net));
  return {};
}

std::optional<HostNetwork::Helper> UserNetwork::helper() const {
  if (!stack_) return {};
  return Helper{"user-mode network " + config_.name, stack_->process()};
}

Status UserNetwork::Release(Deadline deadline) {
  return stack_ ? stack_->Stop(Min(deadline, Deadline::After(std::chrono::seconds(5)))) : Status();
}

void UserNetwork::Leave() {
  if (stack_) stack_->Detach();
}

}  // namespace virtcontainers
