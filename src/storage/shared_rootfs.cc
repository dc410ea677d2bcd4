#include "storage/shared_rootfs.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/confine.h"
#include "os/descriptor_limit.h"
#include "os/oom_kills.h"
#include "os/process_identity.h"
#include "os/subprocess.h"
#include "os/watched_process.h"
#include "storage/share_directory.h"
#include "storage/share_entries.h"
#include "storage/share_namespace.h"
#include "storage/share_source.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

constexpr int kListenerFd = 3;

// It becomes one part of a path.
Status CheckName(std::string_view container) {
  if (!container.empty() && container != "." && container != ".." &&
      container.find('/') == std::string_view::npos) {
    return {};
  }
  return Fail(Code::kInvalidArgument, "container id " + Quoted(container) + " is no name of a directory");
}

// A source with its place in the share.
struct Shown {
  ShareSource source;
  UniqueFd mounts;  // a copy of the source's, for a new entry
  std::string entry;
};

// The entry that shows `source`, or "".
std::string Find(const ShareDirectory& directory, const ShareEntries& entries, const ShareSource& source) {
  for (std::string& entry : entries.Candidates(source)) {
    if (directory.Shows(entry, source)) return std::move(entry);
  }
  return "";
}

// Takes away the marks of a container, and the entries that nobody else uses. What fails is tried again by
// the next call.
Status TakeAway(const ShareDirectory& directory, ShareEntries& entries, std::string_view container) {
  Status done;
  for (const std::string& entry : entries.UsedBy(container)) {
    Status gone;
    if (!entries.HasOtherUsers(entry, container)) gone = directory.Detach(entry);
    if (gone) gone = directory.Unmark(ShareEntries::MarkOf(entry, container));
    if (gone) {
      entries.Remove(entry, container);
    } else if (done) {
      done = std::move(gone);
    }
  }
  return done;
}

}  // namespace

class SharedRootfs::Impl {
 public:
  Impl(Options options, ShareNamespace share)
      : options_(std::move(options)),
        share_(std::move(share)),
        socket_(options_.run_dir + "/virtiofsd.sock"),
        log_(options_.run_dir + "/virtiofsd.log") {}
  ~Impl() {
    if (process_ != nullptr && !detached_) (void)Stop(Deadline::After(std::chrono::seconds(10)));
  }

  Status Spawn(const Virtiofsd& program);
  // Goes on with the virtiofsd and the entries of a process that has died.
  Status Adopt(const ProcessIdentity& process);

  Result<Places> Add(std::string_view container, const std::string& rootfs, bool readonly,
                     const std::vector<Volume>& volumes);
  Status Remove(std::string_view container);
  Status Stop(Deadline deadline);
  void Detach() {
    detached_ = true;
    process_->Detach();
  }
  std::optional<std::string> exit_reason() const { return process_->exit_reason(); }

  const std::string& socket() const { return socket_; }
  const ProcessIdentity& process() const { return process_->process(); }

 private:
  WatchedProcess::Options WatchOptions();

  const Options options_;
  const ShareNamespace share_;
  const std::string socket_, log_;
  std::atomic<bool> detached_{false};
  std::mutex entries_mutex_;
  ShareEntries entries_;  // under entries_mutex_
  // Kept to refuse, when virtiofsd has ended, whoever waits in the queue. The watcher's, once there is one.
  std::optional<ttrpc::UnixListener> listener_;
  std::unique_ptr<WatchedProcess> process_;  // last: its watcher uses the others
};

WatchedProcess::Options SharedRootfs::Impl::WatchOptions() {
  return {.name = "virtiofsd",
          .log = log_,
          // virtiofsd with namespaces of its own is two processes: one that waits and one that works.
          .kill_children = true,
          .on_end = [this] { listener_.reset(); },
          .on_exit = options_.on_exit};
}

