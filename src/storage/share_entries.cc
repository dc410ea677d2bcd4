#include "storage/share_entries.h"

#include <algorithm>

#include "base/hash.h"
#include "os/random_name.h"

namespace virtcontainers {
namespace {

constexpr size_t kDigits = 16;
constexpr size_t kNameLength = kDigits + 1 + kDigits;

bool IsEntryName(std::string_view name) {
  if (name.size() != kNameLength || name[kDigits] != '-') return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool digit = (name[i] >= '0' && name[i] <= '9') || (name[i] >= 'a' && name[i] <= 'f');
    if (!digit && i != kDigits) return false;
  }
  return true;
}

}  // namespace

ShareEntries::ShareEntries(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::string entry = name.substr(0, kNameLength);
    if (!IsEntryName(entry)) continue;
    if (name.size() == kNameLength) {
      users_[entry];
    } else if (name[kNameLength] == '.' && name.size() > kNameLength + 1) {
      users_[entry].insert(name.substr(kNameLength + 1));
    }
  }
}

std::string ShareEntries::NewName(const ShareSource& source) {
  return HexDigits(Hash(source.identity())) + "-" + RandomName();
}

std::string ShareEntries::MarkOf(const std::string& entry, std::string_view container) {
  return entry + "." + std::string(container);
}

std::vector<std::string> ShareEntries::Candidates(const ShareSource& source) const {
  const std::string hash = HexDigits(Hash(source.identity())) + "-";
  std::vector<std::string> found;
  for (auto entry = users_.lower_bound(hash); entry != users_.end(); ++entry) {
    if (entry->first.compare(0, hash.size(), hash) != 0) break;
    found.push_back(entry->first);
  }
  return found;
}

std::vector<std::string> ShareEntries::UsedBy(std::string_view container) const {
  std::vector<std::string> used;
  for (const auto& [entry, users] : users_) {
    if (users.count(container) != 0) used.push_back(entry);
  }
  return used;
}

bool ShareEntries::HasOtherUsers(const std::string& entry, std::string_view container) const {
  const auto found = users_.find(entry);
  if (found == users_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& user) { return user != container; });
}

std::vector<std::string> ShareEntries::Unused() const {
  std::vector<std::string> unused;
  for (const auto& [entry, users] : users_) {
    if (users.empty()) unused.push_back(entry);
  }
  return unused;
}

void ShareEntries::Add(const std::string& entry, std::string_view container) {
  users_[entry].insert(std::string(container));
}

void ShareEntries::Remove(const std::string& entry, std::string_view container) {
  const auto found = users_.find(entry);
  if (found == users_.end()) return;
  if (const auto user = found->second.find(container); user != found->second.end()) found->second.erase(user);
  if (found->second.empty()) users_.erase(found);
}

}  // namespace virtcontainers
