#include "network/namespace_holder.h"

#include <signal.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/network_namespace.h"
#include "network/test_network.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/process_identity.h"
#include "os/process_usage.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;

constexpr char kTestMark[] = "network-test-holder";

class NamespaceHolderTest : public testing::Test {
 protected:
  void SetUp() override { VC_SKIP_UNLESS_ROOT(); }
  void TearDown() override {
    EXPECT_TRUE(KillMarkedProcesses([](std::string_view mark) { return mark == kTestMark; }, Soon()));
  }

  static Result<NamespaceHolder> Start(const std::string& program = VC_NETNS_PROGRAM) {
    return NamespaceHolder::Start({program, MarkedEnvironment(kTestMark)}, Soon());
  }
  // A process in the place of a VM.
  static Subprocess StartVm() {
    return TestNamespace::Made(Subprocess::Spawn({.argv = {"/bin/sleep", "1000"}}));
  }
  static ProcessIdentity Identity(const Subprocess& process) {
    return TestNamespace::Made(IdentifyProcess(process.pid()));
  }
};

TEST_F(NamespaceHolderTest, Start_NamespaceIsNew_WithLoopbackUp) {
  auto holder = Start();
  ASSERT_TRUE(holder) << holder.error().ToString();
  EXPECT_TRUE(IsAlive(holder->process()));
  const auto space = NetworkNamespace::Open(holder->path());
  ASSERT_TRUE(space) << space.error().ToString();
  EXPECT_TRUE(space->CheckNotCallers());
  const auto links = InNamespace(*space, [] { return RunCommand({"ip", "-br", "link"}, Soon()); });
  ASSERT_TRUE(links);
  EXPECT_THAT(*links, HasSubstr("LOOPBACK,UP"));
  EXPECT_TRUE(holder->Stop(Soon()));
  EXPECT_FALSE(IsAlive(holder->process()));
  EXPECT_TRUE(holder->Stop(Soon()));
}

TEST_F(NamespaceHolderTest, Process_MayAndHasNothing) {
  const auto holder = Start();
  ASSERT_TRUE(holder);
  const std::string proc = "/proc/" + std::to_string(holder->process().pid);
  const std::string status = ReadFile(proc + "/status", 1 << 16).value_or("");
  for (const char* set : {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"})
    EXPECT_THAT(status, HasSubstr(std::string(set) + "\t0000000000000000")) << set;
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  const auto files = RunCommand({"ls", proc + "/fd"}, Soon());
  ASSERT_TRUE(files);
  EXPECT_EQ(*files, "3\n");
  const auto memory = ReadFile(proc + "/smaps_rollup", 1 << 16);
  ASSERT_TRUE(memory);
  const size_t at = memory->find("Pss:");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::stoul(memory->substr(at + 4)), 1024u) << "kB";
}

TEST_F(NamespaceHolderTest, Process_IsFoundByMark) {
  const auto holder = Start();
  ASSERT_TRUE(holder);
  const auto marked = IsMarked(holder->process(), [](std::string_view mark) { return mark == kTestMark; });
  ASSERT_TRUE(marked);
  EXPECT_TRUE(*marked);
}

TEST_F(NamespaceHolderTest, Unbound_ObjectGoes_HolderEnds) {
  ProcessIdentity process;
  {
    const auto holder = Start();
    ASSERT_TRUE(holder);
    process = holder->process();
  }
  EXPECT_FALSE(IsAlive(process));
}

// The monitor's program ends by a signal: nothing of this class runs.
TEST_F(NamespaceHolderTest, Unbound_StarterKilled_HolderEnds) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd ours(ends[0]), theirs(ends[1]);
  auto child = Subprocess::Spawn(
      {.argv = {VC_NETNS_PROGRAM}, .env = MarkedEnvironment(kTestMark), .fds = {{theirs.get(), 3}}});
  ASSERT_TRUE(child);
  theirs.reset();
  char text[16];
  ASSERT_EQ(::recv(ours.get(), text, sizeof(text), 0), 5);
  ours.reset();
  const auto exit = child->Wait(Soon());
  ASSERT_TRUE(exit);
  EXPECT_TRUE(exit->success()) << exit->Describe();
}

TEST_F(NamespaceHolderTest, Bound_ObjectGoes_HolderLivesUntilVmEnds) {
  Subprocess vm = StartVm();
  ProcessIdentity process;
  {
    auto holder = Start();
    ASSERT_TRUE(holder);
    process = holder->process();
    const Status bound = holder->Bind(Identity(vm), Soon());
    ASSERT_TRUE(bound) << bound.error().ToString();
    EXPECT_TRUE(holder->bound());
    const Status again = holder->Bind(Identity(vm), Soon());
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Code::kFailedPrecondition);
  }
  EXPECT_TRUE(IsAlive(process));
  const auto rejoined = NamespaceHolder::Rejoin(process);
  ASSERT_TRUE(rejoined);
  EXPECT_TRUE(NetworkNamespace::Open(rejoined->path()));

  ASSERT_TRUE(vm.Kill(SIGKILL));
  ASSERT_TRUE(vm.Wait(Soon()));
  EXPECT_TRUE(EventuallyTrue([&] { return !IsAlive(process); }));
  const auto gone = NamespaceHolder::Rejoin(process);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), Code::kNotFound);
}

TEST_F(NamespaceHolderTest, Bound_Stop_EndsHolder) {
  Subprocess vm = StartVm();
  auto holder = Start();
  ASSERT_TRUE(holder);
  ASSERT_TRUE(holder->Bind(Identity(vm), Soon()));
  auto rejoined = NamespaceHolder::Rejoin(holder->process());
  ASSERT_TRUE(rejoined);
  EXPECT_TRUE(rejoined->Stop(Soon()));
  EXPECT_FALSE(IsAlive(holder->process()));
  ASSERT_TRUE(vm.Kill(SIGKILL));
  ASSERT_TRUE(vm.Wait(Soon()));
}

TEST_F(NamespaceHolderTest, Bind_ReusedPid_IsNotTaken) {
  Subprocess vm = StartVm();
  auto holder = Start();
  ASSERT_TRUE(holder);
  ProcessIdentity other = Identity(vm);
  ++other.start_time;
  const Status bound = holder->Bind(other, Soon());
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code(), Code::kNotFound);
  EXPECT_FALSE(holder->bound());
  ASSERT_TRUE(vm.Kill(SIGKILL));
  ASSERT_TRUE(vm.Wait(Soon()));
}

TEST_F(NamespaceHolderTest, Bind_HolderKilled_Fails) {
  Subprocess vm = StartVm();
  auto holder = Start();
  ASSERT_TRUE(holder);
  ASSERT_TRUE(KillAndWait(holder->process(), Soon()));
  EXPECT_FALSE(holder->Bind(Identity(vm), Soon()));
  EXPECT_TRUE(holder->Stop(Soon()));
  ASSERT_TRUE(vm.Kill(SIGKILL));
  ASSERT_TRUE(vm.Wait(Soon()));
}

TEST_F(NamespaceHolderTest, Start_BadProgram_Fails) {
  const auto missing = Start("/nowhere/virtcontainers-netns");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_FALSE(Start("/bin/false"));
}

TEST(NamespaceHolderProgramTest, Program_StandsBesideMonitor) {
  EXPECT_EQ(NamespaceHolderProgram("/usr/libexec/virtcontainers/virtcontainers-monitor"),
            "/usr/libexec/virtcontainers/virtcontainers-netns");
}

}  // namespace
}  // namespace virtcontainers
