// Filters of system calls: the words are checked here, the calls' names by the guest, which knows its kernel.
// (OCI runtime-spec, config-linux.md, "Seccomp"; seccomp(2))

#include <algorithm>
#include <iterator>

#include "pod/validate.h"
#include "pod/validate_text.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxSeccompRules = 4096;
constexpr size_t kMaxNames = 16384;  // of all rules
constexpr size_t kMaxArguments = 64;
constexpr uint32_t kMaxErrno = 4095;  // MAX_ERRNO of the kernel

constexpr std::string_view kActions[] = {"SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
                                         "SCMP_ACT_TRAP",  "SCMP_ACT_ERRNO",        "SCMP_ACT_TRACE",
                                         "SCMP_ACT_ALLOW", "SCMP_ACT_LOG"};
constexpr std::string_view kOperators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",       "SCMP_CMP_EQ",
                                           "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};
constexpr std::string_view kFlags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                       "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
constexpr std::string_view kArchitectures[] = {
    "SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",     "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB"};

Status ValidateAction(const std::string& action, const std::optional<uint32_t>& errno_return,
                      const std::string& of) {
  if (action == "SCMP_ACT_NOTIFY") {
    return Fails(of,
                 "the action 'SCMP_ACT_NOTIFY' asks a process of the host, which cannot see into a VM: use "
                 "'SCMP_ACT_ERRNO'");
  }
  if (!IsOneOf(kActions, action)) {
    return Fails(of, "the action " + Shown(action) + " is unknown: they are named like 'SCMP_ACT_ERRNO'");
  }
  if (!errno_return) return {};
  if (action != "SCMP_ACT_ERRNO" && action != "SCMP_ACT_TRACE") {
    return Fails(of, "the action " + Quoted(action) + " answers no error number: remove errnoRet " +
                         std::to_string(*errno_return));
  }
  if (*errno_return > kMaxErrno) return OutOfRange(of + ": errnoRet", *errno_return, "give 0 to 4095");
  return {};
}

Status ValidateRule(const SeccompRule& rule, const std::string& of) {
  if (rule.names.empty()) return Fails(of, "it names no system call");
  for (const std::string& name : rule.names) {
    if (name.empty() || name.size() > 64 ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
            std::string::npos) {
      return Fails(of, Shown(name) + " is no name of a system call");
    }
  }
  VC_RETURN_IF_ERROR(ValidateAction(rule.action, rule.errno_return, of));
  VC_RETURN_IF_ERROR(ValidateCount(rule.arguments.size(), kMaxArguments, of, "conditions"));
  for (const SeccompArgument& argument : rule.arguments) {
    if (argument.index > 5) return OutOfRange(of + ": argument", argument.index, "calls have 0 to 5");
    if (!IsOneOf(kOperators, argument.op)) {
      return Fails(of,
                   "the operator " + Shown(argument.op) + " is unknown: they are named like 'SCMP_CMP_EQ'");
    }
  }
  return {};
}

}  // namespace

Status ValidateSeccomp(const Seccomp& seccomp, std::string_view field) {
  const std::string of(field);
  VC_RETURN_IF_ERROR(ValidateAction(seccomp.default_action, seccomp.default_errno_return, of));
  for (const std::string& architecture : seccomp.architectures) {
    if (!IsOneOf(kArchitectures, architecture)) {
      return Fails(of, "the architecture " + Shown(architecture) +
                           " is unknown: they are named like 'SCMP_ARCH_X86_64'");
    }
  }
  VC_RETURN_IF_ERROR(ValidateCount(seccomp.architectures.size(), kMaxArguments, of, "architectures"));
  for (const std::string& flag : seccomp.flags) {
    if (flag == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") {
      return Fails(of, "the flag " + Quoted(flag) + " is for 'SCMP_ACT_NOTIFY' alone: remove it");
    }
    if (!IsOneOf(kFlags, flag)) {
      return Fails(of,
                   "the flag " + Shown(flag) + " is unknown: they are named like 'SECCOMP_FILTER_FLAG_LOG'");
    }
  }
  VC_RETURN_IF_ERROR(ValidateCount(seccomp.flags.size(), kMaxArguments, of, "flags"));
  VC_RETURN_IF_ERROR(ValidateCount(seccomp.rules.size(), kMaxSeccompRules, of, "rules"));
  size_t names = 0;
  for (size_t i = 0; i < seccomp.rules.size(); ++i) {
    VC_RETURN_IF_ERROR(ValidateRule(seccomp.rules[i], of + ": rule " + std::to_string(i)));
    names += seccomp.rules[i].names.size();
  }
  return ValidateCount(names, kMaxNames, of, "system calls");
}

}  // namespace virtcontainers
