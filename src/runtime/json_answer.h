// Reads the JSON in a monitor's answer. Host only.
//
// Holds no state, lock or thread.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_JSON_ANSWER_H_
#define VIRTCONTAINERS_SRC_RUNTIME_JSON_ANSWER_H_

#include <string>

#include "base/errors.h"
#include "base/json.h"
#include "monitor.pb.h"
#include "ttrpc/message.h"

namespace virtcontainers {

// The JSON in the bytes of a wire::JsonResponse, or the call's error. Errors: Internal for other bytes.
inline Result<Json> ParseJsonAnswer(const Result<std::string>& payload) {
  VC_RETURN_IF_ERROR(payload);
  VC_ASSIGN_OR_RETURN(const auto answer, ttrpc::ParseMessage<wire::JsonResponse>(*payload, Code::kInternal));
  return ParseJson(answer.json(), {.bytes = 16 << 20});
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_JSON_ANSWER_H_
