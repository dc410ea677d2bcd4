#include "guest/agent/container/device_filter.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "base/errors.h"
#include "base/unique_fd.h"

namespace virtcontainers::guest {

namespace {

constexpr int kMaxRules = 256;
constexpr int64_t kAll = -1;
constexpr int32_t kAnyAccess = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

struct Rule {
  bool allow;
  int32_t type;    // BPF_DEVCG_DEV_*; 0 is both
  int32_t access;  // of BPF_DEVCG_ACC_*
  int64_t major;
  int64_t minor;
};

// As every runtime has them.
constexpr std::array kAlways{
    Rule{true, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_MKNOD, kAll, kAll},
    Rule{true, BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_ACC_MKNOD, kAll, kAll},
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 1, 3},      // null
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 1, 5},      // zero
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 1, 7},      // full
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 1, 8},      // random
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 1, 9},      // urandom
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 5, 0},      // tty
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 5, 1},      // console
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 5, 2},      // ptmx
    Rule{true, BPF_DEVCG_DEV_CHAR, kAnyAccess, 136, kAll}  // pts
};

Result<Rule> ParseRule(const grpc::LinuxDeviceCgroup& rule) {
  Rule result{rule.allow(), 0, 0, rule.major() > 0 ? rule.major() : kAll, rule.minor()};
  if (result.minor < 0 || (result.minor == 0 && result.major == kAll)) result.minor = kAll;
  if (rule.type() == "c") {
    result.type = BPF_DEVCG_DEV_CHAR;
  } else if (rule.type() == "b") {
    result.type = BPF_DEVCG_DEV_BLOCK;
  } else if (!rule.type().empty() && rule.type() != "a") {
    return Fail(Code::kInvalidArgument,
                "a device rule has type " + Quoted(rule.type()) + ", not 'a', 'b' or 'c'");
  }
  for (const char c : rule.access()) {
    if (c != 'r' && c != 'w' && c != 'm') {
      return Fail(Code::kInvalidArgument,
                  "a device rule has access " + Quoted(rule.access()) + ", not of 'rwm'");
    }
    result.access |= c == 'r' ? BPF_DEVCG_ACC_READ : c == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
  }
  if (result.access == 0) result.access = kAnyAccess;
  return result;
}

constexpr bpf_insn Instruction(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
  bpf_insn instruction{};
  instruction.code = code;
  instruction.dst_reg = to;
  instruction.src_reg = from;
  instruction.off = offset;
  instruction.imm = value;
  return instruction;
}

// Of the program: r1 is the context at first, then free.
constexpr uint8_t kResult = BPF_REG_0;
constexpr uint8_t kScratch = BPF_REG_1;
constexpr uint8_t kType = BPF_REG_2;
constexpr uint8_t kAccess = BPF_REG_3;
constexpr uint8_t kMajor = BPF_REG_4;
constexpr uint8_t kMinor = BPF_REG_5;

void AppendRule(const Rule& rule, std::vector<bpf_insn>* program) {
  std::vector<bpf_insn> tests;
  // Jumps to the next rule; how far is set below.
  if (rule.type != 0) tests.push_back(Instruction(BPF_JMP | BPF_JNE | BPF_K, kType, 0, 0, rule.type));
  if (rule.access != kAnyAccess) {
    tests.push_back(Instruction(BPF_ALU | BPF_MOV | BPF_X, kScratch, kAccess, 0, 0));
    tests.push_back(Instruction(BPF_ALU | BPF_AND | BPF_K, kScratch, 0, 0, rule.access));
    // All that is asked for must be in the rule.
    tests.push_back(Instruction(BPF_JMP | BPF_JNE | BPF_X, kScratch, kAccess, 0, 0));
  }
  if (rule.major != kAll) {
    tests.push_back(Instruction(BPF_JMP | BPF_JNE | BPF_K, kMajor, 0, 0, static_cast<int32_t>(rule.major)));
  }
  if (rule.minor != kAll) {
    tests.push_back(Instruction(BPF_JMP | BPF_JNE | BPF_K, kMinor, 0, 0, static_cast<int32_t>(rule.minor)));
  }
  for (size_t i = 0; i < tests.size(); ++i) {
    if (BPF_CLASS(tests[i].code) == BPF_JMP) tests[i].off = static_cast<int16_t>(tests.size() - i + 1);
  }
  program->insert(program->end(), tests.begin(), tests.end());
  program->push_back(Instruction(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, rule.allow ? 1 : 0));
  program->push_back(Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

bool MatchesAll(const Rule& rule) {
  return rule.type == 0 && rule.access == kAnyAccess && rule.major == kAll && rule.minor == kAll;
}

long Bpf(int command, bpf_attr* attributes) {
  return ::syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

}  // namespace

Result<std::vector<bpf_insn>> CompileDeviceFilter(const DeviceRules& rules) {
  if (rules.size() > kMaxRules) return Fail(Code::kInvalidArgument, "more than 256 device rules");
  std::vector<Rule> all;
  for (const grpc::LinuxDeviceCgroup& rule : rules) {
    VC_ASSIGN_OR_RETURN(const Rule parsed, ParseRule(rule));
    all.push_back(parsed);
  }
  all.insert(all.end(), kAlways.begin(), kAlways.end());

  constexpr uint8_t kLoad = BPF_LDX | BPF_MEM | BPF_W;
  std::vector<bpf_insn> program{
      Instruction(kLoad, kType, BPF_REG_1, offsetof(bpf_cgroup_dev_ctx, access_type), 0),
      Instruction(BPF_ALU | BPF_MOV | BPF_X, kAccess, kType, 0, 0),
      Instruction(BPF_ALU | BPF_AND | BPF_K, kType, 0, 0, 0xffff),
      Instruction(BPF_ALU | BPF_RSH | BPF_K, kAccess, 0, 0, 16),
      Instruction(kLoad, kMajor, BPF_REG_1, offsetof(bpf_cgroup_dev_ctx, major), 0),
      Instruction(kLoad, kMinor, BPF_REG_1, offsetof(bpf_cgroup_dev_ctx, minor), 0),
  };
  for (auto rule = all.rbegin(); rule != all.rend(); ++rule) {
    AppendRule(*rule, &program);
    // The verifier refuses instructions that nothing leads to.
    if (MatchesAll(*rule)) return program;
  }
  program.push_back(Instruction(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, 0));
  program.push_back(Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return program;
}

Status SetDeviceFilter(int cgroup_fd, const DeviceRules& rules) {
  VC_ASSIGN_OR_RETURN(const std::vector<bpf_insn> program, CompileDeviceFilter(rules));
  if (rules.empty() || cgroup_fd < 0) return {};
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<uintptr_t>(program.data());
  load.insn_cnt = static_cast<uint32_t>(program.size());
  load.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  UniqueFd loaded(static_cast<int>(Bpf(BPF_PROG_LOAD, &load)));
  if (!loaded && errno == EINVAL) return FailErrno("load the device filter", ENOSYS);
  if (!loaded) return FailErrno("load the device filter");
  bpf_attr attach{};
  attach.target_fd = static_cast<uint32_t>(cgroup_fd);
  attach.attach_bpf_fd = static_cast<uint32_t>(loaded.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (Bpf(BPF_PROG_ATTACH, &attach) < 0) return FailErrno("attach the device filter");
  return {};
}

}  // namespace virtcontainers::guest
