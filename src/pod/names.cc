#include "virtcontainers/config.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

std::string_view PodStateName(PodState state) {
  switch (state) {
    case PodState::kReady:
      return "ready";
    case PodState::kRunning:
      return "running";
    case PodState::kPaused:
      return "paused";
    case PodState::kStopped:
      return "stopped";
  }
  return "unknown";
}

std::string_view ContainerStateName(ContainerState state) {
  switch (state) {
    case ContainerState::kReady:
      return "ready";
    case ContainerState::kRunning:
      return "running";
    case ContainerState::kPaused:
      return "paused";
    case ContainerState::kStopped:
      return "stopped";
  }
  return "unknown";
}

std::string_view NetworkKindName(NetworkKind kind) {
  switch (kind) {
    case NetworkKind::kUser:
      return "user";
    case NetworkKind::kNamespace:
      return "namespace";
    case NetworkKind::kCni:
      return "cni";
    case NetworkKind::kTap:
      return "tap";
    case NetworkKind::kBridge:
      return "bridge";
    case NetworkKind::kDescriptor:
      return "descriptor";
  }
  return "unknown";
}

bool IsValidId(std::string_view id) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (id.empty() || id.size() > kMaxIdLength || !alphanumeric(id[0])) return false;
  for (const char c : id) {
    if (!alphanumeric(c) && c != '_' && c != '.' && c != '-' && c != '+') return false;
  }
  return true;
}

}  // namespace virtcontainers
