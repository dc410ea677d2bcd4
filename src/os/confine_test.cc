#include "os/confine.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "os/confine_filter.h"
#include "os/file.h"
#include "os/marked_process.h"

namespace virtcontainers {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Result<ConfineOrder> Parse(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return ParseConfineCommand(static_cast<int>(words.size()), argv.data());
}

TEST(ConfineCommandTest, Command_EveryField_RoundTrips) {
  Confinement confinement;
  confinement.user = 2013265920;
  confinement.root = {{"/usr", "/lib"}, {"/a dir/vm=linux", "/b"}, {"/dev/null"}};
  confinement.host_network = true;
  confinement.max_file_size = uint64_t{1} << 40;
  const std::vector<std::string> command = {"/usr/bin/qemu", "--", "--user=0", ""};
  const auto order = Parse(ConfineCommand("/proc/self/exe", confinement, 9, command));
  ASSERT_TRUE(order) << order.error().ToString();
  EXPECT_EQ(order->confinement.user, confinement.user);
  EXPECT_EQ(order->confinement.root.directories, confinement.root.directories);
  EXPECT_EQ(order->confinement.root.files, confinement.root.files);
  EXPECT_EQ(order->confinement.root.devices, confinement.root.devices);
  EXPECT_EQ(order->confinement.host_network, confinement.host_network);
  EXPECT_EQ(order->confinement.max_file_size, confinement.max_file_size);
  EXPECT_EQ(order->report_fd, 9);
  EXPECT_EQ(order->command, command);
}

TEST(ConfineCommandTest, Command_UnknownWords_AreRefused) {
  const auto refused = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"monitor", "--confine"});
    const auto order = Parse(std::move(words));
    return !order && order.error().code() == Code::kInvalidArgument;
  };
  EXPECT_FALSE(refused({"--user=1", "--report=9", "--", "/bin/true"}));
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({"--user=0", "--report=9", "--", "/bin/true"})) << "root is no confinement";
  EXPECT_TRUE(refused({"--user=4294967296", "--report=9", "--", "/bin/true"}));
  EXPECT_TRUE(refused({"--user=1x", "--report=9", "--", "/bin/true"}));
  EXPECT_TRUE(refused({"--user=1", "--", "/bin/true"}));
  EXPECT_TRUE(refused({"--user=1", "--report=9"}));
  EXPECT_TRUE(refused({"--user=1", "--report=9", "--", "true"}));
  EXPECT_TRUE(refused({"--user=1", "--report=9", "--directory=", "--", "/bin/true"}));
  EXPECT_TRUE(refused({"--user=1", "--report=9", "--file=etc", "--", "/bin/true"}));
  EXPECT_TRUE(refused({"--user=1", "--report=9", "--unknown", "--", "/bin/true"}));
}

TEST(ConfineCommandTest, IsConfineCommand_FirstArgument_Decides) {
  std::string words[] = {"monitor", "--pod-dir=x", "--confine"};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  EXPECT_FALSE(IsConfineCommand(3, argv));
  EXPECT_FALSE(IsConfineCommand(1, argv));
  std::swap(argv[1], argv[2]);
  EXPECT_TRUE(IsConfineCommand(3, argv));
}

class AwaitConfinedTest : public testing::Test {
 protected:
  AwaitConfinedTest() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }

  Status Await() { return AwaitConfined(reader_.get(), Deadline::After(std::chrono::seconds(20))); }

  Error Failure(const std::string& said) {
    EXPECT_TRUE(WriteAll(writer_.get(), said));
    writer_.reset();
    const Status status = Await();
    return status ? Error(Code::kUnknown, "it succeeded") : status.error();
  }

  UniqueFd reader_, writer_;
};

TEST_F(AwaitConfinedTest, Await_PipeEndsSilently_Succeeds) {
  writer_.reset();
  EXPECT_TRUE(Await());
}

TEST_F(AwaitConfinedTest, Await_ChildReportsError_ReturnsError) {
  const Error error = Failure("7 mount '/usr': Operation not permitted");
  EXPECT_EQ(error.code(), Code::kPermissionDenied);
  EXPECT_EQ(error.message(), "sandbox: mount '/usr': Operation not permitted");
}

TEST_F(AwaitConfinedTest, Await_Malformed_Fails) { EXPECT_EQ(Failure("nonsense").code(), Code::kInternal); }
TEST_F(AwaitConfinedTest, Await_UnknownCode_Fails) { EXPECT_EQ(Failure("0 x").code(), Code::kInternal); }

