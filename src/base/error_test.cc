#include "virtcontainers/error.h"

#include <cerrno>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "base/errors.h"

namespace virtcontainers {
namespace {

Status FailsInside() { return Fail(Code::kNotFound, "no pod 'web'"); }

Result<int> Passes(bool fail) {
  if (fail) VC_RETURN_IF_ERROR(FailsInside());
  return 7;
}

Result<int> Doubles(bool fail) {
  VC_ASSIGN_OR_RETURN(const int value, Passes(fail));
  return 2 * value;
}

TEST(Error, KeepsItsMessageAndTheOperationsItPassedThrough) {
  Error error(Code::kAborted, "killed by signal 9");
  error.AddContext("run 'qemu'");
  error = Error(error).AddContext("start pod 'web'");
  EXPECT_EQ(error.code(), Code::kAborted);
  EXPECT_EQ(error.message(), "killed by signal 9");
  EXPECT_EQ(error.ToString(), "start pod 'web': run 'qemu': killed by signal 9");
}

TEST(Error, MacrosPassOnTheErrorOrTheValue) {
  ASSERT_TRUE(Doubles(false));
  EXPECT_EQ(*Doubles(false), 14);
  ASSERT_FALSE(Doubles(true));
  EXPECT_EQ(Doubles(true).error().code(), Code::kNotFound);
  EXPECT_EQ(Doubles(true).error().ToString(), "no pod 'web'");
}

TEST(Error, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int code = 1; code <= 16; ++code) names.insert(CodeName(static_cast<Code>(code)));
  EXPECT_EQ(names.size(), 16u);
  EXPECT_EQ(CodeName(Code::kFailedPrecondition), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(static_cast<Code>(99)), "UNKNOWN");
}

TEST(Error, OfErrnoSaysWhatWasDoneAndHasTheCodeToBranchOn) {
  const Error error = ErrnoError("open '/x'", ENOENT);
  EXPECT_EQ(error.ToString(), "open '/x': No such file or directory");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(CodeFromErrno(EEXIST), Code::kAlreadyExists);
  EXPECT_EQ(CodeFromErrno(EACCES), Code::kPermissionDenied);
  EXPECT_EQ(CodeFromErrno(EROFS), Code::kPermissionDenied);
  EXPECT_EQ(CodeFromErrno(ENOEXEC), Code::kPermissionDenied);
  EXPECT_EQ(CodeFromErrno(ENOSPC), Code::kResourceExhausted);
  EXPECT_EQ(CodeFromErrno(ENAMETOOLONG), Code::kInvalidArgument);
  EXPECT_EQ(CodeFromErrno(ETIMEDOUT), Code::kDeadlineExceeded);
  EXPECT_EQ(CodeFromErrno(EPIPE), Code::kUnavailable);
  EXPECT_EQ(CodeFromErrno(ENOSYS), Code::kUnimplemented);
  EXPECT_EQ(CodeFromErrno(EIO), Code::kInternal);
}

}  // namespace
}  // namespace virtcontainers
