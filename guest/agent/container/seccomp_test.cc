#include "guest/agent/container/seccomp.h"

#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

grpc::LinuxSeccomp Profile() {
  grpc::LinuxSeccomp seccomp;
  seccomp.set_defaultaction("SCMP_ACT_ALLOW");
  seccomp.add_architectures("SCMP_ARCH_X86_64");
  seccomp.add_architectures("SCMP_ARCH_X86");
  grpc::LinuxSyscall* call = seccomp.add_syscalls();
  call->add_names("mkdir");
  call->add_names("a_call_of_the_future");
  call->set_action("SCMP_ACT_ERRNO");
  return seccomp;
}

TEST(SeccompTest, Compile_Profile_ReturnsInstructions) {
  const auto program = CompileSeccomp(Profile());
  ASSERT_TRUE(program) << program.error().ToString();
  EXPECT_GT(program->instructions.size(), 0u);
  EXPECT_EQ(program->instructions.size() % 8, 0u);
}

TEST(SeccompTest, Compile_TwoConditionsOnOneArgument_AreAlternatives) {
  grpc::LinuxSeccomp seccomp = Profile();
  for (const uint64_t value : {1, 2}) {
    grpc::LinuxSeccompArg* argument = seccomp.mutable_syscalls(0)->add_args();
    argument->set_index(1);
    argument->set_value(value);
    argument->set_op("SCMP_CMP_EQ");
  }
  EXPECT_TRUE(CompileSeccomp(seccomp));
}

TEST(SeccompTest, Compile_UnknownActionOrArchitecture_IsRefused) {
  grpc::LinuxSeccomp action = Profile();
  action.mutable_syscalls(0)->set_action("SCMP_ACT_MAYBE");
  EXPECT_EQ(CompileSeccomp(action).error().code(), Code::kInvalidArgument);
  grpc::LinuxSeccomp architecture = Profile();
  architecture.add_architectures("SCMP_ARCH_PDP11");
  EXPECT_EQ(CompileSeccomp(architecture).error().code(), Code::kInvalidArgument);
  grpc::LinuxSeccomp flag = Profile();
  flag.add_flags("SECCOMP_FILTER_FLAG_NEW_LISTENER");
  EXPECT_EQ(CompileSeccomp(flag).error().code(), Code::kInvalidArgument);
  grpc::LinuxSeccomp notify = Profile();
  notify.set_defaultaction("SCMP_ACT_NOTIFY");
  EXPECT_EQ(CompileSeccomp(notify).error().code(), Code::kUnimplemented);
  EXPECT_FALSE(CompileSeccomp(grpc::LinuxSeccomp()));
}

}  // namespace
}  // namespace virtcontainers::guest
