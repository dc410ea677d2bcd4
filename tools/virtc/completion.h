// What may be typed next: the candidates of the shells' completion.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_COMPLETION_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_COMPLETION_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "command.h"
#include "virtcontainers/status.h"

namespace virtc {

struct Candidate {
  std::string value;  // the whole word
  std::string help;   // one line; may be empty
};

// Paths of the host that are candidates as well, which the shell knows best.
enum class CandidatePaths { kNone, kFiles, kDirectories };

struct Completions {
  std::vector<Candidate> candidates;
  CandidatePaths paths = CandidatePaths::kNone;
};

// The pods below the root that `globals` names; none if they cannot be read.
using PodLister = std::function<std::vector<virtcontainers::PodStatus>(const GlobalOptions& globals)>;

// `words` are those after "virtc" as far as they are typed; the last one, which may be empty, is being
// completed. Candidates that do not begin with it are included: shells match by rules of their own.
Completions Complete(const std::vector<std::string>& words, const PodLister& list_pods);

// A candidate a line, with a tab in front of its help; last ":files" or ":directories" if paths are
// candidates.
std::string CompletionLines(const Completions& completions);

// The program that makes a shell ("bash", "zsh" or "fish") call `virtc __complete`; empty for any other.
std::string_view CompletionScript(std::string_view shell);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_COMPLETION_H_
