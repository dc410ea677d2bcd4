#include "network/held_namespace.h"

#include <utility>

#include "base/errors.h"
#include "os/confine.h"
#include "os/own_program.h"

namespace virtcontainers {

Status HeldNamespace::Start(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::string program, FindOwnProgram("virtcontainers-netns"));
  VC_ASSIGN_OR_RETURN(
      holder_, NamespaceHolder::Start({.program = program, .environment = ConfinedEnvironment()}, deadline));
  return Open();
}

Status HeldNamespace::Rejoin(const ProcessIdentity& holder) {
  Result<NamespaceHolder> rejoined = NamespaceHolder::Rejoin(holder);
  if (rejoined) {
    holder_ = std::move(*rejoined);
    return Open();
  }
  if (rejoined.error().code() != Code::kNotFound) {
    return Fail(std::move(rejoined.error()));
  }
  return {};
}

Status HeldNamespace::Open() {
  VC_ASSIGN_OR_RETURN(space_, NetworkNamespace::Open(path()));
  return {};
}

Status HeldNamespace::Bind(const ProcessIdentity& vm, Deadline deadline) {
  return holder_ ? holder_->Bind(vm, deadline) : Status();
}

Status HeldNamespace::Stop(Deadline deadline) {
  if (holder_) VC_RETURN_IF_ERROR(holder_->Stop(deadline));
  holder_.reset();
  space_.reset();
  return {};
}

void HeldNamespace::Leave() {
  if (holder_) holder_->Detach();
}

}  // namespace virtcontainers
