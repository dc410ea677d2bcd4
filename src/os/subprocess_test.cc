#include "os/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "base/test_deadline.h"
#include "os/poll.h"
#include "os/process_identity.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  // Everything until the end.
  std::string Drain() {
    writer.reset();
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = ::read(reader.get(), buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<size_t>(got));
    return text;
  }
  UniqueFd reader, writer;
};

Subprocess::Options Command(std::vector<std::string> argv, std::vector<std::pair<int, int>> fds = {}) {
  return {.argv = std::move(argv), .env = {}, .fds = std::move(fds)};
}

// A `cat` that has answered once: what the loader had open is closed.
class Cat {
 public:
  explicit Cat(std::vector<std::pair<int, int>> more = {}) {
    more.push_back({in_.reader.get(), 0});
    more.push_back({out_.writer.get(), 1});
    Result<Subprocess> spawned = Subprocess::Spawn(Command({"cat"}, std::move(more)));
    EXPECT_TRUE(spawned);
    child_.emplace(std::move(*spawned));
    char byte = 'x';
    EXPECT_EQ(::write(in_.writer.get(), &byte, 1), 1);
    EXPECT_EQ(::read(out_.reader.get(), &byte, 1), 1);
  }
  ~Cat() {
    in_.writer.reset();
    EXPECT_TRUE(child_->Wait(Soon())->success());
  }

  std::vector<std::string> Descriptors() const {
    std::vector<std::string> numbers;
    for (const auto& entry : std::filesystem::directory_iterator(Proc("fd")))
      numbers.push_back(entry.path().filename());
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }
  std::string Target(int fd) const { return std::filesystem::read_symlink(Proc("fd/") + std::to_string(fd)); }
  std::string StatusLine(const std::string& name) const {
    std::ifstream status(Proc("status"));
    for (std::string line; std::getline(status, line);) {
      if (line.rfind(name + ":\t", 0) == 0) return line.substr(name.size() + 2);
    }
    return "no " + name;
  }
  pid_t pid() const { return child_->pid(); }

 private:
  std::string Proc(const std::string& name) const {
    return "/proc/" + std::to_string(child_->pid()) + "/" + name;
  }

  Pipe in_, out_;
  std::optional<Subprocess> child_;
};

TEST(Subprocess, Wait_ExitOrSignal_ReturnsStatus) {
  Result<Subprocess> fails = Subprocess::Spawn(Command({"sh", "-c", "exit 3"}));
  ASSERT_TRUE(fails);
  const Result<ProcessExit> exit = fails->Wait(Soon());
  ASSERT_TRUE(exit);
  EXPECT_FALSE(exit->success());
  EXPECT_EQ(exit->Describe(), "exited with status 3");
  EXPECT_EQ(fails->Wait(Soon())->value, 3) << "asked again, it answers the same";
  EXPECT_TRUE(fails->Kill(SIGKILL)) << "a process that has ended is no error";

  Result<Subprocess> killed = Subprocess::Spawn(Command({"sleep", "1000"}));
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->Wait(Deadline::After(0ns)).error().code(), Code::kDeadlineExceeded);
  ASSERT_TRUE(killed->Kill(SIGTERM));
  EXPECT_EQ(killed->Wait(Soon())->Describe(), "killed by signal 15");

  EXPECT_TRUE(Subprocess::Spawn(Command({"true"}))->Wait(Soon())->success());
}

TEST(Subprocess, Spawn_ProgramMissingOrNotExecutable_FailsAndNamesProgram) {
  const TestDirectory dir;
  const auto code_of = [](const std::string& program) {
    const Result<Subprocess> child = Subprocess::Spawn(Command({program}));
    EXPECT_FALSE(child) << program;
    EXPECT_THAT(child.error().ToString(), HasSubstr("run '" + program + "'"));
    return child.error().code();
  };
  EXPECT_EQ(code_of("no-such-program-anywhere"), Code::kNotFound);
  EXPECT_EQ(code_of(dir / "nothing"), Code::kNotFound);
  EXPECT_EQ(code_of(dir.Write("plain", "x")), Code::kPermissionDenied);
  EXPECT_EQ(code_of(dir.path()), Code::kPermissionDenied);
  const std::string text = dir.Write("text", "no program");
  ::chmod(text.c_str(), 0755);
  EXPECT_EQ(code_of(text), Code::kPermissionDenied);
  EXPECT_EQ(Subprocess::Spawn({}).error().code(), Code::kInternal);
}

