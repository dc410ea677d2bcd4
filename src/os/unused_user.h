// A user and group of a process's own, that nobody is. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_UNUSED_USER_H_
#define VIRTCONTAINERS_SRC_OS_UNUSED_USER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers {

// Ids that follow each other.
struct IdRange {
  uint64_t first = 0;
  uint64_t count = 0;

  friend bool operator==(const IdRange&, const IdRange&) = default;
};

// The ids that there are in a user namespace. (user_namespaces(7), uid_map; lines that are none are left out)
std::vector<IdRange> ParseIdMap(std::string_view text);

// An id that is both a user's and a group's there and is none of `taken`. Nothing if none is to spare. Ids
// that distributions, systemd, directory services and the usual allotments of subordinate ids leave alone
// come first, which are those of 0x78000000 to 0x7bffffff; a namespace that does not map them has others.
// `draw(n)` gives a random number below n. Pure.
std::optional<uint32_t> ChooseUser(const std::vector<IdRange>& users, const std::vector<IdRange>& groups,
                                   const std::set<uint32_t>& taken,
                                   const std::function<uint64_t(uint64_t)>& draw);

// The users and groups that processes have now, as far as this one sees them.
Result<std::set<uint32_t>> UsersOfProcesses();

// A random one for this process's user namespace that no process has. Errors: FailedPrecondition if the
// namespace has none to spare.
Result<uint32_t> FindUnusedUser();

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_UNUSED_USER_H_
