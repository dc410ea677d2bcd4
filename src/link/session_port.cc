#include "link/session_port.h"

namespace virtcontainers::link {

void SessionPort::Send(std::string_view data) {
  if (session_) AppendSessionData(output_.tail(), data);
}

void SessionPort::Sink::SessionStarted(uint64_t id) {
  // The host repeats its mark until it sees the first answer: until data comes these are the same session.
  const bool again = port_.session_ == id && port_.fresh_;
  if (!again) {
    // What the last session did not get any more. The half of a frame that is on its way ends at the mark.
    port_.output_.Take();
    port_.session_ = id;
    port_.fresh_ = true;
  }
  AppendSessionMark(port_.output_.tail(), id);
  if (!again) port_.callbacks_.started();
}

void SessionPort::Sink::SessionData(std::string_view data) {
  // The decoder yields data in sessions only.
  port_.fresh_ = false;
  port_.callbacks_.data(data);
}

void SessionPort::Sink::SessionBroken() {
  ++port_.broken_;
  port_.session_.reset();
}

}  // namespace virtcontainers::link
