// What exists of a pod outside of its own files, announced before it is made.
//
//   <pod>/journal   one JSON object a line:
//     {"step":"begin","kind":"process","what":"qemu"}                       it is about to be made
//     {"step":"done","kind":"process","what":"qemu","process":{"pid":…}}    it is there
//     {"step":"end","kind":"process","what":"qemu"}                         it is gone
//
// Whoever has the pod writes: its monitor while one lives, else the holder of its lock. Whoever finds a pod
// that nobody has and that does not run undoes what was begun and has not ended (docs/crash-safety.md). An
// empty journal, or none, is a pod that has nothing anywhere.

#ifndef VIRTCONTAINERS_SRC_POD_JOURNAL_H_
#define VIRTCONTAINERS_SRC_POD_JOURNAL_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

enum class EffectKind {
  kProcess,    // found by its mark (os/marked_process.h); its identity is for people
  kSocket,     // a path in the run directory
  kDirectory,  // a path
  kNamespace,  // gone with the processes in it
  kMount,      // in a namespace, and gone with it
  kDevice,     // of the VM, and gone with it; its id
  kNetwork,    // its name; what is to be undone of it is in its file (PodPaths::network)
};

// One effect; a pod has no two of the same kind and name.
struct Effect {
  EffectKind kind = EffectKind::kProcess;
  std::string what;
  bool done = false;                       // it was seen to be there
  std::optional<ProcessIdentity> process;  // kProcess, once done

  friend bool operator==(const Effect&, const Effect&) = default;
};

// What a journal says.
struct JournalState {
  std::vector<Effect> open;  // begun and not ended, the oldest first
  bool damaged = false;      // something in it is no line of a journal: there may be more than it says
};

// Any text has a meaning.
JournalState ReadJournal(std::string_view text);

// The same of a file. One that is not there is empty, one that cannot be read is damaged.
JournalState LoadJournal(const std::string& path);

// The journal of a pod that this process has. Only Effects (effects.h) writes it. Thread-safe.
//
// A line is in the file, and so known to whoever comes after, before the call returns: it survives this
// process, not the machine. Nothing that is announced survives the machine either, but for directories, whose
// names the pod gives.
class Journal {
 public:
  // Goes on with what is there. Anything but a file that lies in the journal's place is removed: it tells
  // nothing. Errors: those of opening the file.
  static Result<std::unique_ptr<Journal>> Open(const std::string& path);

  // Errors: those of writing; then nothing may be done.
  Status Begin(EffectKind kind, std::string_view what);
  // What cannot be written down is said on standard error: a reader then looks for more than there is.
  void Done(EffectKind kind, std::string_view what, std::optional<ProcessIdentity> process = {});
  void End(EffectKind kind, std::string_view what);
  // All that was announced is gone. Errors: those of emptying the file; the next reader looks for it again.
  Status Clear();

  std::vector<Effect> open() const;

 private:
  Journal(std::string path, UniqueFd fd, JournalState state);
  Status Write(std::string line);
  Status Truncate();
  void Compact();

  const std::string path_;
  mutable std::mutex mutex_;
  UniqueFd fd_;
  size_t size_ = 0;
  bool torn_ = false;  // it does not end with an end of line
  std::vector<Effect> open_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_JOURNAL_H_
