// Streams of processes in a real VM: every byte, in order, in both directions, however many and however slow
// the reader.
//
// $VIRTCONTAINERS_STREAM_MIB says how much goes through standard output (default 1024, which takes the better
// part of a minute where there is no hardware virtualization).

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "integration/fixture.h"
#include "integration/stream_source.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kMiB = 1 << 20;
// Of the monitor, whatever flows through it.
constexpr uint64_t kMonitorPeakKib = 64 << 10;

uint64_t PeakKib(pid_t pid) {
  const std::string status = FileContent("/proc/" + std::to_string(pid) + "/status");
  const size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + 6, nullptr, 10);
}

class StreamsTest : public SharedPodTest<StreamsTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("c", {"sleep", "100000"})};
    const std::string program = pod.containers[0].rootfs + "/bin/stream_source";
    std::error_code error;
    std::filesystem::copy_file(VIRTCONTAINERS_STREAM_SOURCE, program, error);
    EXPECT_FALSE(error) << VIRTCONTAINERS_STREAM_SOURCE << ": " << error.message();
    return pod;
  }

 protected:
  static Deadline Soon() { return Deadline::After(seconds(60)); }
  static Deadline Long() { return Deadline::After(std::chrono::minutes(9)); }

  std::unique_ptr<Process> Start(const ProcessConfig& command) {
    auto process = runtime().EnterContainer(kPod, "c", command, Soon());
    EXPECT_OK(process);
    return process ? *std::move(process) : nullptr;
  }

  static ProcessConfig Source(const std::string& what, uint64_t seed, uint64_t bytes) {
    return Command({"stream_source", what, std::to_string(seed), std::to_string(bytes)});
  }

  // Reads to the end, or as much as `most`. How many bytes were as they should be.
  static uint64_t ReadAndCompare(Process& process, StreamSource& source, uint64_t most = UINT64_MAX) {
    std::string buffer(256 << 10, '\0'), expected = buffer;
    uint64_t total = 0;
    while (total < most) {
      const auto count = process.ReadStdout(
          std::span(buffer.data(), std::min<uint64_t>(buffer.size(), most - total)), Long());
      EXPECT_OK(count);
      if (!count || *count == 0) break;
      source.Fill(expected.data(), *count);
      if (std::memcmp(buffer.data(), expected.data(), *count) != 0) {
        ADD_FAILURE() << "the bytes from " << total << " on are not those that were written";
        break;
      }
      total += *count;
    }
    return total;
  }

  void ExpectSmallMonitor() { EXPECT_LT(PeakKib(StatusOf(kPod).monitor_pid), kMonitorPeakKib); }

  static double MiBPerSecond(uint64_t bytes, std::chrono::steady_clock::time_point begin) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    return static_cast<double>(bytes) / kMiB / took.count();
  }
};

