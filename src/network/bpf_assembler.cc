#include "network/bpf_assembler.h"

#include <limits>

namespace virtcontainers {

BpfLabel BpfAssembler::NewLabel() {
  places_.push_back(0);
  return {places_.size() - 1};
}

void BpfAssembler::Place(BpfLabel label) { places_[label.number] = program_.size(); }

void BpfAssembler::Set64(uint8_t to, uint64_t value) {
  // The one instruction that takes the place of two.
  Emit(BPF_LD | BPF_DW | BPF_IMM, to, 0, 0, static_cast<int32_t>(value & 0xffffffff));
  Emit(0, 0, 0, 0, static_cast<int32_t>(value >> 32));
}

void BpfAssembler::Branch(uint8_t code, uint8_t a, uint8_t b, int32_t value, BpfLabel to) {
  jumps_.push_back({program_.size(), to.number});
  Emit(code, a, b, 0, value);
}

std::vector<bpf_insn> BpfAssembler::Finish() const {
  std::vector<bpf_insn> program = program_;
  for (const PendingJump& jump : jumps_) {
    const int64_t distance = static_cast<int64_t>(places_[jump.label]) - static_cast<int64_t>(jump.at) - 1;
    if (distance > std::numeric_limits<int16_t>::max() || distance < std::numeric_limits<int16_t>::min())
      return {};
    program[jump.at].off = static_cast<int16_t>(distance);
  }
  return program;
}

}  // namespace virtcontainers
