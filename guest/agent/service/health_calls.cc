#include "guest/agent/service/services.h"
#include "guest/agent/version.h"
#include "health.pb.h"

namespace virtcontainers::guest {

void AddHealthCalls(Router& router) {
  router.Add<grpc::CheckRequest>(kHealthService, "Check", [](const Call& call, auto) {
    grpc::HealthCheckResponse response;
    response.set_status(grpc::HealthCheckResponse::SERVING);
    call.Answer(response);
  });
  router.Add<grpc::CheckRequest>(kHealthService, "Version", [](const Call& call, auto) {
    grpc::VersionCheckResponse response;
    response.set_grpc_version("0.0.1");
    response.set_agent_version(kVersion);
    call.Answer(response);
  });
}

}  // namespace virtcontainers::guest
