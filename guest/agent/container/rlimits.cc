#include "guest/agent/container/rlimits.h"

#include <sys/resource.h>

#include <array>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

struct Name {
  std::string_view name;
  int number;
};

constexpr std::array kRlimits{
    Name{"RLIMIT_AS", RLIMIT_AS},
    Name{"RLIMIT_CORE", RLIMIT_CORE},
    Name{"RLIMIT_CPU", RLIMIT_CPU},
    Name{"RLIMIT_DATA", RLIMIT_DATA},
    Name{"RLIMIT_FSIZE", RLIMIT_FSIZE},
    Name{"RLIMIT_LOCKS", RLIMIT_LOCKS},
    Name{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    Name{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    Name{"RLIMIT_NICE", RLIMIT_NICE},
    Name{"RLIMIT_NOFILE", RLIMIT_NOFILE},
    Name{"RLIMIT_NPROC", RLIMIT_NPROC},
    Name{"RLIMIT_RSS", RLIMIT_RSS},
    Name{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    Name{"RLIMIT_RTTIME", RLIMIT_RTTIME},
    Name{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    Name{"RLIMIT_STACK", RLIMIT_STACK},
};

}  // namespace

int RlimitNumber(std::string_view name) {
  for (const Name& entry : kRlimits) {
    if (entry.name == name) return entry.number;
  }
  return -1;
}

Status CheckRlimits(const google::protobuf::RepeatedPtrField<grpc::POSIXRlimit>& limits) {
  for (const grpc::POSIXRlimit& limit : limits) {
    if (RlimitNumber(limit.type()) < 0) {
      return Fail(Code::kInvalidArgument, "there is no resource limit " + Quoted(limit.type()));
    }
    if (limit.soft() > limit.hard()) {
      return Fail(Code::kInvalidArgument, limit.type() + ": the soft limit " + std::to_string(limit.soft()) +
                                              " is above the hard limit " + std::to_string(limit.hard()));
    }
  }
  return {};
}

Status SetRlimits(const google::protobuf::RepeatedPtrField<grpc::POSIXRlimit>& limits) {
  for (const grpc::POSIXRlimit& limit : limits) {
    const rlimit value{limit.soft(), limit.hard()};
    const auto number = static_cast<__rlimit_resource>(RlimitNumber(limit.type()));
    if (::setrlimit(number, &value) < 0) return FailErrno("set " + limit.type());
  }
  return {};
}

}  // namespace virtcontainers::guest
