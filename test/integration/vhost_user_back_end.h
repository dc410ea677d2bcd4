// The end of a vhost-user connection that serves a network device, as far as to say what a VMM asks for: it
// agrees to everything and moves no frame. (QEMU, docs/interop/vhost-user.rst)

#ifndef VIRTCONTAINERS_TEST_INTEGRATION_VHOST_USER_BACK_END_H_
#define VIRTCONTAINERS_TEST_INTEGRATION_VHOST_USER_BACK_END_H_

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace virtcontainers::test {

class VhostUserBackEnd {
 public:
  enum Request : uint32_t { kGetFeatures = 1, kSetMemoryTable = 5, kGetVringBase = 11, kSetVringKick = 12 };

  explicit VhostUserBackEnd(UniqueFd socket) : socket_(std::move(socket)), thread_([this] { Serve(); }) {}
  ~VhostUserBackEnd() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }

  // How often the VMM has sent a request, and the descriptors that came with it.
  struct Seen {
    int times = 0;
    int descriptors = 0;
  };
  Seen seen(Request request) {
    const std::lock_guard lock(mutex_);
    return seen_[request];
  }

 private:
  struct Header {
    uint32_t request = 0, flags = 0, size = 0;
  };
  static constexpr uint32_t kVersion = 1, kReply = 4;
  static constexpr uint64_t kVersion1 = 1ull << 32;  // VIRTIO_F_VERSION_1

  void Serve() {
    Header header;
    for (int descriptors = 0; Receive(header, descriptors); descriptors = 0) {
      std::vector<char> payload(header.size);
      if (header.size != 0 && ::recv(socket_.get(), payload.data(), payload.size(), MSG_WAITALL) <= 0) return;
      {
        const std::lock_guard lock(mutex_);
        ++seen_[header.request].times;
        seen_[header.request].descriptors += descriptors;
      }
      // The state of a ring is its number and its position.
      if (header.request == kGetFeatures) Answer(header.request, kVersion1);
      if (header.request == kGetVringBase) Answer(header.request, 0);
    }
  }

  bool Receive(Header& header, int& descriptors) {
    iovec data{&header, sizeof(header)};
    union {
      char bytes[CMSG_SPACE(8 * sizeof(int))];
      cmsghdr aligned;
    } control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    if (::recvmsg(socket_.get(), &message, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(header)) return false;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_type != SCM_RIGHTS) continue;
      const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
        ::close(fd);
        ++descriptors;
      }
    }
    return true;
  }

  void Answer(uint32_t request, uint64_t value) {
    struct {
      Header header;
      char payload[sizeof(uint64_t)];
    } answer{{request, kVersion | kReply, sizeof(uint64_t)}, {}};
    std::memcpy(answer.payload, &value, sizeof(value));
    (void)!::send(socket_.get(), &answer, sizeof(Header) + sizeof(uint64_t), MSG_NOSIGNAL);
  }

  const UniqueFd socket_;
  std::mutex mutex_;
  std::map<uint32_t, Seen> seen_;
  std::thread thread_;
};

}  // namespace virtcontainers::test

#endif  // VIRTCONTAINERS_TEST_INTEGRATION_VHOST_USER_BACK_END_H_
