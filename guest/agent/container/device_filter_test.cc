#include "guest/agent/container/device_filter.h"

#include <array>
#include <gtest/gtest.h>
#include <optional>

namespace virtcontainers::guest {
namespace {

// Runs the program as the kernel does: an answer, or nothing for an instruction it does not have.
std::optional<bool> Decide(const std::vector<bpf_insn>& program, uint32_t type, uint32_t access,
                           uint32_t major, uint32_t minor) {
  const std::array<uint32_t, 3> context{access << 16 | type, major, minor};
  std::array<uint64_t, 11> r{};
  for (size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& i = program[at];
    const uint64_t value = BPF_SRC(i.code) == BPF_X ? r[i.src_reg] : static_cast<uint64_t>(i.imm);
    if (i.code == (BPF_LDX | BPF_MEM | BPF_W)) {
      r[i.dst_reg] = context.at(static_cast<size_t>(i.off) / 4);
    } else if (i.code == (BPF_JMP | BPF_EXIT)) {
      return r[0] != 0;
    } else if (BPF_CLASS(i.code) == BPF_JMP && BPF_OP(i.code) == BPF_JNE) {
      if (r[i.dst_reg] != value) at += static_cast<size_t>(i.off);
    } else if (BPF_OP(i.code) == BPF_MOV) {
      r[i.dst_reg] = value;
    } else if (BPF_OP(i.code) == BPF_AND) {
      r[i.dst_reg] &= value;
    } else if (BPF_OP(i.code) == BPF_RSH) {
      r[i.dst_reg] >>= value;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void Add(DeviceRules& rules, bool allow, const std::string& type, int64_t major, int64_t minor,
         const std::string& access) {
  grpc::LinuxDeviceCgroup* rule = rules.Add();
  rule->set_allow(allow);
  rule->set_type(type);
  rule->set_major(major);
  rule->set_minor(minor);
  rule->set_access(access);
}

constexpr uint32_t kChar = BPF_DEVCG_DEV_CHAR;
constexpr uint32_t kBlock = BPF_DEVCG_DEV_BLOCK;
constexpr uint32_t kRead = BPF_DEVCG_ACC_READ;
constexpr uint32_t kWrite = BPF_DEVCG_ACC_WRITE;
constexpr uint32_t kMknod = BPF_DEVCG_ACC_MKNOD;

TEST(DeviceFilterTest, DeviceFilter_DenyAll_AllowsUsualDevices) {
  DeviceRules rules;
  Add(rules, false, "", 0, 0, "rwm");
  const auto program = CompileDeviceFilter(rules);
  ASSERT_TRUE(program);
  EXPECT_EQ(Decide(*program, kChar, kRead | kWrite, 1, 3), true);
  EXPECT_EQ(Decide(*program, kChar, kRead, 136, 17), true);
  EXPECT_EQ(Decide(*program, kBlock, kRead, 254, 0), false);
  EXPECT_EQ(Decide(*program, kChar, kRead, 10, 200), false);
  EXPECT_EQ(Decide(*program, kBlock, kMknod, 254, 0), true);
  EXPECT_EQ(Decide(*program, kBlock, kMknod | kRead, 254, 0), false);
}

TEST(DeviceFilterTest, DeviceFilter_SeveralRulesMatch_LastOneCounts) {
  DeviceRules rules;
  Add(rules, false, "a", -1, -1, "rwm");
  Add(rules, true, "c", 10, 200, "rw");
  Add(rules, true, "b", 8, -1, "r");
  Add(rules, false, "b", 8, 1, "r");
  const auto program = CompileDeviceFilter(rules);
  ASSERT_TRUE(program);
  EXPECT_EQ(Decide(*program, kChar, kRead | kWrite, 10, 200), true);
  EXPECT_EQ(Decide(*program, kChar, kRead, 10, 201), false);
  EXPECT_EQ(Decide(*program, kBlock, kRead, 8, 0), true);
  EXPECT_EQ(Decide(*program, kBlock, kWrite, 8, 0), false);
  EXPECT_EQ(Decide(*program, kBlock, kRead, 8, 1), false);
}

TEST(DeviceFilterTest, DeviceFilter_UnknownTypeOrAccess_IsRefused) {
  DeviceRules type;
  Add(type, true, "x", 1, 1, "r");
  EXPECT_FALSE(CompileDeviceFilter(type));
  DeviceRules access;
  Add(access, true, "c", 1, 1, "rx");
  EXPECT_FALSE(CompileDeviceFilter(access));
}

}  // namespace
}  // namespace virtcontainers::guest
