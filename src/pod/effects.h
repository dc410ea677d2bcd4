// The effects of a pod outside of its own files, each announced before it is made.

#ifndef VIRTCONTAINERS_SRC_POD_EFFECTS_H_
#define VIRTCONTAINERS_SRC_POD_EFFECTS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pod/journal.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Writes the pod's journal; no other code writes lines to it. The caller owns the pod (docs/crash-safety.md,
// rule 3). Thread-safe.
class Effects {
 public:
  // Goes on with the journal that is there. Errors: those of opening the file.
  static Result<std::unique_ptr<Effects>> Open(const std::string& journal);

  // An announced effect that is being made. One that is destroyed without Done has not been made, or has been
  // undone: its end is written.
  class Begun {
   public:
    Begun(Begun&& other) noexcept
        : journal_(std::exchange(other.journal_, nullptr)),
          kind_(other.kind_),
          what_(std::move(other.what_)) {}
    Begun& operator=(Begun&&) = delete;
    ~Begun();

    // The effect has been made. `process` identifies a process, for people.
    void Done(std::optional<ProcessIdentity> process = {});

   private:
    friend class Effects;
    Begun(Journal& journal, EffectKind kind, std::string_view what)
        : journal_(&journal), kind_(kind), what_(what) {}

    Journal* journal_;
    EffectKind kind_;
    std::string what_;
  };

  // Announces an effect that is about to be made. Errors: those of writing; then the effect must not be made.
  Result<Begun> Begin(EffectKind kind, std::string_view what);

  // Announces an effect, makes it by `make`, and confirms it. A `make` that fails has undone what it did.
  template <typename F>
  auto Make(EffectKind kind, std::string_view what, F make) -> decltype(make()) {
    Result<Begun> begun = Begin(kind, what);
    if (!begun) return tl::unexpected<Error>(std::move(begun.error()));
    auto made = make();
    if (made) begun->Done();
    return made;
  }

  // Announces an effect that another process confirms, or that may last after a failure. Idempotent.
  // Errors: those of writing.
  Status Announce(EffectKind kind, std::string_view what);
  // Confirms an effect that was announced by another process.
  void Confirm(EffectKind kind, std::string_view what, std::optional<ProcessIdentity> process = {});
  // The effect is gone.
  void End(EffectKind kind, std::string_view what);
  // All effects are gone. Errors: those of emptying the journal; the next owner looks for the effects again.
  Status Clear();

  // The effects that were announced and have not ended, the oldest first.
  std::vector<Effect> open() const { return journal_->open(); }
  bool IsOpen(EffectKind kind, std::string_view what) const;

 private:
  explicit Effects(std::unique_ptr<Journal> journal) : journal_(std::move(journal)) {}

  const std::unique_ptr<Journal> journal_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_EFFECTS_H_
