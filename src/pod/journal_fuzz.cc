// A journal of any content: it says what is open, and a journal of just that says the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "os/test_directory.h"
#include "pod/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace virtcontainers;
  static const TestDirectory directory;
  static const std::string path = directory / "journal";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const JournalState state = ReadJournal(text);
  std::ofstream(path, std::ios::trunc | std::ios::binary) << text;
  const auto journal = Journal::Open(path);
  if (!journal || (*journal)->open() != state.open) std::abort();
  // What is appended is read, whatever stands before it.
  if (!(*journal)->Begin(EffectKind::kProcess, "next")) std::abort();
  const JournalState more = LoadJournal(path);
  if (more.open.empty() || more.open.back() != Effect{EffectKind::kProcess, "next", false, {}}) std::abort();
  (*journal)->Clear();
  if (!LoadJournal(path).open.empty()) std::abort();
  return 0;
}
