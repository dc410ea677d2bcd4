#include "guest/agent/container/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "guest/agent/os/file.h"

namespace virtcontainers::guest {

namespace {

constexpr uint32_t kMaxErrno = 4095;  // of the kernel

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

Result<uint32_t> Action(std::string_view name, uint32_t errno_value) {
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(errno_value);
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  if (name == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(errno_value);
  if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  if (name == "SCMP_ACT_NOTIFY") {
    return Fail(Code::kUnimplemented, "seccomp: there is no listener for 'SCMP_ACT_NOTIFY' in the guest");
  }
  return Fail(Code::kInvalidArgument, "seccomp: there is no action " + Quoted(name));
}

Result<scmp_compare> Operator(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, scmp_compare>, 7> kOperators{{
      {"SCMP_CMP_NE", SCMP_CMP_NE},
      {"SCMP_CMP_LT", SCMP_CMP_LT},
      {"SCMP_CMP_LE", SCMP_CMP_LE},
      {"SCMP_CMP_EQ", SCMP_CMP_EQ},
      {"SCMP_CMP_GE", SCMP_CMP_GE},
      {"SCMP_CMP_GT", SCMP_CMP_GT},
      {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
  }};
  for (const auto& [text, value] : kOperators) {
    if (text == name) return value;
  }
  return Fail(Code::kInvalidArgument, "seccomp: there is no operator " + Quoted(name));
}

Result<uint32_t> Architecture(std::string_view name) {
  // "SCMP_ARCH_X86_64" is "x86_64" to the library.
  constexpr std::string_view kPrefix = "SCMP_ARCH_";
  std::string text(name.substr(name.compare(0, kPrefix.size(), kPrefix) == 0 ? kPrefix.size() : 0));
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const uint32_t token = ::seccomp_arch_resolve_name(text.c_str());
  if (token == 0) return Fail(Code::kInvalidArgument, "seccomp: there is no architecture " + Quoted(name));
  return token;
}

Result<unsigned> Flag(std::string_view name) {
  if (name == "SECCOMP_FILTER_FLAG_TSYNC") return 0u;  // one thread is all there is before the exec
  if (name == "SECCOMP_FILTER_FLAG_LOG") return static_cast<unsigned>(SECCOMP_FILTER_FLAG_LOG);
  if (name == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") return static_cast<unsigned>(SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  return Fail(Code::kInvalidArgument, "seccomp: flag " + Quoted(name) + " is not supported");
}

Status SeccompError(int result, const std::string& what) { return FailErrno("seccomp: " + what, -result); }

Status AddRule(void* context, uint32_t action, int call, const std::vector<scmp_arg_cmp>& conditions,
               const std::string& name) {
  const int result = ::seccomp_rule_add_array(context, action, call, static_cast<unsigned>(conditions.size()),
                                              conditions.data());
  // A call that an added architecture does not have; everybody else's profiles are full of them.
  if (result == -EDOM) return {};
  if (result < 0) return SeccompError(result, "rule for " + Quoted(name));
  return {};
}

Status AddRules(void* context, const grpc::LinuxSyscall& syscall, uint32_t default_action) {
  const uint32_t errno_value =
      syscall.ErrnoRet_case() == grpc::LinuxSyscall::kErrnoret ? syscall.errnoret() : EPERM;
  VC_ASSIGN_OR_RETURN(const uint32_t action, Action(syscall.action(), errno_value));
  // Says nothing new, and the library refuses it.
  if (action == default_action) return {};

  std::vector<scmp_arg_cmp> conditions;
  bool repeated_index = false;
  for (const grpc::LinuxSeccompArg& argument : syscall.args()) {
    if (argument.index() > 5) return Fail(Code::kInvalidArgument, "seccomp: a call has six arguments");
    VC_ASSIGN_OR_RETURN(const scmp_compare op, Operator(argument.op()));
    for (const scmp_arg_cmp& other : conditions) repeated_index |= other.arg == argument.index();
    scmp_arg_cmp condition{static_cast<unsigned>(argument.index()), op, argument.value(),
                           argument.valuetwo()};
    conditions.push_back(condition);
  }
  for (const std::string& name : syscall.names()) {
    const int call = ::seccomp_syscall_resolve_name(name.c_str());
    if (call == __NR_SCMP_ERROR) continue;
    if (!repeated_index) {
      VC_RETURN_IF_ERROR(AddRule(context, action, call, conditions, name));
      continue;
    }
    // Two conditions on one argument are alternatives, as runc and crun read them.
    for (const scmp_arg_cmp& condition : conditions) {
      VC_RETURN_IF_ERROR(AddRule(context, action, call, {condition}, name));
    }
  }
  return {};
}

}  // namespace

Result<SeccompProgram> CompileSeccomp(const grpc::LinuxSeccomp& seccomp,
                                      std::optional<uint32_t> default_errno) {
  if (default_errno && *default_errno > kMaxErrno) {
    return Fail(Code::kInvalidArgument, "seccomp: there is no errno " + std::to_string(*default_errno));
  }
  VC_ASSIGN_OR_RETURN(const uint32_t default_action,
                      Action(seccomp.defaultaction(), default_errno.value_or(EPERM)));
  const Context context(::seccomp_init(default_action), &::seccomp_release);
  if (!context) return Fail(Code::kInternal, "seccomp: cannot start a filter");
  // no_new_privs is the container's own decision.
  ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  for (const std::string& name : seccomp.architectures()) {
    VC_ASSIGN_OR_RETURN(const uint32_t architecture, Architecture(name));
    const int result = ::seccomp_arch_add(context.get(), architecture);
    if (result < 0 && result != -EEXIST) {
      VC_RETURN_IF_ERROR(SeccompError(result, "architecture " + Quoted(name)));
    }
  }
  for (const grpc::LinuxSyscall& syscall : seccomp.syscalls()) {
    VC_RETURN_IF_ERROR(AddRules(context.get(), syscall, default_action));
  }

  SeccompProgram program;
  for (const std::string& name : seccomp.flags()) {
    VC_ASSIGN_OR_RETURN(const unsigned flag, Flag(name));
    program.flags |= flag;
  }
  UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return FailErrno("memfd_create");
  const int result = ::seccomp_export_bpf(context.get(), file.get());
  if (result < 0) VC_RETURN_IF_ERROR(SeccompError(result, "compile the filter"));
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return FailErrno("lseek");
  VC_ASSIGN_OR_RETURN(program.instructions, ReadAll(file.get()));
  return program;
}

Status LoadSeccomp(const SeccompProgram& program) {
  if (program.instructions.empty()) return {};
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.instructions.size() / sizeof(sock_filter));
  filter.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(program.instructions.data()));
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program.flags, &filter) < 0) {
    return FailErrno("load the seccomp filter");
  }
  return {};
}

}  // namespace virtcontainers::guest