TEST_F(StreamsTest, ReadStdout_OneGigabyte_ReturnsEveryByte) {
  const char* given = std::getenv("VIRTCONTAINERS_STREAM_MIB");
  const uint64_t bytes = (given != nullptr ? std::strtoull(given, nullptr, 10) : 1024) * kMiB;
  auto process = Start(Source("write", 1, bytes));
  ASSERT_NE(process, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  StreamSource source(1);
  EXPECT_EQ(ReadAndCompare(*process, source), bytes);
  std::printf("%llu MiB of output: %.1f MiB/s\n", static_cast<unsigned long long>(bytes / kMiB),
              MiBPerSecond(bytes, begin));
  const auto exit = process->Wait(Soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 7);
  ExpectSmallMonitor();
}

TEST_F(StreamsTest, WriteStdin_SixtyFourMegabytes_ReachEveryByte) {
  constexpr uint64_t kBytes = 64 * kMiB;
  auto process = Start(Source("check", 2, kBytes));
  ASSERT_NE(process, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  StreamSource source(2);
  std::string buffer(kMiB, '\0');
  for (uint64_t sent = 0; sent < kBytes; sent += buffer.size()) {
    source.Fill(buffer.data(), buffer.size());
    ASSERT_OK(process->WriteStdin(buffer, Long()));
  }
  ASSERT_OK(process->CloseStdin(Soon()));
  const auto exit = process->Wait(Long());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 0) << "1: other bytes, 3: too many";
  std::printf("64 MiB of input: %.1f MiB/s\n", MiBPerSecond(kBytes, begin));
  ExpectSmallMonitor();
}

TEST_F(StreamsTest, Streams_BothWaysAtOnce_LoseNoByte) {
  constexpr uint64_t kBytes = 64 * kMiB;
  auto process = Start(Command({"cat"}));
  ASSERT_NE(process, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  std::thread writer([&] {
    StreamSource source(3);
    std::string buffer(200'000, '\0');
    for (uint64_t sent = 0; sent < kBytes;) {
      const size_t size = std::min<uint64_t>(buffer.size(), kBytes - sent);
      source.Fill(buffer.data(), size);
      const auto written = process->WriteStdin(std::string_view(buffer.data(), size), Long());
      EXPECT_OK(written);
      if (!written) break;
      sent += size;
    }
    EXPECT_OK(process->CloseStdin(Soon()));
  });
  StreamSource source(3);
  EXPECT_EQ(ReadAndCompare(*process, source), kBytes);
  writer.join();
  std::printf("64 MiB in and out: %.1f MiB/s\n", MiBPerSecond(kBytes, begin));
  const auto exit = process->Wait(Soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 0);
  ExpectSmallMonitor();
}

TEST_F(StreamsTest, ReadStdout_SlowReader_SlowsTheWriter) {
  constexpr uint64_t kBytes = 32 * kMiB;
  auto process = Start(Source("write", 4, kBytes));
  ASSERT_NE(process, nullptr);
  StreamSource source(4);
  uint64_t total = 0;
  // The process would be through with it in a second or two.
  for (int i = 0; i < 40; ++i) {
    total += ReadAndCompare(*process, source, 64 << 10);
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(process->Wait(Deadline::After(milliseconds(10))).error().code(), Code::kDeadlineExceeded)
      << "the process has written all of it, though nobody has read it";
  // Where should 29 MiB be, if not in the process?
  ExpectSmallMonitor();
  total += ReadAndCompare(*process, source);
  EXPECT_EQ(total, kBytes);
  const auto exit = process->Wait(Soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->code, 7);
}

TEST_F(StreamsTest, ReadStdout_OutputJustBeforeEnd_IsReturned) {
  for (int i = 0; i < 10; ++i) {
    auto process = Start(Source("write", 5, 60'000));
    ASSERT_NE(process, nullptr);
    // Only read when it is over.
    const auto exit = process->Wait(Soon());
    ASSERT_OK(exit);
    EXPECT_EQ(exit->code, 7);
    StreamSource source(5);
    EXPECT_EQ(ReadAndCompare(*process, source), 60'000u);
  }
}

TEST_F(StreamsTest, CloseStdin_ProcessReads_SeesEndOfInput) {
  auto process = Start(Shell("cat; echo over"));
  ASSERT_NE(process, nullptr);
  ASSERT_OK(process->WriteStdin("text\n", Soon()));
  EXPECT_EQ(process->Wait(Deadline::After(milliseconds(300))).error().code(), Code::kDeadlineExceeded);
  ASSERT_OK(process->CloseStdin(Soon()));
  EXPECT_EQ(Finish(std::move(process)).out, "text\nover\n");
}

TEST_F(StreamsTest, Read_StdoutAndStderr_AreSeparate) {
  const Finished finished =
      Enter("c", Shell("i=0; while [ $i -lt 1000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"));
  std::string out, err;
  for (int i = 0; i < 1000; ++i) {
    out += "out " + std::to_string(i) + "\n";
    err += "err " + std::to_string(i) + "\n";
  }
  EXPECT_EQ(finished.out, out);
  EXPECT_EQ(finished.err, err);
}

TEST_F(StreamsTest, ReadStdout_NobodyReadsStderr_Returns) {
  // More errors than any pipe holds, and nobody reads them until all of the output is there.
  auto process = Start(Shell("echo first; stream_source write 6 1000000 >&2; echo last"));
  ASSERT_NE(process, nullptr);
  char buffer[64];
  auto count = process->ReadStdout(buffer, Soon());
  ASSERT_OK(count);
  EXPECT_EQ(std::string(buffer, *count), "first\n");
  EXPECT_FALSE(process->ReadStdout(buffer, Deadline::After(milliseconds(500)))) << "it waits for its reader";
  const Finished finished = Finish(std::move(process));
  EXPECT_EQ(finished.out, "last\n");
  EXPECT_EQ(finished.err.size(), 1'000'000u);
}

TEST_F(StreamsTest, Terminal_InputAndErrors_AreOneStream) {
  ProcessConfig command = Shell("tty >/dev/null && stty size && echo err >&2 && read line && echo got $line");
  command.terminal = true;
  command.rows = 33;
  command.columns = 99;
  auto process = Start(command);
  ASSERT_NE(process, nullptr);
  ASSERT_OK(process->WriteStdin("word\n", Soon()));
  const Finished finished = Finish(std::move(process));
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.out, testing::HasSubstr("33 99\r\n"));
  EXPECT_THAT(finished.out, testing::HasSubstr("err\r\n"));
  EXPECT_THAT(finished.out, testing::HasSubstr("word\r\n"));
  EXPECT_THAT(finished.out, testing::HasSubstr("got word\r\n"));
  EXPECT_EQ(finished.err, "");
}

TEST_F(StreamsTest, Terminal_ManyLines_ReachReader) {
  ProcessConfig command = Shell("stty raw; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
  command.terminal = true;
  std::string expected;
  for (int i = 0; i < 3000; ++i) expected += "line " + std::to_string(i) + "\n";
  const Finished finished = Enter("c", command);
  EXPECT_EQ(finished.out, expected);
}

}  // namespace
}  // namespace virtcontainers::test
