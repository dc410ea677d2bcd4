#include "guest/agent/container/user.h"

#include <fcntl.h>
#include <sys/stat.h>

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

// Enough for a hundred thousand users.
constexpr size_t kMaxAccountFile = 8 << 20;

std::string_view KindOf(const struct stat& info) {
  switch (info.st_mode & S_IFMT) {
    case S_IFIFO:
      return "a FIFO";
    case S_IFDIR:
      return "a directory";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

Result<gid_t> ResolveGroup(const RootedPath& root, const std::string& group) {
  if (const auto id = ParseId(group)) return *id;
  VC_ASSIGN_OR_RETURN(const std::string group_file, ReadAccountFile(root, kGroupFile));
  if (const auto id = FindGroup(group_file, group)) return *id;
  return Fail(Code::kNotFound,
              "there is no group " + Quoted(group) + " in '/etc/group' of its root file system");
}

}  // namespace

std::optional<UserEntry> FindUser(std::string_view passwd, std::string_view user) {
  const auto number = ParseId(user);
  std::optional<UserEntry> found;
  ForEachLine(passwd, [&](std::string_view line) {
    std::array<std::string_view, 7> field;  // name:password:uid:gid:comment:home:shell
    if (!SplitLine(line, &field)) return true;
    const auto uid = ParseId(field[2]);
    const auto gid = ParseId(field[3]);
    if (!uid || !gid) return true;
    if (number ? *number != *uid : field[0] != user) return true;
    found = UserEntry{std::string(field[0]), *uid, *gid, std::string(field[5])};
    return false;
  });
  return found;
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

Result<std::string> ReadAccountFile(const RootedPath& root, const char* path) {
  // Looked at before it is opened: opening a FIFO may block, and opening a device may do anything.
  struct stat info;
  const auto found = root.Open(path, O_PATH);
  if (!found && found.error().code() == Code::kNotFound) return std::string();
  if (!found) return Fail(found.error());
  if (::fstat(found->get(), &info) < 0) return FailErrno("look at " + Quoted(path));
  const std::string file_of_root = Quoted(path) + " of its root file system";
  if (!S_ISREG(info.st_mode)) {
    return Fail(Code::kFailedPrecondition,
                file_of_root + " is " + std::string(KindOf(info)) + " and not a regular file");
  }
  const auto too_large = [&] {
    return Fail(Code::kFailedPrecondition,
                file_of_root + " is larger than " + std::to_string(kMaxAccountFile >> 20) + " MiB");
  };
  if (static_cast<uint64_t>(info.st_size) > kMaxAccountFile) return too_large();
  VC_ASSIGN_OR_RETURN(const UniqueFd file, root.Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  auto content = ReadAll(file.get(), kMaxAccountFile);
  if (!content && content.error().code() == Code::kResourceExhausted) return too_large();
  if (!content) content.error().AddContext("read " + file_of_root);
  return content;
}

Result<Credentials> ResolveUser(const RootedPath& root, const grpc::User& user,
                                const grpc::StringUser* strings, bool want_home) {
  Credentials credentials{
      user.uid(), user.gid(), {user.additionalgids().begin(), user.additionalgids().end()}, {}};
  std::string name = strings != nullptr ? strings->uid() : std::string();
  if (name.empty()) name = user.username();
  const std::string group = strings != nullptr ? strings->gid() : std::string();

  std::optional<UserEntry> entry;
  if (!name.empty() || want_home) {
    VC_ASSIGN_OR_RETURN(const std::string passwd, ReadAccountFile(root, kPasswdFile));
    entry = FindUser(passwd, name.empty() ? std::to_string(credentials.uid) : name);
    if (entry) credentials.home = entry->home;
  }
  if (!name.empty()) {
    const auto number = ParseId(name);
    if (!entry && !number) {
      return Fail(Code::kNotFound,
                  "there is no user " + Quoted(name) + " in '/etc/passwd' of its root file system");
    }
    credentials.uid = entry ? entry->uid : *number;
    credentials.gid = entry ? entry->gid : 0;
  }
  if (!group.empty()) {
    VC_ASSIGN_OR_RETURN(credentials.gid, ResolveGroup(root, group));
  } else if (!name.empty() && entry) {
    VC_ASSIGN_OR_RETURN(const std::string group_file, ReadAccountFile(root, kGroupFile));
    const auto groups = GroupsOf(group_file, entry->name);
    credentials.groups.insert(credentials.groups.end(), groups.begin(), groups.end());
  }
  if (strings != nullptr) {
    for (const std::string& additional : strings->additionalgids()) {
      VC_ASSIGN_OR_RETURN(const gid_t gid, ResolveGroup(root, additional));
      credentials.groups.push_back(gid);
    }
  }
  return credentials;
}

}  // namespace virtcontainers::guest
