// Network namespaces of a test's own. For tests only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TEST_NAMESPACES_H_
#define VIRTCONTAINERS_SRC_NETWORK_TEST_NAMESPACES_H_

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "os/subprocess.h"

namespace virtcontainers {

// A network and a mount namespace, which end with the object and with what runs in them. Needs root.
class SocketSpace {
 public:
  SocketSpace() {
    std::thread([this] {
      ASSERT_EQ(::unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_FS), 0);
      ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
      network_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      mounts_.reset(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    }).join();
    Configure({"link set lo up"});
  }

  // Runs `body` in a thread in the namespaces; sockets that it makes stay there, and processes, too.
  void Run(const std::function<void()>& body) const {
    std::thread([&] {
      ASSERT_EQ(::unshare(CLONE_FS), 0);
      ASSERT_EQ(::setns(network_.get(), CLONE_NEWNET), 0);
      ASSERT_EQ(::setns(mounts_.get(), CLONE_NEWNS), 0);
      body();
    }).join();
  }

  // Arguments of ip(8), separated by spaces.
  void Configure(const std::vector<std::string>& commands) const {
    Run([&] {
      for (const std::string& command : commands) {
        std::vector<std::string> argv = {"ip"};
        for (size_t at = 0; at < command.size();) {
          const size_t end = std::min(command.find(' ', at), command.size());
          argv.push_back(command.substr(at, end - at));
          at = end + 1;
        }
        const auto done = RunCommand(argv, Deadline::After(std::chrono::seconds(10)));
        EXPECT_TRUE(done) << command << ": " << done.error().ToString();
      }
    });
  }

 private:
  UniqueFd network_, mounts_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TEST_NAMESPACES_H_
