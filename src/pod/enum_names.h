// The enumerations as words: in files, on the wire, on command lines.

#ifndef VIRTCONTAINERS_SRC_POD_ENUM_NAMES_H_
#define VIRTCONTAINERS_SRC_POD_ENUM_NAMES_H_

#include <string>
#include <string_view>

#include "base/errors.h"
#include "virtcontainers/config.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

template <typename E>
struct EnumName {
  E value;
  std::string_view name;
};

inline constexpr EnumName<Accelerator> kAcceleratorNames[] = {
    {Accelerator::kAuto, "auto"}, {Accelerator::kKvm, "kvm"}, {Accelerator::kTcg, "tcg"}};
inline constexpr EnumName<AgentTransport> kTransportNames[] = {
    {AgentTransport::kAuto, "auto"},
    {AgentTransport::kVirtioSerial, "virtio-serial"},
    {AgentTransport::kVsock, "vsock"}};
inline constexpr EnumName<ContainerOutput> kOutputNames[] = {{ContainerOutput::kLog, "log"},
                                                             {ContainerOutput::kAttach, "attach"}};
inline constexpr EnumName<LogFormat> kLogFormatNames[] = {
    {LogFormat::kCri, "cri"}, {LogFormat::kJson, "json"}, {LogFormat::kPlain, "plain"}};
inline constexpr EnumName<NamespaceOwner> kNamespaceOwnerNames[] = {{NamespaceOwner::kContainer, "container"},
                                                                    {NamespaceOwner::kPod, "pod"}};
inline constexpr EnumName<NetworkKind> kNetworkKindNames[] = {
    {NetworkKind::kUser, "user"},     {NetworkKind::kNamespace, "namespace"},
    {NetworkKind::kCni, "cni"},       {NetworkKind::kTap, "tap"},
    {NetworkKind::kBridge, "bridge"}, {NetworkKind::kDescriptor, "descriptor"}};
inline constexpr EnumName<NetworkProtocol> kNetworkProtocolNames[] = {{NetworkProtocol::kTcp, "tcp"},
                                                                      {NetworkProtocol::kUdp, "udp"}};
inline constexpr EnumName<PodState> kPodStateNames[] = {{PodState::kReady, "ready"},
                                                        {PodState::kRunning, "running"},
                                                        {PodState::kPaused, "paused"},
                                                        {PodState::kStopped, "stopped"}};
inline constexpr EnumName<ContainerState> kContainerStateNames[] = {{ContainerState::kReady, "ready"},
                                                                    {ContainerState::kRunning, "running"},
                                                                    {ContainerState::kPaused, "paused"},
                                                                    {ContainerState::kStopped, "stopped"}};

template <typename E, size_t N>
std::string_view NameOf(const EnumName<E> (&names)[N], E value) {
  for (const auto& entry : names) {
    if (entry.value == value) return entry.name;
  }
  return "unknown";
}

// Errors: InvalidArgument, with the words that are known. `what` is the field.
template <typename E, size_t N>
Result<E> ValueOf(const EnumName<E> (&names)[N], std::string_view name, std::string_view what) {
  std::string known;
  for (const auto& entry : names) {
    if (entry.name == name) return entry.value;
    if (!known.empty()) known += ", ";
    known += Quoted(entry.name);
  }
  return Fail(Code::kInvalidArgument,
              std::string(what) + " " + Quoted(name) + " is unknown: use one of " + known);
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_ENUM_NAMES_H_
