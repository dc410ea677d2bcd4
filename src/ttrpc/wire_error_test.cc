#include "ttrpc/wire_error.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "ttrpc.pb.h"

namespace virtcontainers::ttrpc {
namespace {

TEST(WireError, ErrorWithAReason_ArrivesWithCodeTextAndReason) {
  ::ttrpc::Status status;
  SetStatus(status, Error(Code::kNotFound, Reason::kCommandNotFound, "not found").AddContext("exec 'x'"));
  const Error error = ErrorFromStatus(status);
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.reason(), Reason::kCommandNotFound);
  EXPECT_EQ(error.message(), "exec 'x': not found");
}

TEST(WireError, ErrorWithoutAReason_SendsNoDetail) {
  ::ttrpc::Status status;
  SetStatus(status, Error(Code::kNotFound, "not found"));
  EXPECT_EQ(status.details_size(), 0);
  EXPECT_EQ(ErrorFromStatus(status).reason(), Reason::kNone);
}

TEST(WireError, DetailsThatAreNoReason_AreIgnored) {
  ::ttrpc::Status status;
  SetStatus(status, Error(Code::kNotFound, Reason::kVmDied, "not found"));
  ASSERT_EQ(status.details_size(), 1);
  status.mutable_details(0)->set_value("\xff no reason");
  EXPECT_EQ(ErrorFromStatus(status).reason(), Reason::kNone);
  status.mutable_details(0)->set_value("vm-died");
  status.mutable_details(0)->set_type_url("google.rpc.ErrorInfo");
  EXPECT_EQ(ErrorFromStatus(status).reason(), Reason::kNone);
}

}  // namespace
}  // namespace virtcontainers::ttrpc
