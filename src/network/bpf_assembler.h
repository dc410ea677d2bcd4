// Writes programs for the kernel's eBPF machine. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_BPF_ASSEMBLER_H_
#define VIRTCONTAINERS_SRC_NETWORK_BPF_ASSEMBLER_H_

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace virtcontainers {

// A place in a program, possibly one that is written later.
struct BpfLabel {
  size_t number = 0;
};

// Appends one instruction by each call. Registers are 0 to 10; 10 is the end of the stack. Values of memory
// are in the machine's byte order. (Documentation/bpf/standardization/instruction-set.rst)
class BpfAssembler {
 public:
  BpfLabel NewLabel();
  // The next instruction's place is `label`.
  void Place(BpfLabel label);

  void Move(uint8_t to, uint8_t from) { Emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
  void Set(uint8_t to, int32_t value) { Emit(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value); }
  void Set64(uint8_t to, uint64_t value);
  void Add(uint8_t to, int32_t value) { Emit(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value); }
  void AddRegister(uint8_t to, uint8_t from) { Emit(BPF_ALU64 | BPF_ADD | BPF_X, to, from, 0, 0); }
  void And(uint8_t to, int32_t value) { Emit(BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, value); }
  void OrRegister(uint8_t to, uint8_t from) { Emit(BPF_ALU64 | BPF_OR | BPF_X, to, from, 0, 0); }
  void ShiftLeft(uint8_t to, int32_t bits) { Emit(BPF_ALU64 | BPF_LSH | BPF_K, to, 0, 0, bits); }
  // `size` is BPF_B, BPF_H, BPF_W or BPF_DW.
  void Load(uint8_t size, uint8_t to, uint8_t base, int16_t offset) {
    Emit(static_cast<uint8_t>(BPF_LDX | BPF_MEM | size), to, base, offset, 0);
  }
  void Call(int32_t function) { Emit(BPF_JMP | BPF_CALL, 0, 0, 0, function); }
  void Return(int32_t value) {
    Set(0, value);
    Emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }

  void Jump(BpfLabel to) { Branch(BPF_JMP | BPF_JA, 0, 0, 0, to); }
  // The lower 32 bits of a register.
  void JumpIfEqual(uint8_t reg, uint32_t value, BpfLabel to) {
    Branch(BPF_JMP32 | BPF_JEQ | BPF_K, reg, 0, static_cast<int32_t>(value), to);
  }
  void JumpIfNotEqual(uint8_t reg, uint32_t value, BpfLabel to) {
    Branch(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, static_cast<int32_t>(value), to);
  }
  // All 64 bits.
  void JumpIfZero(uint8_t reg, BpfLabel to) { Branch(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, 0, to); }
  void JumpIfNotZero(uint8_t reg, BpfLabel to) { Branch(BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, to); }
  void JumpIfSame(uint8_t a, uint8_t b, BpfLabel to) { Branch(BPF_JMP | BPF_JEQ | BPF_X, a, b, 0, to); }
  void JumpIfDifferent(uint8_t a, uint8_t b, BpfLabel to) { Branch(BPF_JMP | BPF_JNE | BPF_X, a, b, 0, to); }

  // The program, with the distances of its jumps. All labels have been placed. Empty if a jump is too far.
  std::vector<bpf_insn> Finish() const;

 private:
  struct PendingJump {
    size_t at = 0;
    size_t label = 0;
  };

  void Emit(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
    program_.push_back(
        {code, static_cast<uint8_t>(to & 0xf), static_cast<uint8_t>(from & 0xf), offset, value});
  }
  void Branch(uint8_t code, uint8_t a, uint8_t b, int32_t value, BpfLabel to);

  std::vector<bpf_insn> program_;
  std::vector<PendingJump> jumps_;
  std::vector<size_t> places_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_BPF_ASSEMBLER_H_
