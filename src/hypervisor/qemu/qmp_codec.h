// QMP, QEMU's control protocol, as bytes: one JSON object a line. No input or output here. Host only.
// (QEMU, docs/interop/qmp-spec.txt)

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QMP_CODEC_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QMP_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// The first message of a connection.
struct QmpGreeting {
  std::string version;  // "7.2.22"
};

// The answer to the command of that id.
struct QmpReply {
  uint64_t id = 0;
  bool failed = false;
  Json value;               // what was returned, unless it failed
  std::string error_class;  // "GenericError", "CommandNotFound", …
  std::string description;  // for people
};

// Something happened in the VM.
struct QmpEvent {
  std::string name;  // "SHUTDOWN"
  Json data = Json::object();
};

using QmpMessage = std::variant<QmpGreeting, QmpReply, QmpEvent>;

// Bytes in, messages out. QEMU is what a guest would take over first: whatever it sends, memory is bounded
// and nothing recurses deeply. Thread-compatible.
class QmpDecoder {
 public:
  static constexpr size_t kMaxLine = 1 << 20;
  static constexpr size_t kMaxDepth = 32;

  // Takes bytes as they come.
  void Feed(std::string_view bytes);

  // The next message, or nothing until more bytes have come. An error is final: the connection is of no use
  // any more. Errors: DataLoss for what is not QMP; ResourceExhausted for a line that is too long.
  Result<std::optional<QmpMessage>> Next();

 private:
  std::string buffer_;
  size_t searched_ = 0;  // this much of the buffer has no line end
  std::optional<Error> error_;
};

// One line. `arguments` is an object, or null for none.
std::string EncodeQmpCommand(uint64_t id, std::string_view command, const Json& arguments = nullptr);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QMP_CODEC_H_
