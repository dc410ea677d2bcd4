// Which agent this is.

#ifndef VIRTCONTAINERS_GUEST_AGENT_VERSION_H_
#define VIRTCONTAINERS_GUEST_AGENT_VERSION_H_

namespace virtcontainers::guest {

// The project's, by the build.
inline constexpr const char* kVersion = VIRTCONTAINERS_VERSION;

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_VERSION_H_
