// Which entries a share has, and which containers use them. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_SHARE_ENTRIES_H_
#define VIRTCONTAINERS_SRC_STORAGE_SHARE_ENTRIES_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/share_source.h"

namespace virtcontainers {

// An entry is a name in the share's directory at which a source is shown. All containers that use one source
// use one entry, so that the guest sees one file system, with one set of locks and one cache. A name is used
// once: the guest remembers for a second what a name stood for, and would show a container what another one
// had there.
//
//   <hash of the source's identity>-<random>               the entry
//   <hash of the source's identity>-<random>.<container>   a mark: the container uses it
//
// So the names in the directory are all that a monitor needs to know to go on after another one. Touches no
// file; not thread-safe.
class ShareEntries {
 public:
  ShareEntries() = default;

  // What the names in a share's directory say. Names of no entry are left out.
  explicit ShareEntries(const std::vector<std::string>& names);

  // A name for a new entry that shows `source`. No other call answers the same.
  static std::string NewName(const ShareSource& source);
  static std::string MarkOf(const std::string& entry, std::string_view container);

  // The entries that may show `source`: those of its identity's hash.
  std::vector<std::string> Candidates(const ShareSource& source) const;

  // Those that `container` uses.
  std::vector<std::string> UsedBy(std::string_view container) const;
  bool HasOtherUsers(const std::string& entry, std::string_view container) const;
  // Those that nobody uses: somebody ended while they were made or removed.
  std::vector<std::string> Unused() const;

  void Add(const std::string& entry, std::string_view container);
  // Without users it is forgotten.
  void Remove(const std::string& entry, std::string_view container);

 private:
  std::map<std::string, std::set<std::string, std::less<>>> users_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_SHARE_ENTRIES_H_
