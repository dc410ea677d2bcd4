#include "pod/effects.h"

#include <algorithm>

#include "base/errors.h"

namespace virtcontainers {

Result<std::unique_ptr<Effects>> Effects::Open(const std::string& journal) {
  VC_ASSIGN_OR_RETURN(std::unique_ptr<Journal> opened, Journal::Open(journal));
  return std::unique_ptr<Effects>(new Effects(std::move(opened)));
}

Effects::Begun::~Begun() {
  if (journal_ != nullptr) journal_->End(kind_, what_);
}

void Effects::Begun::Done(std::optional<ProcessIdentity> process) {
  if (Journal* const journal = std::exchange(journal_, nullptr))
    journal->Done(kind_, what_, std::move(process));
}

Result<Effects::Begun> Effects::Begin(EffectKind kind, std::string_view what) {
  VC_RETURN_IF_ERROR(journal_->Begin(kind, what));
  return Begun(*journal_, kind, what);
}

Status Effects::Announce(EffectKind kind, std::string_view what) { return journal_->Begin(kind, what); }

void Effects::Confirm(EffectKind kind, std::string_view what, std::optional<ProcessIdentity> process) {
  journal_->Done(kind, what, std::move(process));
}

void Effects::End(EffectKind kind, std::string_view what) { journal_->End(kind, what); }

Status Effects::Clear() { return journal_->Clear(); }

bool Effects::IsOpen(EffectKind kind, std::string_view what) const {
  const std::vector<Effect> all = open();
  return std::any_of(all.begin(), all.end(),
                     [&](const Effect& effect) { return effect.kind == kind && effect.what == what; });
}

}  // namespace virtcontainers
