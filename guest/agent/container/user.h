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
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

struct UserEntry {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
};

// The entry of a user by name, or by a number as text. Lines that are not well formed are passed over.
std::optional<UserEntry> FindUser(std::string_view passwd, std::string_view user);
// The same for a group's number.
std::optional<gid_t> FindGroup(std::string_view group_file, std::string_view group);
// The groups that name `user` as a member.
std::vector<gid_t> GroupsOf(std::string_view group_file, std::string_view user);

struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string home;  // empty: none known
};

// Reads the files of the root the caller is in. `by_name` may be null; its fields win over `user` where they
// are not empty. A name that is not there is NOT_FOUND, a number need not be. `want_home` asks for home.
Result<Credentials> ResolveUser(const grpc::User& user, const grpc::StringUser* by_name, bool want_home);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_USER_H_