Status SharedRootfs::Impl::Spawn(const Virtiofsd& program) {
  VC_ASSIGN_OR_RETURN(ttrpc::UnixListener listener, ttrpc::ListenUnix(socket_));
  // virtiofsd accepts without waiting for poll.
  const int flags = ::fcntl(listener.fd(), F_GETFL);
  if (flags < 0 || ::fcntl(listener.fd(), F_SETFL, flags & ~O_NONBLOCK) != 0) return FailErrno("fcntl");
  const UniqueFd log(
      ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log) return FailErrno("make " + Quoted(log_));

  const Subprocess::Options spawn = {
      .argv = VirtiofsdArguments(program, options_.run_dir + "/share", kListenerFd, options_.sandbox),
      .env = ConfinedEnvironment(),
      .fds = {{listener.fd(), kListenerFd}, {log.get(), STDOUT_FILENO}, {log.get(), STDERR_FILENO}}};
  const OomKills kills;
  std::optional<Subprocess> child;
  VC_RETURN_IF_ERROR(share_.Run([&]() -> Status {
    VC_ASSIGN_OR_RETURN(Subprocess spawned, Subprocess::Spawn(spawn));
    child.emplace(std::move(spawned));
    return {};
  }));
  listener_.emplace(std::move(listener));
  VC_ASSIGN_OR_RETURN(process_, WatchedProcess::Watch(WatchOptions(), std::move(*child), kills));
  return {};
}

Status SharedRootfs::Impl::Adopt(const ProcessIdentity& process) {
  // Alive now, it was alive when its namespace was opened: that is no other process's.
  if (!IsAlive(process)) {
    return Fail(Code::kNotFound, "virtiofsd (process " + std::to_string(process.pid) + ") has ended");
  }
  const Status known = share_.Edit([&](const ShareDirectory& directory) -> Status {
    VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.Names());
    entries_ = ShareEntries(names);
    for (const std::string& entry : entries_.Unused()) {
      VC_RETURN_IF_ERROR(directory.Detach(entry));
      entries_.Remove(entry, "");
    }
    return {};
  });
  if (!known) return known;
  VC_ASSIGN_OR_RETURN(process_, WatchedProcess::Adopt(WatchOptions(), process));
  return {};
}

Status SharedRootfs::Impl::Stop(Deadline deadline) {
  VC_RETURN_IF_ERROR(process_->Stop(deadline));
  // The host's side of the mount point, an empty directory.
  ::rmdir((options_.run_dir + "/share").c_str());
  return {};
}

Result<SharedRootfs::Places> SharedRootfs::Impl::Add(std::string_view container, const std::string& rootfs,
                                                     bool readonly, const std::vector<Volume>& volumes) {
  VC_RETURN_IF_ERROR(CheckName(container));
  const auto fail = [&](Error error) {
    return Fail(std::move(error).AddContext("share files with " + Quoted(container)));
  };
  std::vector<Shown> shown;
  const auto look = [&](const std::string& path, const ShareSourceOptions& options) -> Status {
    VC_ASSIGN_OR_RETURN(ShareSource source, ShareSource::Open(path, options));
    VC_ASSIGN_OR_RETURN(UniqueFd mounts, source.CopyMounts());
    shown.push_back({std::move(source), std::move(mounts), ""});
    return {};
  };
  Status looked = look(rootfs, {.readonly = readonly, .directory = true});
  for (const Volume& volume : volumes) {
    if (looked) looked = look(volume.source, {.readonly = volume.readonly, .recursive = volume.recursive});
  }
  if (!looked) return fail(std::move(looked.error()));

  const std::lock_guard lock(entries_mutex_);
  if (!entries_.UsedBy(container).empty()) {
    return Fail(Code::kAlreadyExists, "container " + Quoted(container) + " has files in the share");
  }
  ShareEntries added = entries_;
  Status attached = share_.Edit([&](const ShareDirectory& directory) -> Status {
    for (Shown& one : shown) {
      one.entry = Find(directory, added, one.source);
      const bool is_new = one.entry.empty();
      if (is_new) one.entry = ShareEntries::NewName(one.source);
      added.Add(one.entry, container);
      // The mark is first: whoever goes on after this process finds everything that it has to take away.
      Status made = directory.Mark(ShareEntries::MarkOf(one.entry, container));
      if (made && is_new) made = directory.Attach(one.entry, one.source, one.mounts);
      if (!made) {
        (void)TakeAway(directory, added, container);
        return made;
      }
    }
    return {};
  });
  if (!attached) return fail(std::move(attached.error()));
  entries_ = std::move(added);
  Places places{.rootfs = shown.front().entry, .volumes = {}};
  for (size_t i = 1; i < shown.size(); ++i) places.volumes.push_back(std::move(shown[i].entry));
  return places;
}

