// Why a conversation with a process broke off.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_POD_END_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_POD_END_H_

#include <string>

#include "virtcontainers/runtime.h"

namespace virtc {

// For an error met while attached to a process of `pod`: if its reason is that the pod has ended, an error
// that says so, with the pod's own reason; `error` otherwise.
virtcontainers::Error WithPodEnd(virtcontainers::Runtime& runtime, const std::string& pod,
                                 virtcontainers::Error error);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_POD_END_H_
