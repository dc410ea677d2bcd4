#include "guest/agent/service/router.h"

#include "base/errors.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

Error Router::Malformed() {
  return Error(Code::kInvalidArgument, "the request is not a well-formed message");
}

void Router::AddUnimplemented(const char* service, const char* method, const char* reason) {
  methods_[{service, method}] = [text = std::string(method) + ": " + reason](const Call& call,
                                                                             const std::string&) {
    call.Fail(Error(Code::kUnimplemented, text));
  };
}

void Router::Route(Call call, const ttrpc::ServerCall& request) const {
  if (LogEnabled(LogLevel::kDebug)) Log(LogLevel::kDebug, "call " + request.service + "." + request.method);
  const auto method = methods_.find({request.service, request.method});
  if (method == methods_.end()) {
    return call.Fail(
        Error(Code::kUnimplemented, "there is no method " + Quoted(request.service + "." + request.method)));
  }
  method->second(std::move(call), request.payload);
}

}  // namespace virtcontainers::guest