TEST(Subprocess, Spawn_ByDefault_StreamsAreNull) {
  Pipe out;
  // sh reads its standard input to the end, and that is at once.
  Result<Subprocess> child = Subprocess::Spawn(
      Command({"sh", "-c", "cat; readlink /proc/$$/fd/0 /proc/$$/fd/2"}, {{out.writer.get(), 1}}));
  ASSERT_TRUE(child);
  EXPECT_EQ(out.Drain(), "/dev/null\n/dev/null\n");
  EXPECT_TRUE(child->Wait(Soon())->success());
}

TEST(Subprocess, Spawn_OpenDescriptors_AreNotInherited) {
  // Not close-on-exec: somebody else's in this process.
  const UniqueFd theirs(::open("/dev/null", O_RDONLY)), high(::fcntl(theirs.get(), F_DUPFD, 200));
  ASSERT_TRUE(theirs && high);
  const Cat plain;
  EXPECT_THAT(plain.Descriptors(), ElementsAre("0", "1", "2"));
  const Cat with({{theirs.get(), 3}, {theirs.get(), 7}});
  EXPECT_THAT(with.Descriptors(), ElementsAre("0", "1", "2", "3", "7"))
      << "the gap between the listed is closed too";
}

TEST(Subprocess, Spawn_DescriptorsSwapPlaces_Succeeds) {
  const TestDirectory dir;
  const auto open = [&](const char* name) {
    return UniqueFd(::open(dir.Write(name).c_str(), O_RDONLY | O_CLOEXEC));
  };
  const UniqueFd a = open("a"), b = open("b");
  // Each is the other's target, and one of them is listed twice.
  const Cat cat({{a.get(), b.get()}, {b.get(), a.get()}, {a.get(), 2}});
  EXPECT_EQ(cat.Target(b.get()), dir / "a");
  EXPECT_EQ(cat.Target(a.get()), dir / "b");
  EXPECT_EQ(cat.Target(2), dir / "a");

  const Cat same({{a.get(), a.get()}});
  EXPECT_EQ(same.Target(a.get()), dir / "a") << "its own number: it must not stay close-on-exec";
  EXPECT_EQ(Subprocess::Spawn(Command({"true"}, {{999'999, 3}})).error().code(), Code::kInternal);
}

TEST(Subprocess, Spawn_ByDefault_HasDefaultSignalsAndOwnSession) {
  struct sigaction ignore {
  }, pipe_before, int_before;
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGPIPE, &ignore, &pipe_before), 0);
  ASSERT_EQ(::sigaction(SIGINT, &ignore, &int_before), 0);
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigaddset(&blocked, SIGUSR1);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  {
    const Cat cat;
    EXPECT_EQ(cat.StatusLine("SigBlk"), "0000000000000000");
    // But for the two that are the C library's own, which posix_spawn leaves ignored.
    EXPECT_EQ(std::stoull(cat.StatusLine("SigIgn"), nullptr, 16) & ~0x1'8000'0000ull, 0u);
    EXPECT_EQ(::getsid(cat.pid()), cat.pid());
    sigset_t now;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
    EXPECT_TRUE(::sigismember(&now, SIGTERM)) << "and this process keeps its own";
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::sigaction(SIGPIPE, &pipe_before, nullptr);
  ::sigaction(SIGINT, &int_before, nullptr);
}

TEST(Subprocess, Spawn_EnvironmentSetOrUnset_IsPassedOrInherited) {
  ASSERT_EQ(::setenv("VC_TEST_INHERITED", "yes", 1), 0);
  const auto environment = [](std::optional<std::vector<std::string>> env) {
    Pipe out;
    Result<Subprocess> child =
        Subprocess::Spawn({.argv = {"env"}, .env = std::move(env), .fds = {{out.writer.get(), 1}}});
    const std::string text = out.Drain();
    EXPECT_TRUE(child->Wait(Soon())->success());
    return text;
  };
  EXPECT_THAT(environment({}), HasSubstr("VC_TEST_INHERITED=yes\n"));
  EXPECT_EQ(environment(std::vector<std::string>{"A=1", "B=two words"}), "A=1\nB=two words\n");
  EXPECT_EQ(environment(std::vector<std::string>{}), "");
}

TEST(Subprocess, Wait_ReapedElsewhere_FailsWithInternal) {
  Result<Subprocess> child = Subprocess::Spawn(Command({"true"}));
  ASSERT_TRUE(child);
  ASSERT_EQ(::waitpid(child->pid(), nullptr, 0), child->pid());
  const Result<ProcessExit> exit = child->Wait(Soon());
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code(), Code::kInternal);
  EXPECT_THAT(exit.error().ToString(), HasSubstr("taken by another part of this program"));
}

TEST(Subprocess, Pidfd_ProcessEnds_IsReadable) {
  Pipe in;
  Result<Subprocess> child = Subprocess::Spawn(Command({"cat"}, {{in.reader.get(), 0}}));
  ASSERT_TRUE(child);
  EXPECT_FALSE(WaitReadable(child->pidfd(), Deadline::After(0ns)).value());
  in.writer.reset();
  EXPECT_TRUE(WaitReadable(child->pidfd(), Soon()).value());
  EXPECT_TRUE(child->Wait(Deadline::After(0ns))->success());
}

TEST(RunCommand, RunCommand_BothStreams_AreReturned) {
  EXPECT_EQ(RunCommand({"sh", "-c", "echo out; echo err >&2"}, Soon()).value(), "out\nerr\n");
  EXPECT_EQ(RunCommand({"cat"}, Soon()).value(), "") << "there is nothing to read";
}

TEST(RunCommand, RunCommand_Fails_NamesStatusAndOutput) {
  const Result<std::string> failed = RunCommand({"sh", "-c", "echo no disk; exit 4"}, Soon());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kAborted);
  EXPECT_EQ(failed.error().ToString(), "run 'sh': exited with status 4: no disk\n");
  EXPECT_EQ(RunCommand({"no-such-program-anywhere"}, Soon()).error().code(), Code::kNotFound);
  EXPECT_EQ(RunCommand({}, Soon()).error().code(), Code::kInternal);
}

TEST(RunCommand, RunCommand_TooMuchOutput_Fails) {
  EXPECT_EQ(RunCommand({"printf", "12345678"}, Soon(), 8).value(), "12345678");
  EXPECT_EQ(RunCommand({"printf", "123456789"}, Soon(), 8).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(RunCommand({"yes"}, Soon(), 100'000).error().code(), Code::kResourceExhausted);
}

TEST(RunCommand, RunCommand_DeadlinePasses_KillsProcessGroup) {
  const TestDirectory dir;
  ASSERT_EQ(::mkfifo((dir / "pid").c_str(), 0600), 0);
  const UniqueFd fifo(::open((dir / "pid").c_str(), O_RDWR | O_CLOEXEC));
  // The shell ends at once; its child holds the output open.
  const std::string script = "sleep 1000 & echo $! > '" + (dir / "pid") + "'";
  const Result<std::string> late = RunCommand({"sh", "-c", script}, Deadline::After(100ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().ToString(), "run 'sh': it did not end in time");
  char text[32] = {};
  ASSERT_GT(::read(fifo.get(), text, sizeof(text) - 1), 0);
  const pid_t child = std::stoi(text);
  const Result<ProcessIdentity> left = IdentifyProcess(child);
  if (left) {
    for (const Deadline deadline = Soon(); IsAlive(*left) && !deadline.passed();) ::sched_yield();
    EXPECT_FALSE(IsAlive(*left));
  }
}

TEST(Poll, WaitReadable_EndOrDeadline_IsTrueOrFalse) {
  Pipe pipe;
  EXPECT_FALSE(WaitReadable(pipe.reader.get(), Deadline::After(1ms)).value());
  EXPECT_TRUE(WaitWritable(pipe.writer.get(), Deadline::After(0ns)).value());
  pipe.writer.reset();
  EXPECT_TRUE(WaitReadable(pipe.reader.get(), Soon()).value());
}

}  // namespace
}  // namespace virtcontainers
