// Messages and the bytes they are on the wire. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_TTRPC_MESSAGE_H_
#define VIRTCONTAINERS_SRC_TTRPC_MESSAGE_H_

#include <limits>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace virtcontainers::ttrpc {

// `Message` is a class that protoc made.
template <typename Message>
std::string SerializeMessage(const Message& message) {
  return message.SerializeAsString();
}

// A message of the peer. Bytes that are none fail with `code`: INVALID_ARGUMENT for a request, INTERNAL for
// an answer.
template <typename Message>
Result<Message> ParseMessage(std::string_view bytes, Code code = Code::kInvalidArgument) {
  Message message;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Fail(code, "not a " + Quoted(message.GetTypeName()) + " message");
  }
  return message;
}

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_MESSAGE_H_
