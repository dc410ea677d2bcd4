// A hostile client: whatever it sends, the bounds hold, and what is sent back is well-formed.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/errors.h"
#include "ttrpc.pb.h"
#include "ttrpc/server_connection.h"

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
  const uint8_t answers = data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const ServerLimits limits{.open_calls = 4, .open_bytes = 1000, .output_bytes = 2000};
  std::vector<uint32_t> open;
  ServerConnection* self = nullptr;
  ServerConnection connection(
      [&](ServerCall call) {
        Check(call.timeout.count() >= 0);
        if (answers & 1) return self->Respond(call.stream_id, std::move(call.payload));
        open.push_back(call.stream_id);
      },
      limits);
  self = &connection;
  FrameDecoder sent;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    connection.Receive(bytes.substr(at, piece));
    Check(connection.open_calls() <= limits.open_calls);
    Check(connection.Output().size() <= limits.output_bytes);
    if (answers & 2 && !open.empty()) {
      connection.Respond(open.back(), Fail(Code::kNotFound, "no"));
      open.pop_back();
    }
    if (answers & 4) continue;
    const size_t count = std::min(connection.Output().size(), piece);
    sent.Receive(connection.Output().substr(0, count), [](const Frame& frame) {
      ::ttrpc::Response response;
      Check(frame.header.type == FrameType::kResponse && !frame.oversized);
      Check(response.ParseFromArray(frame.data.data(), static_cast<int>(frame.data.size())));
    });
    connection.Consume(count);
  }
  return 0;
}
