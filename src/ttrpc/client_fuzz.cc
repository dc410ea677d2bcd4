// A hostile server: whatever it sends, every call is told once at most, and all are told in the end.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "ttrpc/client_connection.h"

namespace {

using namespace virtcontainers;
using namespace virtcontainers::ttrpc;

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece = 1 + data[0];
  const size_t calls = data[1] % 8;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  ClientConnection connection;
  std::vector<int> told(calls);
  for (size_t i = 0; i < calls; ++i) {
    Check(connection
              .Start("S", "M", "", {},
                     [&told, i](Result<std::string> answer) {
                       ++told[i];
                       if (!answer)
                         Check(!answer.error().ToString().empty() ||
                               static_cast<int>(answer.error().code()) > 0);
                     })
              .has_value());
  }
  std::vector<ClientConnection::Completion> completions;
  for (size_t at = 0; at < bytes.size(); at += piece)
    connection.Receive(bytes.substr(at, piece), completions);
  connection.Fail(Error(Code::kUnavailable, "over"), completions);
  Check(connection.open_calls() == 0);
  for (auto& completion : completions) completion.Run();
  for (const int times : told) Check(times == 1);
  return 0;
}
