#include "guest/agent/service/services.h"
namespace virtcontainers::guest {
void AddNetworkCalls(Router&, Sandbox&) {}
void AddStatsCalls(Router&, Sandbox&) {}
void AddFileCalls(Router&, Sandbox&) {}
}  // namespace virtcontainers::guest
