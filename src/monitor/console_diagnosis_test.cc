#include "monitor/console_diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace virtcontainers {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// As Linux 6.1 says it on a serial console.
constexpr char kNoInit[] =
    "[    0.512345] Run /init as init process\r\n"
    "[    0.513000] Run /sbin/init as init process\r\n"
    "[    0.513999] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel. "
    "See "
    "Linux Documentation/admin-guide/init.rst for guidance.\r\n"
    "[    0.514000] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-37-cloud-amd64 #1  Debian 6.1.140-1\r\n"
    "[    0.515000] Kernel Offset: disabled\r\n";

constexpr char kNoRoot[] =
    "[    0.601000] VFS: Cannot open root device \"(null)\" or unknown-block(0,0): error -6\r\n"
    "[    0.602000] Please append a correct \"root=\" boot option; here are the available partitions:\r\n"
    "[    0.603000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n";

constexpr char kDeadlocked[] =
    "[    0.901000] Out of memory and no killable processes...\r\n"
    "[    0.902000] Kernel panic - not syncing: System is deadlocked on memory\r\n"
    "[    0.903000] ---[ end Kernel panic - not syncing: System is deadlocked on memory ]---\r\n";

constexpr char kUnpacking[] =
    "[    0.301000] Trying to unpack rootfs image as initramfs...\r\n"
    "[    0.402000] Initramfs unpacking failed: write error\r\n"
    "[    0.603000] Kernel panic - not syncing: No working init found.\r\n";

constexpr char kAgentFatal[] =
    "[    1.001000] virtiofs: probe\r\n"
    "virtcontainers-agent: fatal: mount /proc: Operation not permitted\r\n"
    "[    1.204000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n";

constexpr char kKilled[] =
    "[    1.204000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\r\n";

TEST(ConsoleDiagnosis, Diagnose_KnownFailures_NamesCause) {
  EXPECT_THAT(DiagnoseConsole(kNoInit), AllOf(HasSubstr("no init"), HasSubstr("rebuild the guest image"),
                                              HasSubstr("No working init found")));
  EXPECT_THAT(DiagnoseConsole(kNoRoot), AllOf(HasSubstr("no initramfs"), HasSubstr("unknown-block(0,0)")));
  EXPECT_THAT(DiagnoseConsole(kDeadlocked), StartsWith("the guest has too little memory: give the VM more"));
  EXPECT_THAT(DiagnoseConsole(kKilled), StartsWith("the guest's agent died"));
  EXPECT_THAT(DiagnoseConsole("[ 1.0] Kernel panic - not syncing: Fatal exception\n"),
              StartsWith("the guest kernel panicked"));
  EXPECT_THAT(DiagnoseConsole("[ 1.0] BUG: unable to handle page fault for address: 0\n"),
              StartsWith("the guest kernel crashed"));
}

TEST(ConsoleDiagnosis, Diagnose_SeveralFailures_NamesFirstCause) {
  EXPECT_THAT(DiagnoseConsole(kUnpacking), StartsWith("the guest kernel cannot unpack the initramfs"));
  EXPECT_EQ(
      DiagnoseConsole(kAgentFatal),
      "the guest's agent gave up (\"virtcontainers-agent: fatal: mount /proc: Operation not permitted\")");
}

TEST(ConsoleDiagnosis, Diagnose_UnknownText_IsEmpty) {
  EXPECT_EQ(DiagnoseConsole(""), "");
  EXPECT_EQ(
      DiagnoseConsole("[    0.000000] Linux version 6.1.0\r\n[    1.0] virtcontainers-agent: ready\r\n"), "");
}

TEST(ConsoleDiagnosis, Diagnose_ControlCharacters_AreRemoved) {
  const std::string diagnosis = DiagnoseConsole(
      "\x1b[31mvirtcontainers-agent: fatal: \x1b]0;title\x07 bad\x9b"
      "31m \xff\x7f\n");
  for (const char c : diagnosis) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  EXPECT_LE(DiagnoseConsole("Kernel panic - not syncing: " + std::string(100'000, 'x')).size(), 300u);
}

TEST(ConsoleLastLines, LastLines_EmptyLines_AreSkipped) {
  EXPECT_EQ(LastLines("", 3), "");
  EXPECT_EQ(LastLines("\n\r\n\n", 3), "");
  EXPECT_EQ(LastLines("one", 3), "one");
  EXPECT_EQ(LastLines("one\r\n\r\ntwo\r\nthree\r\n\r\nfour\r\n\r\n", 3), "two\nthree\nfour");
  EXPECT_EQ(LastLines("one\ntwo\n", 0), "");
  EXPECT_EQ(LastLines(kNoInit, 1), "[    0.515000] Kernel Offset: disabled");
}

TEST(ConsoleLastLines, LastLines_LongOrWithControlCharacters_AreCut) {
  EXPECT_EQ(LastLines(std::string(10'000, 'x') + "\n", 1).size(), 160u);
  EXPECT_EQ(LastLines("\x1b[1;31mred\x1b[0m\x1b", 1), "red");
  const std::string lines = LastLines(std::string("a\0b\n\xc3\xbc\n\x1b", 8), 5);
  for (const char c : lines) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << static_cast<int>(c);
}

}  // namespace
}  // namespace virtcontainers
