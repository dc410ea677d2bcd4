// For tests only.

#ifndef VIRTCONTAINERS_SRC_LINK_TEST_SESSION_H_
#define VIRTCONTAINERS_SRC_LINK_TEST_SESSION_H_

#include <cstdint>
#include <string>

#include "link/session_codec.h"

namespace virtcontainers::link {

// The beginning of a session, as it goes through the port.
inline std::string Mark(uint64_t id) {
  std::string bytes;
  AppendSessionMark(bytes, id);
  return bytes;
}

}  // namespace virtcontainers::link

#endif  // VIRTCONTAINERS_SRC_LINK_TEST_SESSION_H_
