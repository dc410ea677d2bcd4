// The link over a virtio-serial port: one client at a time, in sessions that the bytes themselves mark.

#ifndef VIRTCONTAINERS_GUEST_AGENT_LINK_PORT_LINK_H_
#define VIRTCONTAINERS_GUEST_AGENT_LINK_PORT_LINK_H_

#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"
#include "link/session_codec.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// The device of the port called `name`: "/dev/vport1p1". Blocks until it is there, at most `limit`.
Result<std::string> FindPort(const std::string& name, std::chrono::milliseconds limit);

class PortLink : private link::SessionSink {
 public:
  // `port` is a non-blocking descriptor of the port.
  static Result<std::unique_ptr<PortLink>> Create(EventLoop& loop, UniqueFd port,
                                                  Connection::Handler handler);
  ~PortLink() override;

 private:
  PortLink(EventLoop& loop, UniqueFd port, Connection::Handler handler);
  void OnEvent();
  void Pump();
  void Receive();
  void Send();
  size_t SentOfEncoded() const;
  void EndSession();

  void SessionStarted(uint64_t id) override;
  void SessionData(std::string_view data) override;
  void SessionBroken() override;

  EventLoop& loop_;
  UniqueFd port_;
  Connection::Handler handler_;
  link::SessionDecoder decoder_;
  std::shared_ptr<Connection> connection_;  // of the session, if there is one
  std::string encoded_;                     // on its way into the port
  size_t encoded_sent_ = 0;
  size_t encoded_raw_ = 0;  // how much of the connection's output it stands for
  bool readable_ = false;   // more may be there, and another turn of the loop is due
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_LINK_PORT_LINK_H_
