// Unix sockets of the host in containers of a pod that has no network, on a real VM.

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "fixture.h"

namespace virtcontainers::test {
namespace {

using testing::HasSubstr;

void Send(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    data.remove_prefix(static_cast<size_t>(count));
  }
}

std::string ReadAll(int fd) {
  std::string all, buffer(64 << 10, '\0');
  for (ssize_t count; (count = ::read(fd, buffer.data(), buffer.size())) > 0;)
    all.append(buffer, 0, static_cast<size_t>(count));
  return all;
}

void Echo(int fd) {
  char buffer[64 << 10];
  for (ssize_t count; (count = ::read(fd, buffer, sizeof(buffer))) > 0;)
    Send(fd, std::string_view(buffer, static_cast<size_t>(count)));
}

// A server of the host at `path`, each of whose connections `serve` serves on a thread of its own.
class HostServer {
 public:
  HostServer(const std::string& path, std::function<void(int)> serve)
      : path_(path), serve_(std::move(serve)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 128), 0);
    accepting_ = std::thread([this] { Accept(); });
  }
  ~HostServer() {
    (void)::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    for (Connection& connection : connections_) {
      (void)::shutdown(connection.fd, SHUT_RDWR);
      connection.thread.join();
      ::close(connection.fd);
    }
    ::close(listener_);
    std::filesystem::remove(path_);
  }

 private:
  struct Connection {
    int fd;
    std::thread thread;
  };

  void Accept() {
    for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      connections_.push_back({fd, std::thread([this, fd] {
                                serve_(fd);
                                (void)::shutdown(fd, SHUT_RDWR);
                              })});
    }
  }

  const std::string path_;
  const std::function<void(int)> serve_;
  const int listener_;
  std::thread accepting_;
  std::list<Connection> connections_;
};

// The host's sockets are found through a symbolic link, as those in /var/run are.
class SocketForwardTest : public SharedPodTest<SocketForwardTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    std::filesystem::create_directory(host.dir() + "/sockets");
    std::filesystem::create_directory_symlink(host.dir() + "/sockets", host.dir() + "/link");
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("a", {"sleep", "100000"})};
    pod.containers[0].forward_sockets = {
        {.source = host.dir() + "/link/a.sock", .destination = "/run/deep/a.sock"},
        {.source = host.dir() + "/link/b.sock", .destination = "/b.sock", .mode = 0640, .uid = 7, .gid = 9}};
    return pod;
  }

 protected:
  std::string Socket(const std::string& name) const { return dir() + "/sockets/" + name; }

  // A connection of a client in the container.
  int Connect(const std::string& path = "/run/deep/a.sock", const std::string& container = "a") {
    const auto fd = runtime().Dial(kPod, {.container = container, .path = path});
    EXPECT_OK(fd);
    return fd.value_or(-1);
  }
  // What comes back for `data`, with the end of the client's bytes after it.
  std::string Ask(const std::string& data, const std::string& path = "/run/deep/a.sock",
                  const std::string& container = "a") {
    const int fd = Connect(path, container);
    Send(fd, data);
    (void)::shutdown(fd, SHUT_WR);
    const std::string answer = ReadAll(fd);
    ::close(fd);
    return answer;
  }

  ContainerConfig Other(const std::string& id, const std::string& destination) {
    ContainerConfig config = Container(id);
    config.forward_sockets = {{.source = Socket("a.sock"), .destination = destination}};
    return config;
  }
};

TEST_F(SocketForwardTest, ServerSpeaksFirst_IsHeard) {
  const HostServer server(Socket("a.sock"), [](int fd) { Send(fd, "hello\n"); });
  const int fd = Connect();
  EXPECT_EQ(ReadAll(fd), "hello\n");
  ::close(fd);
}

TEST_F(SocketForwardTest, HalfClose_LeavesTheOtherDirection) {
  const HostServer server(Socket("b.sock"), [](int fd) { Send(fd, std::to_string(ReadAll(fd).size())); });
  EXPECT_EQ(Ask("abc", "/b.sock"), "3");
}

TEST_F(SocketForwardTest, ManyBytes_ComeBackAsTheyWere) {
  const HostServer server(Socket("a.sock"), Echo);
  const std::string noise = NoiseBytes(16 << 20, 3);
  const int fd = Connect();
  std::thread writer([&] {
    Send(fd, noise);
    (void)::shutdown(fd, SHUT_WR);
  });
  const std::string back = ReadAll(fd);
  writer.join();
  ::close(fd);
  EXPECT_TRUE(back == noise) << back.size();
}

