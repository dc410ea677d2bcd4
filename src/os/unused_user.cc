#include "os/unused_user.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "base/errors.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

constexpr uint64_t kIds = uint64_t{1} << 32;

// Best first. systemd's containers end below 0x70000000 and its foreign ids begin at 0x7ffe0000; SSSD's
// automatic ranges end at 2000200000; the last are what systemd's list of a namespace with 65536 ids leaves
// over. (systemd, UIDS-GIDS)
constexpr IdRange kWanted[] = {{0x78000000, 0x4000000}, {0x10000, 0x7fff0000}, {60706, 478}};

// More than one try in a row meets a process only where there are very few ids.
constexpr int kTries = 64;

constexpr size_t kMaxMap = 64 << 10;     // 340 lines
constexpr size_t kMaxStatus = 64 << 10;  // of a process

// The numbers of one line.
std::vector<uint64_t> Numbers(std::string_view line) {
  std::vector<uint64_t> numbers;
  while (true) {
    line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc()) return numbers;
    numbers.push_back(number);
    line.remove_prefix(static_cast<size_t>(end - line.data()));
  }
}

IdRange Common(const IdRange& a, const IdRange& b) {
  const uint64_t first = std::max(a.first, b.first);
  const uint64_t end = std::min(a.first + a.count, b.first + b.count);
  return {first, end > first ? end - first : 0};
}

// Those of `text`, the status of a process.
void AddUsers(std::string_view text, std::set<uint32_t>& users) {
  for (const std::string_view name : {"\nUid:", "\nGid:"}) {
    const size_t at = text.find(name);
    if (at == std::string_view::npos) continue;
    const std::string_view line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    for (const uint64_t number : Numbers(line)) users.insert(static_cast<uint32_t>(number));
  }
}

}  // namespace

std::vector<IdRange> ParseIdMap(std::string_view text) {
  std::vector<IdRange> ranges;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::vector<uint64_t> line = Numbers(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() != 3 || line[0] >= kIds || line[2] > kIds) continue;
    ranges.push_back({line[0], line[2]});
  }
  return ranges;
}

std::optional<uint32_t> ChooseUser(const std::vector<IdRange>& users, const std::vector<IdRange>& groups,
                                   const std::set<uint32_t>& taken,
                                   const std::function<uint64_t(uint64_t)>& draw) {
  for (const IdRange& wanted : kWanted) {
    std::vector<IdRange> there;
    uint64_t count = 0;
    for (const IdRange& user : users) {
      for (const IdRange& group : groups) {
        const IdRange both = Common(wanted, Common(user, group));
        if (both.count == 0) continue;
        there.push_back(both);
        count += both.count;
      }
    }
    for (int tries = 0; count > 0 && tries < kTries; ++tries) {
      uint64_t nth = draw(count);
      for (const IdRange& range : there) {
        if (nth >= range.count) {
          nth -= range.count;
          continue;
        }
        const auto id = static_cast<uint32_t>(range.first + nth);
        if (taken.count(id) == 0) return id;
        break;
      }
    }
  }
  return std::nullopt;
}

Result<std::set<uint32_t>> UsersOfProcesses() {
  VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/proc"));
  std::set<uint32_t> users;
  for (const std::string& name : names) {
    if (name[0] < '0' || name[0] > '9') continue;
    // One that ends meanwhile has none.
    if (const auto status = ReadFile("/proc/" + name + "/status", kMaxStatus)) AddUsers(*status, users);
  }
  return users;
}

Result<uint32_t> FindUnusedUser() {
  VC_ASSIGN_OR_RETURN(const std::string users, ReadFile("/proc/self/uid_map", kMaxMap));
  VC_ASSIGN_OR_RETURN(const std::string groups, ReadFile("/proc/self/gid_map", kMaxMap));
  VC_ASSIGN_OR_RETURN(const std::set<uint32_t> taken, UsersOfProcesses());
  const std::optional<uint32_t> user =
      ChooseUser(ParseIdMap(users), ParseIdMap(groups), taken, [](uint64_t below) {
        uint64_t value = 0;
        while (::getrandom(&value, sizeof(value), 0) != sizeof(value)) {
        }
        return value % below;
      });
  if (user) return *user;
  return Fail(Code::kFailedPrecondition, "this user namespace maps no unused user id: map 65536 ids");
}

}  // namespace virtcontainers