Status SharedRootfs::Impl::Remove(std::string_view container) {
  VC_RETURN_IF_ERROR(CheckName(container));
  const std::lock_guard lock(entries_mutex_);
  if (entries_.UsedBy(container).empty()) return {};
  return share_.Edit(
      [&](const ShareDirectory& directory) { return TakeAway(directory, entries_, container); });
}

SharedRootfs::SharedRootfs(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SharedRootfs::~SharedRootfs() = default;

Result<std::unique_ptr<SharedRootfs>> SharedRootfs::Create(Options options, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const Virtiofsd program, FindVirtiofsd(options.virtiofsd, deadline));
  VC_RETURN_IF_ERROR(
      CheckDescriptorLimit(HighestDescriptorLimit(kWantedDescriptors), kLeastDescriptors, "virtiofsd"));
  const std::string directory = options.run_dir + "/share", log = options.run_dir + "/virtiofsd.log";
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return FailErrno("make " + Quoted(directory));

  const auto fail = [&](Error error) {
    ::rmdir(directory.c_str());
    ::unlink(log.c_str());
    return Fail(std::move(error).AddContext("share root file systems"));
  };
  Result<ShareNamespace> share = ShareNamespace::Create(directory);
  if (!share) return fail(std::move(share.error()));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(*share));
  if (Status spawned = impl->Spawn(program); !spawned) return fail(std::move(spawned.error()));
  return std::unique_ptr<SharedRootfs>(new SharedRootfs(std::move(impl)));
}

Result<std::unique_ptr<SharedRootfs>> SharedRootfs::Rejoin(Options options,
                                                           const ProcessIdentity& virtiofsd) {
  if (!IsAlive(virtiofsd)) {
    return Fail(Code::kNotFound, "virtiofsd (process " + std::to_string(virtiofsd.pid) + ") has ended");
  }
  VC_ASSIGN_OR_RETURN(ShareNamespace share, ShareNamespace::OfProcess(virtiofsd.pid));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(share));
  VC_RETURN_IF_ERROR(impl->Adopt(virtiofsd));
  return std::unique_ptr<SharedRootfs>(new SharedRootfs(std::move(impl)));
}

const std::string& SharedRootfs::socket() const { return impl_->socket(); }
const ProcessIdentity& SharedRootfs::process() const { return impl_->process(); }
uint64_t SharedRootfs::descriptors() const {
  rlimit limit{};
  if (::prlimit(process().pid, RLIMIT_NOFILE, nullptr, &limit) != 0) return 0;
  return limit.rlim_cur;
}
std::optional<std::string> SharedRootfs::exit_reason() const { return impl_->exit_reason(); }
Result<SharedRootfs::Places> SharedRootfs::Add(std::string_view container, const std::string& rootfs,
                                               bool readonly, const std::vector<Volume>& volumes) {
  return impl_->Add(container, rootfs, readonly, volumes);
}
Status SharedRootfs::Remove(std::string_view container) { return impl_->Remove(container); }
Status SharedRootfs::Stop(Deadline deadline) { return impl_->Stop(deadline); }
void SharedRootfs::Detach() { impl_->Detach(); }

}  // namespace virtcontainers
