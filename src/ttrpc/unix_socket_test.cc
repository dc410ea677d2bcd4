#include "ttrpc/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace virtcontainers::ttrpc {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class UnixSocketTest : public ::testing::Test {
 protected:
  UnixSocketTest() {
    char pattern[] = "/tmp/unix-socket-test-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    path_ = directory_ + "/a.sock";
  }
  ~UnixSocketTest() override { fs::remove_all(directory_); }

  size_t Entries(const std::string& directory) const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
  }

  std::string directory_;
  std::string path_;
};

TEST_F(UnixSocketTest, Connect_ToListener_Succeeds) {
  const auto listener = ListenUnix(path_);
  ASSERT_TRUE(listener) << listener.error().ToString();
  const auto client = ConnectUnix(path_, Deadline::After(10s));
  ASSERT_TRUE(client) << client.error().ToString();
  const UniqueFd server(::accept4(listener->fd(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(server);
  const auto peer = UnixPeer(server.get());
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->pid, ::getpid());
}

TEST_F(UnixSocketTest, Listen_PathOfAnyLength_Succeeds) {
  std::string long_directory = directory_;
  for (int i = 0; i < 5; ++i) long_directory += "/" + std::string(100, 'd');
  fs::create_directories(long_directory);
  const std::string path = long_directory + "/" + std::string(200, 'n');
  {
    const auto listener = ListenUnix(path);
    ASSERT_TRUE(listener) << listener.error().ToString();
    EXPECT_TRUE(ConnectUnix(path, Deadline::After(10s)));
    EXPECT_EQ(Entries(long_directory), 1u);
  }
  EXPECT_EQ(Entries(long_directory), 0u);
}

TEST_F(UnixSocketTest, Listen_Socket_HasModeOfOwner) {
  const auto listener = ListenUnix(path_);
  struct stat info {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(UnixSocketTest, Listen_DeadSocketIsThere_ReplacesIt) {
  std::string dead = path_ + ".dead";
  {
    const auto listener = ListenUnix(path_);
    ASSERT_EQ(::link(path_.c_str(), dead.c_str()), 0);
  }
  ASSERT_EQ(::rename(dead.c_str(), path_.c_str()), 0);
  const auto refused = ConnectUnix(path_, Deadline::After(10s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  const auto listener = ListenUnix(path_);
  ASSERT_TRUE(listener) << listener.error().ToString();
  EXPECT_TRUE(ConnectUnix(path_, Deadline::After(10s)));
}

TEST_F(UnixSocketTest, Listen_PathIsTaken_Fails) {
  const auto listener = ListenUnix(path_);
  const auto second = ListenUnix(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
  const std::string file = directory_ + "/file";
  ASSERT_TRUE(UniqueFd(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
  const auto third = ListenUnix(file);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), Code::kAlreadyExists);
  EXPECT_TRUE(fs::exists(file));
}

TEST_F(UnixSocketTest, Destructor_PathIsAnothers_KeepsIt) {
  auto first = ListenUnix(path_);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  // The inode number must not be the one that has just become free.
  ASSERT_TRUE(UniqueFd(::open((path_ + ".x").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
  const auto second = ListenUnix(path_);
  ASSERT_TRUE(second);
  { const UnixListener gone = *std::move(first); }
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketTest, Connect_NothingIsThere_Fails) {
  const auto client = ConnectUnix(path_, Deadline::After(10s));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code(), Code::kUnavailable);
  EXPECT_EQ(client.error().message(), "no socket is at '" + path_ + "'");
  const auto listener = ListenUnix(directory_ + "/missing/a.sock");
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code(), Code::kNotFound);
  EXPECT_FALSE(ListenUnix(directory_ + "/"));
}

// Another pod's, or another program's.
TEST_F(UnixSocketTest, ConnectUnix_OverALink_IsUnavailable) {
  const auto listener = ListenUnix(path_);
  ASSERT_TRUE(listener);
  fs::create_symlink(path_, directory_ + "/link.sock");
  fs::create_symlink(directory_, directory_ + "/link");
  std::ofstream(directory_ + "/file");
  const std::string name = fs::path(path_).filename();
  for (const std::string& path : {directory_ + "/link.sock", directory_ + "/link/" + name,
                                  directory_ + "/file", directory_ + "/file/" + name}) {
    const auto client = ConnectUnix(path, Deadline::After(10s));
    ASSERT_FALSE(client) << path;
    EXPECT_EQ(client.error().code(), Code::kUnavailable) << path;
  }
}

TEST_F(UnixSocketTest, Connect_ListenerIsBusy_FailsAtDeadline) {
  const auto listener = ListenUnix(path_);
  ASSERT_EQ(::listen(listener->fd(), 0), 0);
  std::vector<UniqueFd> queued;
  while (true) {
    auto client = ConnectUnix(path_, Deadline::After(5ms));
    if (!client) {
      EXPECT_EQ(client.error().code(), Code::kDeadlineExceeded);
      break;
    }
    queued.push_back(*std::move(client));
  }
  EXPECT_GE(queued.size(), 1u);
}

TEST(MayCommand, MayCommand_UserAndRoot_IsTrue) {
  EXPECT_TRUE(MayCommand(1000, 1000));
  EXPECT_TRUE(MayCommand(0, 1000));
  EXPECT_FALSE(MayCommand(1001, 1000));
  EXPECT_FALSE(MayCommand(1001, 0));
}

}  // namespace
}  // namespace virtcontainers::ttrpc
