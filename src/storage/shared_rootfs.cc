#include "storage/shared_rootfs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/confine.h"
#include "os/descriptor_limit.h"
#include "os/file.h"
#include "os/oom_kills.h"
#include "os/pidfd.h"
#include "os/process_identity.h"
#include "os/subprocess.h"
#include "os/thread.h"
#include "storage/share_directory.h"
#include "storage/share_entries.h"
#include "storage/share_namespace.h"
#include "storage/share_source.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

constexpr int kListenerFd = 3;
constexpr size_t kMaxLog = 2 << 10;
// What virtiofsd has left to do when it is killed.
constexpr auto kEnding = std::chrono::seconds(10);

// It becomes one part of a path.
Status CheckName(std::string_view container) {
  if (!container.empty() && container != "." && container != ".." &&
      container.find('/') == std::string_view::npos) {
    return {};
  }
  return Fail(Code::kInvalidArgument, "container id " + Quoted(container) + " is no name of a directory");
}

// The last words of a log, on one line.
std::string LastWords(const std::string& path) {
  std::string words = ReadFileTail(path, kMaxLog).value_or("");
  while (!words.empty() && words.back() == '\n') words.pop_back();
  for (char& c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') c = ';';
    if (byte < 0x20 || byte >= 0x7f) c = c == ';' ? ';' : '?';
  }
  return words;
}

// virtiofsd with namespaces of its own is two processes: one that waits and one that works.
std::vector<ProcessIdentity> ChildrenOf(pid_t pid) {
  const std::string process = std::to_string(pid);
  const std::string list =
      ReadFile("/proc/" + process + "/task/" + process + "/children", 64 << 10).value_or("");
  std::vector<ProcessIdentity> children;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(' ', at), list.size());
    const pid_t child = static_cast<pid_t>(std::strtol(list.substr(at, end - at).c_str(), nullptr, 10));
    if (child > 0) {
      if (auto identity = IdentifyProcess(child)) children.push_back(std::move(*identity));
    }
    at = end + 1;
  }
  return children;
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
  ~Impl();

  Status Spawn(const Virtiofsd& program);
  // Goes on with the virtiofsd and the entries of a process that has died.
  Status Adopt(const ProcessIdentity& process);

  Result<Places> Add(std::string_view container, const std::string& rootfs, bool readonly,
                     const std::vector<Volume>& volumes);
  Status Remove(std::string_view container);
  Status Stop(Deadline deadline);
  void Detach();
  std::optional<std::string> exit_reason() const;

  const std::string& socket() const { return socket_; }
  const ProcessIdentity& process() const { return process_; }

 private:
  Status Watch();
  void WatchLoop();
  void Kill();
  bool WaitEnd(Deadline deadline);

  const Options options_;
  const ShareNamespace share_;
  const std::string socket_, log_;
  std::mutex entries_mutex_;
  ShareEntries entries_;  // under entries_mutex_
  ProcessIdentity process_;
  std::optional<Subprocess> child_;  // the watcher's, once there is one; nothing if it was adopted
  UniqueFd pidfd_;
  UniqueFd wake_;  // an eventfd: the watcher is to leave

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<std::string> exit_reason_;
  const OomKills oom_kills_;  // from virtiofsd's start on
  // Kept to refuse, when virtiofsd has ended, whoever waits in the queue.
  std::optional<ttrpc::UnixListener> listener_;
  bool expected_ = false;  // that it ends
  bool detached_ = false;
  std::thread watcher_;
};

SharedRootfs::Impl::~Impl() {
  bool detached = false;
  {
    const std::lock_guard lock(mutex_);
    expected_ = true;
    detached = detached_;
  }
  if (!detached) (void)Stop(Deadline::After(kEnding));
  if (watcher_.joinable()) {
    const uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    watcher_.join();
  }
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
  VC_RETURN_IF_ERROR(share_.Run([&]() -> Status {
    VC_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Spawn(spawn));
    child_.emplace(std::move(child));
    return {};
  }));
  listener_.emplace(std::move(listener));
  Result<ProcessIdentity> identity = IdentifyProcess(child_->pid());
  Status watched = identity ? Watch() : Status(Fail(std::move(identity.error())));
  if (!watched) {
    (void)child_->Kill(SIGKILL);
    (void)child_->Wait(Deadline::Infinite());
    return watched;
  }
  process_ = std::move(*identity);
  return {};
}

Status SharedRootfs::Impl::Adopt(const ProcessIdentity& process) {
  process_ = process;
  pidfd_.reset(OpenPidfd(process.pid));
  // In this order: the process that the descriptor stands for is the one that is checked.
  if (!pidfd_ || !IsAlive(process)) {
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
  return Watch();
}

Status SharedRootfs::Impl::Watch() {
  wake_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!wake_) return FailErrno("eventfd");
  VC_ASSIGN_OR_RETURN(watcher_, StartThread([this] { WatchLoop(); }));
  return {};
}

void SharedRootfs::Impl::WatchLoop() {
  pollfd fds[] = {{child_ ? child_->pidfd() : pidfd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  if (fds[0].revents == 0) return;

  std::string reason = "virtiofsd has ended";
  if (child_) {
    const Result<ProcessExit> exit = child_->Wait(Deadline::Infinite());
    reason = "virtiofsd " + (exit ? exit->Describe() : exit.error().message());
    const bool killed = exit && exit->signaled && exit->value == SIGKILL;
    if (const std::string why = killed ? oom_kills_.Since() : ""; !why.empty()) reason += ": " + why;
  }
  if (const std::string words = LastWords(log_); !words.empty()) reason += ": " + words;
  bool expected = false;
  {
    const std::lock_guard lock(mutex_);
    exit_reason_ = reason;
    listener_.reset();
    expected = expected_;
    ended_.notify_all();
  }
  if (!expected && options_.on_exit) options_.on_exit(std::move(reason));
}

void SharedRootfs::Impl::Kill() {
  // The one that works first: killed, the other would leave it behind for a moment.
  for (const ProcessIdentity& child : ChildrenOf(process_.pid)) {
    (void)KillAndWait(child, Deadline::After(kEnding));
  }
  if (child_) {
    (void)child_->Kill(SIGKILL);
  } else {
    (void)SendPidfdSignal(pidfd_.get(), SIGKILL);
  }
}

bool SharedRootfs::Impl::WaitEnd(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto ended = [this] { return exit_reason_.has_value(); };
  if (!deadline.infinite()) return ended_.wait_until(lock, deadline.time(), ended);
  ended_.wait(lock, ended);
  return true;
}

Status SharedRootfs::Impl::Stop(Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    expected_ = true;
    if (!watcher_.joinable()) return {};
  }
  if (!exit_reason()) {
    Kill();
    if (!WaitEnd(deadline)) return Fail(Code::kDeadlineExceeded, "virtiofsd did not end in time");
  }
  // The host's side of the mount point, an empty directory.
  ::rmdir((options_.run_dir + "/share").c_str());
  return {};
}

void SharedRootfs::Impl::Detach() {
  const std::lock_guard lock(mutex_);
  detached_ = true;
}

std::optional<std::string> SharedRootfs::Impl::exit_reason() const {
  const std::lock_guard lock(mutex_);
  return exit_reason_;
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
