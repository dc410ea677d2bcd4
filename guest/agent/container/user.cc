#include "guest/agent/container/user.h"

#include <array>
#include <charconv>

#include "base/errors.h"
#include "guest/agent/os/file.h"

namespace virtcontainers::guest {

namespace {

template <size_t N>
bool SplitLine(std::string_view line, std::array<std::string_view, N>* fields) {
  for (size_t i = 0; i < N; ++i) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos && i + 1 < N) return false;
    (*fields)[i] = line.substr(0, colon);
    line = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  }
  return true;
}

template <typename Visit>  // bool(std::string_view): whether to go on
void ForEachLine(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (!visit(text.substr(0, end))) return;
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint32_t> ParseId(std::string_view text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // The kernel's "do not change".
  if (id == UINT32_MAX) return std::nullopt;
  return id;
}

std::string ReadOrEmpty(const char* path) { return ReadFile(path).value_or(std::string()); }

Result<gid_t> ResolveGroup(const std::string& group, std::string_view group_file) {
  if (const auto id = FindGroup(group_file, group)) return *id;
  if (const auto id = ParseId(group)) return *id;
  return Fail(Code::kNotFound, "there is no group " + Quoted(group) + " in the container's '/etc/group'");
}

}  // namespace

std::optional<UserEntry> FindUser(std::string_view passwd, std::string_view user) {
  const auto number = ParseId(user);
  std::optional<UserEntry> by_number;
  std::optional<UserEntry> by_name;
  ForEachLine(passwd, [&](std::string_view line) {
    std::array<std::string_view, 7> field;  // name:password:uid:gid:comment:home:shell
    if (!SplitLine(line, &field)) return true;
    const auto uid = ParseId(field[2]);
    const auto gid = ParseId(field[3]);
    if (!uid || !gid) return true;
    UserEntry entry{std::string(field[0]), *uid, *gid, std::string(field[5])};
    if (field[0] == user) {
      by_name = std::move(entry);
      return false;
    }
    if (number && *number == *uid && !by_number) by_number = std::move(entry);
    return true;
  });
  return by_name ? by_name : by_number;
}

std::optional<gid_t> FindGroup(std::string_view group_file, std::string_view group) {
  std::optional<gid_t> found;
  ForEachLine(group_file, [&](std::string_view line) {
    std::array<std::string_view, 4> field;  // name:password:gid:members
    if (!SplitLine(line, &field) || field[0] != group) return true;
    found = ParseId(field[2]);
    return !found;
  });
  return found;
}

std::vector<gid_t> GroupsOf(std::string_view group_file, std::string_view user) {
  std::vector<gid_t> groups;
  ForEachLine(group_file, [&](std::string_view line) {
    std::array<std::string_view, 4> field;
    if (!SplitLine(line, &field)) return true;
    const auto gid = ParseId(field[2]);
    std::string_view members = field[3];
    while (gid && !members.empty()) {
      const size_t comma = members.find(',');
      if (members.substr(0, comma) == user) {
        groups.push_back(*gid);
        break;
      }
      if (comma == std::string_view::npos) break;
      members.remove_prefix(comma + 1);
    }
    // NGROUPS_MAX of the kernel.
    return groups.size() < 65536;
  });
  return groups;
}

Result<Credentials> ResolveUser(const grpc::User& user, const grpc::StringUser* by_name, bool want_home) {
  Credentials credentials{
      user.uid(), user.gid(), {user.additionalgids().begin(), user.additionalgids().end()}, {}};
  std::string name = by_name != nullptr ? by_name->uid() : std::string();
  if (name.empty()) name = user.username();

  if (!name.empty()) {
    const auto entry = FindUser(ReadOrEmpty("/etc/passwd"), name);
    if (!entry && !ParseId(name)) {
      return Fail(Code::kNotFound, "there is no user " + Quoted(name) + " in the container's '/etc/passwd'");
    }
    credentials.uid = entry ? entry->uid : *ParseId(name);
    credentials.gid = entry ? entry->gid : 0;
    if (entry) {
      credentials.home = entry->home;
      const auto groups = GroupsOf(ReadOrEmpty("/etc/group"), entry->name);
      credentials.groups.insert(credentials.groups.end(), groups.begin(), groups.end());
    }
  } else if (want_home) {
    if (const auto entry = FindUser(ReadOrEmpty("/etc/passwd"), std::to_string(credentials.uid))) {
      credentials.home = entry->home;
    }
  }

  if (by_name != nullptr && (!by_name->gid().empty() || by_name->additionalgids_size() > 0)) {
    const std::string group_file = ReadOrEmpty("/etc/group");
    if (!by_name->gid().empty()) {
      VC_ASSIGN_OR_RETURN(credentials.gid, ResolveGroup(by_name->gid(), group_file));
    }
    for (const std::string& group : by_name->additionalgids()) {
      VC_ASSIGN_OR_RETURN(const gid_t gid, ResolveGroup(group, group_file));
      credentials.groups.push_back(gid);
    }
  }
  return credentials;
}

}  // namespace virtcontainers::guest
