// An Error as it crosses the wire. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_TTRPC_WIRE_ERROR_H_
#define VIRTCONTAINERS_SRC_TTRPC_WIRE_ERROR_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "ttrpc.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// The longest text of an error that is sent, and that is believed.
inline constexpr size_t kMaxErrorText = 16 << 10;

// `text` as UTF-8, which peers insist on: every byte that is none becomes '?'. At most kMaxErrorText bytes.
std::string WireText(std::string_view text);

// Fills `status` with the code, the whole line and the reason of `error`. The reason is a detail, by its
// name: peers that do not know it ignore it.
void SetStatus(::ttrpc::Status& status, const Error& error);

// The error a peer sent. A code that does not exist becomes kUnknown. `status.code()` is not 0.
Error ErrorFromStatus(const ::ttrpc::Status& status);

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_WIRE_ERROR_H_