TEST_F(SocketForwardTest, MoreConnectionsThanAreServedAtOnce_AllAnswer) {
  const HostServer server(Socket("a.sock"), Echo);
  std::vector<int> fds;
  for (int i = 0; i < 80; ++i) fds.push_back(Connect());
  for (size_t i = 0; i < fds.size(); ++i) {
    Send(fds[i], std::to_string(i));
    (void)::shutdown(fds[i], SHUT_WR);
  }
  for (size_t i = 0; i < fds.size(); ++i) EXPECT_EQ(ReadAll(fds[i]), std::to_string(i));
  for (const int fd : fds) ::close(fd);
}

TEST_F(SocketForwardTest, NobodyListensOnTheHost_ConnectionEndsAndALaterOneIsServed) {
  EXPECT_EQ(Ask("lost"), "");
  const HostServer server(Socket("a.sock"), Echo);
  EXPECT_EQ(Ask("found"), "found");
  EXPECT_THAT(FileContent(root() + "/pods/" + kPod + "/monitor.log"), HasSubstr("/link/a.sock"));
}

TEST_F(SocketForwardTest, Socket_HasItsModeAndOwner) {
  EXPECT_EQ(Enter("a", Shell("stat -c '%F %a %u %g' /run/deep/a.sock /b.sock")).out,
            "socket 666 0 0\nsocket 640 7 9\n");
}

TEST_F(SocketForwardTest, MonitorKilled_ConnectionsEndAndLaterOnesAreServed) {
  const HostServer server(Socket("a.sock"), Echo);
  const int fd = Connect();
  Send(fd, "before");
  char buffer[6];
  ASSERT_EQ(::recv(fd, buffer, sizeof(buffer), MSG_WAITALL), 6);
  const int monitor = StatusOf(kPod).monitor_pid;
  ASSERT_GT(monitor, 0);
  ASSERT_EQ(::kill(monitor, SIGKILL), 0);
  EXPECT_EQ(ReadAll(fd), "");
  ::close(fd);
  EXPECT_EQ(Ask("after"), "after");
  EXPECT_EQ(Ask("again"), "again");
}

TEST_F(SocketForwardTest, ContainerStartedAgain_HasItsSocketAgain) {
  const HostServer server(Socket("a.sock"), Echo);
  // The longest id that there is.
  const std::string id = "again+" + std::string(kMaxIdLength - 6, 'x');
  ASSERT_OK(runtime().CreateContainer(kPod, Other(id, "/tmp/x.sock")));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(runtime().StartContainer(kPod, id));
    EXPECT_EQ(Ask("x", "/tmp/x.sock", id), "x");
    ASSERT_OK(runtime().StopContainer(kPod, id, std::chrono::milliseconds(0)));
  }
  EXPECT_OK(runtime().DeleteContainer(kPod, id));
}

TEST_F(SocketForwardTest, ContainerThatEnds_IsNotKeptByItsSockets) {
  ContainerConfig config = Other("short", "/x.sock");
  config.process.args = {"sh", "-c", "exit 3"};
  config.namespaces.pid = NamespaceOwner::kPod;
  ASSERT_OK(runtime().CreateContainer(kPod, config));
  ASSERT_OK(runtime().StartContainer(kPod, "short"));
  EXPECT_EQ(WaitUntilStopped(kPod, "short").exit->code, 3);
  EXPECT_OK(runtime().DeleteContainer(kPod, "short"));
}

TEST_F(SocketForwardTest, PathThatCannotHaveASocket_FailsTheStart) {
  ContainerConfig readonly = Other("ro", "/x.sock");
  readonly.readonly_rootfs = true;
  ASSERT_OK(runtime().CreateContainer(kPod, readonly));
  EXPECT_FAILS(runtime().StartContainer(kPod, "ro"), Code::kFailedPrecondition,
               "socket '/x.sock' in the container: its directory is read-only: mount a tmpfs there");
  EXPECT_OK(runtime().DeleteContainer(kPod, "ro"));

  const ContainerConfig taken = Other("taken", "/bin/sh");
  ASSERT_OK(runtime().CreateContainer(kPod, taken));
  EXPECT_FAILS(runtime().StartContainer(kPod, "taken"), Code::kAlreadyExists, "something else than a socket");
  EXPECT_OK(runtime().DeleteContainer(kPod, "taken"));
}

TEST_F(SocketForwardTest, Virtc_ForwardsASocket) {
  const HostServer server(Socket("a.sock"), Echo);
  const Finished made = Virtc({"container", "create", kPod, "v", "--rootfs", MakeRootfs("v"),
                               "--forward-socket", Socket("a.sock") + ":/v.sock", "sleep", "1000"});
  EXPECT_EQ(made.code, 0) << made.err;
  ASSERT_OK(runtime().StartContainer(kPod, "v"));
  EXPECT_EQ(Ask("v", "/v.sock", "v"), "v");
  ASSERT_OK(runtime().StopContainer(kPod, "v", std::chrono::milliseconds(0)));
  EXPECT_OK(runtime().DeleteContainer(kPod, "v"));
}

}  // namespace
}  // namespace virtcontainers::test
