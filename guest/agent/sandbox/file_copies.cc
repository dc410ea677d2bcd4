#include "guest/agent/sandbox/file_copies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/errors.h"
#include "os/rooted_path.h"

namespace virtcontainers::guest {

namespace {

using std::chrono::seconds;

constexpr size_t kMaxCopies = 64;
constexpr size_t kMaxName = 128;
constexpr seconds kMaxSilence{60};
constexpr seconds kSweep{1};
constexpr uint64_t kMaxSize = uint64_t{1} << 62;

// Directory and name of an absolute path.
Result<std::pair<std::string, std::string>> SplitPath(const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return Fail(Code::kInvalidArgument, "path " + Quoted(path) + " is not absolute");
  }
  const size_t slash = path.rfind('/');
  std::string name = path.substr(slash + 1);
  if (name.empty() || name == "." || name == ".." || path.find('\0') != std::string::npos) {
    return Fail(Code::kInvalidArgument, "path " + Quoted(path) + " does not name a file");
  }
  return std::pair(path.substr(0, slash + 1), std::move(name));
}

// What a file can be put in the place of: nothing, or what is neither a directory nor mounted on. The kernel
// would take a mount off that is only in another mount namespace than ours.
Status CheckDestination(int directory, const std::string& name) {
  const UniqueFd there(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!there) return errno == ENOENT ? Status() : FailErrno("look at the destination");
  struct statx info {};
  struct statx parent {};
  if (::statx(there.get(), "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &info) < 0 ||
      ::statx(directory, "", AT_EMPTY_PATH, STATX_MNT_ID, &parent) < 0) {
    return FailErrno("look at the destination");
  }
  if (S_ISDIR(info.stx_mode)) return Fail(Code::kFailedPrecondition, "the destination is a directory");
  if (info.stx_mnt_id != parent.stx_mnt_id)
    return Fail(Code::kFailedPrecondition,
                "something is mounted at the destination: copy to where it is from");
  return {};
}

}  // namespace

FileCopies::~FileCopies() {
  for (auto& [key, copy] : copies_) Remove(copy);
  loop_.Cancel(sweep_);
}

Status FileCopies::Write(const Call& call, const std::shared_ptr<Container>& container,
                         const wire::CopyFileChunk& chunk) {
  const auto fail = [&](Error error) {
    return Fail(std::move(error).AddContext("copy " + Quoted(chunk.path()) + " into container " +
                                            Quoted(container->id())));
  };
  if (chunk.copy().empty() || chunk.copy().size() > kMaxName) {
    return fail(Error(Code::kInvalidArgument, "a copy is named by 1 to 128 bytes"));
  }
  const Key key(container->id(), chunk.copy());
  auto known = copies_.find(key);
  if (chunk.offset() == 0) {
    // A host that lost its session begins anew.
    if (known != copies_.end()) {
      Remove(known->second);
      copies_.erase(known);
    }
    Sweep();
    if (copies_.size() >= kMaxCopies) {
      return fail(Error(Code::kResourceExhausted, "64 files are being copied already"));
    }
    known =
        copies_.emplace(key, Copy{call, container, chunk.path(), chunk.size(), 0, {}, {}, {}, {}, {}}).first;
  } else if (known == copies_.end()) {
    return fail(Error(Code::kInvalidArgument, "the copy does not begin at 0, or was given up"));
  }
  Copy& copy = known->second;
  copy.call = call;
  copy.last = EventLoop::Clock::now();
  Status status = chunk.offset() == 0 ? Begin(copy) : Status();
  if (status) status = Append(copy, chunk);
  if (status && copy.written == copy.size) status = Finish(copy, chunk);
  if (!status || copy.written == copy.size) {
    Remove(copy);
    copies_.erase(known);
  }
  Schedule();
  if (!status) return fail(std::move(status.error()));
  return {};
}

Status FileCopies::Begin(Copy& copy) {
  if (copy.size > kMaxSize) return Fail(Code::kInvalidArgument, "no file is that large");
  VC_ASSIGN_OR_RETURN(auto parts, SplitPath(copy.path));
  const auto& init = copy.container->init();
  if (copy.container->state() == Container::State::kCreating || !init || !init->running()) {
    return Fail(Code::kFailedPrecondition, copy.container->Describe() + ": its files are out of reach");
  }
  // Through its first process, for the mounts that only its mount namespace has.
  VC_ASSIGN_OR_RETURN(const RootedPath root,
                      RootedPath::Open("/proc/" + std::to_string(init->pid()) + "/root"));
  VC_ASSIGN_OR_RETURN(copy.directory, root.Open(parts.first, O_PATH | O_DIRECTORY));
  copy.name = std::move(parts.second);
  VC_RETURN_IF_ERROR(CheckDestination(copy.directory.get(), copy.name));
  for (int attempt = 0; attempt < 16 && !copy.file; ++attempt) {
    const auto now = EventLoop::Clock::now().time_since_epoch().count();
    copy.temporary = ".virtcontainers-copy-" + std::to_string(now) + "-" + std::to_string(next_++);
    copy.file.reset(::openat(copy.directory.get(), copy.temporary.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!copy.file && errno != EEXIST) break;
  }
  if (copy.file) return {};
  copy.temporary.clear();
  return FailErrno("make a file in the directory");
}

Status FileCopies::Append(Copy& copy, const wire::CopyFileChunk& chunk) {
  if (chunk.path() != copy.path || chunk.size() != copy.size) {
    return Fail(Code::kInvalidArgument, "a part names another path or size than the first one");
  }
  if (chunk.offset() != copy.written || chunk.data().size() > copy.size - copy.written ||
      (chunk.data().empty() && copy.size > 0)) {
    return Fail(Code::kInvalidArgument, "a part of " + std::to_string(chunk.data().size()) + " bytes at " +
                                            std::to_string(chunk.offset()) + " does not follow the " +
                                            std::to_string(copy.written) + " of " +
                                            std::to_string(copy.size) + " that came");
  }
  std::string_view data = chunk.data();
  while (!data.empty()) {
    const ssize_t count = ::write(copy.file.get(), data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("write");
    data.remove_prefix(static_cast<size_t>(count));
  }
  copy.written += chunk.data().size();
  return {};
}

Status FileCopies::Finish(Copy& copy, const wire::CopyFileChunk& chunk) {
  if (::fchown(copy.file.get(), chunk.uid(), chunk.gid()) < 0) return FailErrno("set the owner");
  // After the owner, whose change would take the set-user-id bit away.
  if (::fchmod(copy.file.get(), chunk.mode() & 07777) < 0) return FailErrno("set the mode");
  VC_RETURN_IF_ERROR(CheckDestination(copy.directory.get(), copy.name));
  const int directory = copy.directory.get();
  if (::renameat(directory, copy.temporary.c_str(), directory, copy.name.c_str()) < 0) {
    return FailErrno("name the file");
  }
  copy.temporary.clear();
  return {};
}

void FileCopies::Remove(Copy& copy) {
  if (!copy.temporary.empty()) ::unlinkat(copy.directory.get(), copy.temporary.c_str(), 0);
  copy.temporary.clear();
}

void FileCopies::GiveUp(const std::string& container_id) {
  for (auto entry = copies_.begin(); entry != copies_.end();) {
    if (entry->first.first != container_id) {
      ++entry;
      continue;
    }
    Remove(entry->second);
    entry = copies_.erase(entry);
  }
}

void FileCopies::Sweep() {
  const auto now = EventLoop::Clock::now();
  for (auto entry = copies_.begin(); entry != copies_.end();) {
    Copy& copy = entry->second;
    const bool ended = copy.container->state() == Container::State::kStopped;
    if (copy.call.live() && !ended && now - copy.last < kMaxSilence) {
      ++entry;
      continue;
    }
    Remove(copy);
    entry = copies_.erase(entry);
  }
  Schedule();
}

void FileCopies::Schedule() {
  if (sweep_ != 0 || copies_.empty()) return;
  sweep_ = loop_.After(kSweep, [this] {
    sweep_ = 0;
    Sweep();
  });
}

}  // namespace virtcontainers::guest
