// Whom a process runs as. Names are looked up in the container's own /etc/passwd and /etc/group, which are
// read as text: there is no name service in a static program.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_USER_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_USER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent.pb.h"
#include "oci.pb.h"
#include "os/rooted_path.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

struct UserEntry {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
};

inline constexpr char kPasswdFile[] = "/etc/passwd";
inline constexpr char kGroupFile[] = "/etc/group";

// The entry of a user by name, or by a number as text: text that is a number is never a name. Malformed lines
// are skipped.
std::optional<UserEntry> FindUser(std::string_view passwd, std::string_view user);
// The number of a group by its name.
std::optional<gid_t> FindGroup(std::string_view group_file, std::string_view group);
// The groups that name `user` as a member.
std::vector<gid_t> GroupsOf(std::string_view group_file, std::string_view user);

struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string home;  // empty: none known
};

// Reads kPasswdFile or kGroupFile; empty if there is none. Never blocks: the container makes these files.
// What is no regular file, or larger than 8 MiB, is FAILED_PRECONDITION.
Result<std::string> ReadAccountFile(const RootedPath& root, const char* path);

// Resolves a user as docker does. Fields of `strings`, which may be null, win over those of `user` where they
// are not empty: names or numbers of a user, a group and additional groups.
//
// A user who is given by name or by a number as text has the entry's group and home, and, unless a group is
// given, the groups that list him as a member; a number without an entry has the group 0. A name that is not
// found is NOT_FOUND. A user who is given by number has an entry only for `want_home`.
Result<Credentials> ResolveUser(const RootedPath& root, const grpc::User& user,
                                const grpc::StringUser* strings, bool want_home);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_USER_H_
