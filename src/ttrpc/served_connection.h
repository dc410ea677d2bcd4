// One connection of a Server. Host only; private to this folder.

#ifndef VIRTCONTAINERS_SRC_TTRPC_SERVED_CONNECTION_H_
#define VIRTCONTAINERS_SRC_TTRPC_SERVED_CONNECTION_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "os/stream.h"
#include "ttrpc/server.h"
#include "ttrpc/server_connection.h"

namespace virtcontainers::ttrpc {

// Thread-safe. Answers come from any thread; they are written by a thread of its own, for a peer that does
// not read must block nobody.
class ServedConnection : public std::enable_shared_from_this<ServedConnection> {
 public:
  ServedConnection(std::unique_ptr<Stream> stream, Handler& handler, const ServerLimits& limits);

  // Reads, handles and answers calls until the connection ends. Blocks till then; once.
  void Run();

  // Makes Run return, handlers permitting.
  void Close();

  void Respond(uint32_t stream_id, Result<std::string> answer);
  void ReleasePayload(uint32_t stream_id);

 private:
  void Read();
  void Write();

  const std::unique_ptr<Stream> stream_;
  Handler& handler_;
  std::mutex mutex_;
  std::condition_variable output_changed_;
  std::vector<ServerCall> received_;  // by connection_, within Receive
  ServerConnection connection_;
  bool closed_ = false;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_SERVED_CONNECTION_H_
