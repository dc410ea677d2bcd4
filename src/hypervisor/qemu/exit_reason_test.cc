#include "hypervisor/qemu/exit_reason.h"

#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

constexpr ProcessExit kSuccess{false, 0};

TEST(QemuExitTest, ExitReason_OfEveryEnd_NamesCause) {
  struct {
    QemuEnd end;
    bool clean;
    const char* reason;
  } const cases[] = {
      {{.process = kSuccess, .stopped = true}, true, "stopped"},
      {{.process = ProcessExit{true, 9}, .stopped = true}, true, "stopped"},
      {{.process = ProcessExit{true, 9}}, false, "vm exited: killed by signal 9"},
      {{.process = ProcessExit{true, 9}, .lack_of_memory = "no memory"},
       false,
       "vm exited: killed by signal 9: no memory"},
      {{.process = ProcessExit{true, 11}, .lack_of_memory = "no memory"},
       false,
       "vm exited: killed by signal 11"},
      {{.process = {}, .lack_of_memory = "no memory"},
       false,
       "vm exited: killed or failed, its status went to another: no memory"},
      {{.process = kSuccess, .shutdown_reason = "guest-shutdown"}, true, "guest powered off"},
      {{.process = kSuccess, .shutdown_reason = "guest-reset"}, false, "guest reset itself"},
      {{.process = kSuccess, .shutdown_reason = "guest-reset", .powers_off_by_reset = true},
       true,
       "guest powered off"},
      {{.process = kSuccess,
        .shutdown_reason = "guest-reset",
        .powers_off_by_reset = true,
        .console =
            "x\r\n[    0.5] Kernel panic - not syncing: No working init found.\r\nCPU: 0\r\n---[ end Kernel "
            "panic - not syncing: No working init found. ]---\r\n"},
       false,
       "guest reset itself: Kernel panic - not syncing: No working init found."},
      {{.process = kSuccess, .shutdown_reason = "guest-panic"}, false, "guest panicked"},
      {{.process = kSuccess, .shutdown_reason = "host-signal"}, false, "vm exited: a signal asked it to"},
      {{.process = kSuccess, .shutdown_reason = "host-qmp-quit"},
       false,
       "vm exited: another client of its monitor asked it to"},
      {{.process = ProcessExit{false, 1}, .log = "qemu-system-x86_64: could not load PC BIOS 'x'\n"},
       false,
       "vm exited: status 1: could not load PC BIOS 'x'"},
      {{.process = kSuccess}, false, "vm exited: status 0"},
      {{.process = {}, .shutdown_reason = "guest-shutdown"}, true, "guest powered off"},
      {{.process = {}}, false, "vm exited: killed or failed, its status went to another"},
  };
  for (const auto& tried : cases) {
    const VmExit exit = ExplainQemuEnd(tried.end);
    EXPECT_EQ(exit.reason, tried.reason);
    EXPECT_EQ(exit.clean, tried.clean) << tried.reason;
  }
}

TEST(QemuExitTest, QemuWords_LogWithWarnings_KeepsOnlyErrors) {
  EXPECT_EQ(QemuWords("qemu-system-x86_64: warning: TCG doesn't support requested feature: CPUID.07H\n"
                      "qemu-system-x86_64: -device x: one\r\n\nqemu-system-x86_64: two\n"),
            "-device x: one; two");
  EXPECT_EQ(QemuWords(""), "");
  EXPECT_EQ(QemuWords("a\x1b[2Jb"), "a?[2Jb");
  EXPECT_EQ(QemuWords(std::string(5000, 'a') + "end").size(), 1024u);
  EXPECT_EQ(QemuWords(std::string(5000, 'a') + "end").substr(1021), "end");
}

TEST(QemuExitTest, KernelPanic_ControlCharacters_AreReplaced) {
  EXPECT_EQ(KernelPanic("Kernel panic - not syncing\x1b]0;x\x07: y"), "Kernel panic - not syncing?]0;x?: y");
  EXPECT_EQ(KernelPanic("nothing"), "");
}

}  // namespace
}  // namespace virtcontainers