TEST_F(AwaitConfinedTest, Await_DeadlinePasses_Fails) {
  EXPECT_EQ(AwaitConfined(reader_.get(), Deadline::After(std::chrono::nanoseconds(0))).error().code(),
            Code::kDeadlineExceeded);
}

TEST(ConfinedEnvironmentTest, ConfinedEnvironment_SecretInEnvironment_IsOmitted) {
  ::setenv("SECRET_TOKEN", "x", 1);
  ::setenv(kPodMark, "/run/web", 1);
  const std::vector<std::string> environment = ConfinedEnvironment();
  EXPECT_THAT(environment, Contains(std::string(kPodMark) + "=/run/web"));
  EXPECT_THAT(environment, Contains(StartsWith("PATH=")));
  EXPECT_THAT(environment, Each(Not(HasSubstr("SECRET"))));
  ::unsetenv("SECRET_TOKEN");
  ::unsetenv(kPodMark);
}

TEST(ConfinedRootTest, IsBelow_PrefixOfName_IsFalse) {
  EXPECT_TRUE(IsBelow("/usr", {"/lib", "/usr"}));
  EXPECT_TRUE(IsBelow("/usr/lib/x", {"/usr"}));
  EXPECT_FALSE(IsBelow("/usrlocal", {"/usr"}));
  EXPECT_FALSE(IsBelow("/us", {"/usr"}));
  EXPECT_FALSE(IsBelow("/usr", {}));
}

// The filter stays with a process for ever: each is a child of the test's.
void WithFilter(int (*attempt)()) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !InstallFilter(ConfineFilter())) ::_exit(100);
  ::_exit(attempt());
}

int Refused(long result) { return result >= 0 ? 0 : errno; }

TEST(ConfineFilterTest, Filter_UsualCalls_AreAllowed) {
  EXPECT_EXIT(WithFilter([] { return Refused(::open("/dev/null", O_RDWR | O_CLOEXEC)); }),
              testing::ExitedWithCode(0), "");
  EXPECT_EXIT(WithFilter([] { return Refused(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }),
              testing::ExitedWithCode(0), "");
  EXPECT_EXIT(WithFilter([] { return Refused(::prctl(PR_SET_NAME, "x")); }), testing::ExitedWithCode(0), "");
}

TEST(ConfineFilterTest, Filter_NetworkSockets_AreRefused) {
  EXPECT_EXIT(WithFilter([] { return Refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }),
              testing::ExitedWithCode(EPERM), "");
  EXPECT_EXIT(WithFilter([] { return Refused(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)); }),
              testing::ExitedWithCode(EPERM), "");
  EXPECT_EXIT(WithFilter([] { return Refused(::syscall(SYS_io_uring_setup, 0, nullptr)); }),
              testing::ExitedWithCode(EPERM), "");
}

void WithInternet(int (*attempt)()) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !InstallFilter(ConfineFilter(true))) ::_exit(100);
  ::_exit(attempt());
}

TEST(ConfineFilterTest, Filter_WithInternet_AllowsItsSocketsOnly) {
  EXPECT_EXIT(WithInternet([] { return Refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }),
              testing::ExitedWithCode(0), "");
  EXPECT_EXIT(WithInternet([] { return Refused(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }),
              testing::ExitedWithCode(0), "");
  EXPECT_EXIT(WithInternet([] { return Refused(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)); }),
              testing::ExitedWithCode(EPERM), "");
  EXPECT_EXIT(WithInternet([] { return Refused(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)); }),
              testing::ExitedWithCode(EPERM), "");
}

TEST(ConfineFilterTest, Filter_KeyctlAndBpf_AreRefused) {
  EXPECT_EXIT(WithFilter([] { return Refused(::syscall(SYS_keyctl, 0, 0, 0)); }),
              testing::ExitedWithCode(EPERM), "");
  EXPECT_EXIT(WithFilter([] { return Refused(::syscall(SYS_bpf, 0, nullptr, 0)); }),
              testing::ExitedWithCode(EPERM), "");
}

#ifdef __x86_64__
TEST(ConfineFilterTest, Filter_OtherAbis_AreRefused) {
  EXPECT_EXIT(WithFilter([] { return Refused(::syscall(0x40000000 + SYS_getpid)); }),
              testing::ExitedWithCode(EPERM), "");
}
#endif

}  // namespace
}  // namespace virtcontainers
