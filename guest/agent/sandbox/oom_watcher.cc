#include "guest/agent/sandbox/oom_watcher.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest/agent/os/file.h"

namespace virtcontainers::guest {

namespace {

uint64_t Kills(const std::string& path) {
  constexpr std::string_view kKey = "oom_kill ";
  const auto events = ReadFile(path);
  if (!events) return 0;
  const size_t at = events->find(kKey);
  if (at == std::string::npos) return 0;
  uint64_t count = 0;
  std::from_chars(events->data() + at + kKey.size(), events->data() + events->size(), count);
  return count;
}

}  // namespace

OomWatcher::~OomWatcher() {
  if (inotify_) loop_.Remove(inotify_.get());
}

bool OomWatcher::Start() {
  if (inotify_) return true;
  inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_) return false;
  return loop_.Add(inotify_.get(), EPOLLIN, [this](uint32_t) { OnEvent(); }).has_value();
}

void OomWatcher::Add(const std::string& container_id, const std::string& cgroup_path) {
  if (cgroup_path.empty() || !Start()) return;
  const std::string path = cgroup_path + "/memory.events";
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), IN_MODIFY);
  if (watch >= 0) watched_[watch] = Watched{container_id, path};
}

void OomWatcher::Remove(const std::string& container_id) {
  for (auto entry = watched_.begin(); entry != watched_.end(); ++entry) {
    if (entry->second.container_id != container_id) continue;
    // The last news may not have been read yet.
    Check(entry->second);
    ::inotify_rm_watch(inotify_.get(), entry->first);
    watched_.erase(entry);
    return;
  }
}

void OomWatcher::OnEvent() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (count <= 0) return;
    for (ssize_t offset = 0; offset < count;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + offset);
      offset += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const auto watched = watched_.find(event->wd);
      if (watched != watched_.end()) Check(watched->second);
    }
  }
}

void OomWatcher::Check(Watched& watched) {
  const uint64_t kills = Kills(watched.events_path);
  if (kills <= watched.kills) return;
  watched.kills = kills;
  if (events_.size() >= kMaxEvents) events_.pop_front();
  events_.push_back(watched.container_id);
  Deliver();
}

void OomWatcher::Deliver() {
  while (!calls_.empty() && !events_.empty()) {
    const Call call = std::move(calls_.front());
    calls_.pop_front();
    if (!call.live()) continue;
    grpc::OOMEvent event;
    event.set_container_id(events_.front());
    // A session that ends before the news is out gives it back.
    call.Answer(event, [this, id = events_.front()] { events_.push_front(id); });
    events_.pop_front();
  }
}

void OomWatcher::Next(Call call) {
  std::erase_if(calls_, [](const Call& waiting) { return !waiting.live(); });
  if (calls_.size() >= kMaxCalls) {
    return call.Fail(Error(Code::kResourceExhausted, "too many calls wait for an event already"));
  }
  calls_.push_back(std::move(call));
  Deliver();
}

}  // namespace virtcontainers::guest
