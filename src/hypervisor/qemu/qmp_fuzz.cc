// Whatever QEMU sends: no crash, bounded memory, and the same messages however the bytes are cut into pieces.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hypervisor/qemu/qmp_codec.h"

namespace virtcontainers {
namespace {

// The kinds of the messages, in order: 'g', 'r', 'e', and 'x' for the error that ends them.
std::string Kinds(std::string_view bytes, size_t piece) {
  QmpDecoder decoder;
  std::string kinds;
  while (!bytes.empty()) {
    decoder.Feed(bytes.substr(0, piece));
    bytes.remove_prefix(bytes.size() < piece ? bytes.size() : piece);
    while (true) {
      auto message = decoder.Next();
      if (!message) return kinds + 'x';
      if (!*message) break;
      kinds += "gre"[(*message)->index()];
      if (const auto* reply = std::get_if<QmpReply>(&**message)) {
        if (EncodeQmpCommand(reply->id, reply->description, reply->value).back() != '\n') std::abort();
      }
    }
  }
  return kinds;
}

}  // namespace
}  // namespace virtcontainers

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (virtcontainers::Kinds(bytes, size) != virtcontainers::Kinds(bytes, 1)) std::abort();
  return 0;
}
