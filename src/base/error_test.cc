#include "virtcontainers/error.h"

#include <cerrno>
#include <gtest/gtest.h>
#include <set>
#include <stop_token>
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

TEST(Error, AddContext_SeveralOperations_AreKeptInOrder) {
  Error error(Code::kAborted, "killed by signal 9");
  error.AddContext("run 'qemu'");
  error = Error(error).AddContext("start pod 'web'");
  EXPECT_EQ(error.code(), Code::kAborted);
  EXPECT_EQ(error.message(), "killed by signal 9");
  EXPECT_EQ(error.ToString(), "start pod 'web': run 'qemu': killed by signal 9");
}

TEST(Error, Reworded_WithContext_KeepsOnlyCodeAndReason) {
  Error error(Code::kNotFound, Reason::kCommandNotFound, "exec 'x': not found");
  error.AddContext("start container 'c'");
  const Error reworded = error.Reworded("no 'x'");
  EXPECT_EQ(reworded.code(), Code::kNotFound);
  EXPECT_EQ(reworded.reason(), Reason::kCommandNotFound);
  EXPECT_EQ(reworded.ToString(), "no 'x'");
}

TEST(Reason, ReasonName_EveryReason_IsUniqueAndParsesBack) {
  std::set<std::string_view> names;
  for (int i = static_cast<int>(Reason::kPodNotFound); i <= static_cast<int>(Reason::kInputClosed); ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_TRUE(names.insert(ReasonName(reason)).second) << ReasonName(reason);
    EXPECT_FALSE(ReasonName(reason).empty());
    EXPECT_EQ(ReasonNamed(ReasonName(reason)), reason);
  }
  EXPECT_EQ(ReasonName(Reason::kVmDied), "vm-died");
  EXPECT_EQ(ReasonName(Reason::kNone), "");
  for (const char* name : {"", "VM-DIED", "vm-died ", "no-such-reason"}) {
    EXPECT_EQ(ReasonNamed(name), Reason::kNone) << name;
  }
}

TEST(OrCancelled, TokenStopped_ReplacesOnlyDeadlineAndUnavailableErrors) {
  std::stop_source source;
  const Deadline deadline = Deadline::Infinite().OrStopped(source.get_token());
  const auto code = [&](Code before) {
    return OrCancelled(deadline, Status(Fail(before, ""))).error().code();
  };
  EXPECT_EQ(code(Code::kDeadlineExceeded), Code::kDeadlineExceeded);
  source.request_stop();
  EXPECT_EQ(code(Code::kDeadlineExceeded), Code::kCancelled);
  EXPECT_EQ(code(Code::kUnavailable), Code::kCancelled);
  EXPECT_EQ(code(Code::kNotFound), Code::kNotFound);
  EXPECT_TRUE(OrCancelled(deadline, Status()));
}

TEST(Error, Macros_ErrorOrValue_ArePassedOn) {
  ASSERT_TRUE(Doubles(false));
  EXPECT_EQ(*Doubles(false), 14);
  ASSERT_FALSE(Doubles(true));
  EXPECT_EQ(Doubles(true).error().code(), Code::kNotFound);
  EXPECT_EQ(Doubles(true).error().ToString(), "no pod 'web'");
}

TEST(Error, CodeName_OfEveryCode_IsUnique) {
  std::set<std::string_view> names;
  for (int code = 1; code <= 16; ++code) names.insert(CodeName(static_cast<Code>(code)));
  EXPECT_EQ(names.size(), 16u);
  EXPECT_EQ(CodeName(Code::kFailedPrecondition), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(static_cast<Code>(99)), "UNKNOWN");
}

TEST(Error, ErrnoError_OfErrno_HasTextAndCode) {
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
