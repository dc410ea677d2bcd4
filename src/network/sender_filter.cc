#include "network/sender_filter.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <string_view>

#include "base/errors.h"
#include "base/network_address.h"
#include "network/bpf_assembler.h"
#include "network/link.h"

namespace virtcontainers {
namespace {

// Offsets in an Ethernet frame.
constexpr int kSourceMac = 6, kEtherType = 12;
constexpr int kArpFixed = 14, kArpSenderMac = 22, kArpSenderIp = 28, kArpTargetIp = 38;
constexpr int kIp4Version = 14, kIp4Fragment = 20, kIp4Protocol = 23, kIp4Source = 26, kUdpPorts = 34;
constexpr int kIp6NextHeader = 20, kIp6Source = 22, kIp6Payload = 54;
constexpr int kMaxExtensionHeaders = 6;

constexpr uint8_t kFrame = 6, kNext = 7, kAt = 8, kSender = 9, kStack = 10;  // registers
constexpr int16_t kBuffer = -16;                                             // of the stack
// Values of kSender: whose an IPv6 source address is.
constexpr uint32_t kOwn = 0, kOtherLinkLocal = 1, kUnspecified = 2;

constexpr uint32_t kIcmp6 = 58, kFragmentHeader = 44, kHopByHop = 0, kRouting = 43, kDestination = 60;
constexpr uint32_t kMld1Report = 131, kMld1Done = 132, kRouterSolicitation = 133, kRouterAdvertisement = 134,
                   kNeighborSolicitation = 135, kNeighborAdvertisement = 136, kNdpRedirect = 137,
                   kMld2Report = 143;

template <typename T>
T ReadBytes(std::string_view bytes, size_t at = 0) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

// fe80:: with the identifier that is made of the MAC address. (RFC 4291, appendix A)
std::string LinkLocalOf(const std::string& mac) {
  std::string address("\xfe\x80\0\0\0\0\0\0", 8);
  address += static_cast<char>(mac[0] ^ 2);
  address += mac.substr(1, 2);
  address += "\xff\xfe";
  address += mac.substr(3);
  return address;
}

class SenderProgram {
 public:
  SenderProgram(std::string mac, std::vector<std::string> ip4, std::vector<std::string> ip6, bool any)
      : mac_(std::move(mac)), ip4_(std::move(ip4)), ip6_(std::move(ip6)), any_address_(any) {}

  std::vector<bpf_insn> Write() {
    drop_ = code_.NewLabel();
    pass_ = code_.NewLabel();
    const BpfLabel arp = code_.NewLabel(), ip4 = code_.NewLabel(), ip6 = code_.NewLabel();
    code_.Move(kFrame, 1);
    code_.Load(BPF_W, 1, kFrame, offsetof(__sk_buff, vlan_present));
    code_.JumpIfNotEqual(1, 0, drop_);
    Fetch(kSourceMac, 6);
    RequireMac();
    Fetch(kEtherType, 2);
    code_.Load(BPF_H, kNext, kStack, kBuffer);
    code_.JumpIfEqual(kNext, htons(0x0806), arp);
    if (any_address_) {
      code_.JumpIfEqual(kNext, htons(0x8100), drop_);
      code_.JumpIfEqual(kNext, htons(0x88a8), drop_);
      code_.Jump(pass_);
    } else {
      code_.JumpIfEqual(kNext, htons(0x0800), ip4);
      code_.JumpIfEqual(kNext, htons(0x86dd), ip6);
      code_.Jump(drop_);
    }
    code_.Place(arp);
    CheckArp();
    // The kernel refuses a program with a part that cannot be reached.
    if (!any_address_) {
      code_.Place(ip4);
      CheckIp4();
      code_.Place(ip6);
      CheckIp6();
    }
    code_.Place(drop_);
    code_.Return(TC_ACT_SHOT);
    code_.Place(pass_);
    code_.Return(TC_ACT_UNSPEC);
    return code_.Finish();
  }

 private:
  // Bytes of the frame to the stack. A frame that is too short is dropped.
  void Fetch(int offset, int size) {
    code_.Set(2, offset);
    FetchFromRegister2(size);
  }
  void FetchAt(int offset, int size) {
    code_.Move(2, kAt);
    code_.Add(2, offset);
    FetchFromRegister2(size);
  }
  void FetchFromRegister2(int size) {
    code_.Move(1, kFrame);
    code_.Move(3, kStack);
    code_.Add(3, kBuffer);
    code_.Set(4, size);
    code_.Call(BPF_FUNC_skb_load_bytes);
    code_.JumpIfNotZero(0, drop_);
  }

  void RequireMac() {
    code_.Load(BPF_W, 1, kStack, kBuffer);
    code_.JumpIfNotEqual(1, ReadBytes<uint32_t>(mac_), drop_);
    code_.Load(BPF_H, 1, kStack, kBuffer + 4);
    code_.JumpIfNotEqual(1, ReadBytes<uint16_t>(mac_, 4), drop_);
  }

  void JumpIfListed4(BpfLabel to) {
    code_.Load(BPF_W, 1, kStack, kBuffer);
    for (const std::string& address : ip4_) code_.JumpIfEqual(1, ReadBytes<uint32_t>(address), to);
  }

  void JumpIfListed6(BpfLabel to) {
    code_.Load(BPF_DW, 1, kStack, kBuffer);
    code_.Load(BPF_DW, 2, kStack, kBuffer + 8);
    for (const std::string& address : ip6_) {
      const BpfLabel next = code_.NewLabel();
      code_.Set64(3, ReadBytes<uint64_t>(address));
      code_.JumpIfDifferent(1, 3, next);
      code_.Set64(3, ReadBytes<uint64_t>(address, 8));
      code_.JumpIfSame(2, 3, to);
      code_.Place(next);
    }
  }

  void CheckArp() {
    Fetch(kArpFixed, 6);  // Ethernet, IPv4, and the sizes of their addresses
    code_.Load(BPF_W, 1, kStack, kBuffer);
    code_.JumpIfNotEqual(1, htonl(0x00010800), drop_);
    code_.Load(BPF_H, 1, kStack, kBuffer + 4);
    code_.JumpIfNotEqual(1, htons(0x0604), drop_);
    Fetch(kArpSenderMac, 6);
    RequireMac();
    if (any_address_) {
      code_.Jump(pass_);
      return;
    }
    Fetch(kArpSenderIp, 4);
    JumpIfListed4(pass_);
    code_.JumpIfNotEqual(1, 0, drop_);
    Fetch(kArpTargetIp, 4);
    JumpIfListed4(pass_);
    code_.Jump(drop_);
  }

  void CheckIp4() {
    Fetch(kIp4Source, 4);
    JumpIfListed4(pass_);
    if (ip4_.empty()) {
      code_.JumpIfNotEqual(1, 0, drop_);
      Fetch(kIp4Version, 1);
      code_.Load(BPF_B, 1, kStack, kBuffer);
      code_.JumpIfNotEqual(1, 0x45, drop_);
      Fetch(kIp4Protocol, 1);
      code_.Load(BPF_B, 1, kStack, kBuffer);
      code_.JumpIfNotEqual(1, IPPROTO_UDP, drop_);
      Fetch(kIp4Fragment, 2);
      code_.Load(BPF_H, 1, kStack, kBuffer);
      code_.And(1, htons(0x3fff));
      code_.JumpIfNotEqual(1, 0, drop_);
      Fetch(kUdpPorts, 4);
      code_.Load(BPF_W, 1, kStack, kBuffer);
      code_.JumpIfEqual(1, htonl(0x00440043), pass_);
    }
    code_.Jump(drop_);
  }

  void CheckIp6() {
    const BpfLabel own = code_.NewLabel(), local = code_.NewLabel(), none = code_.NewLabel();
    const BpfLabel walk = code_.NewLabel();
    Fetch(kIp6Source, 16);
    JumpIfListed6(own);
    code_.OrRegister(2, 1);
    code_.JumpIfZero(2, none);
    code_.And(1, htons(0xffc0));
    code_.JumpIfEqual(1, htons(0xfe80), local);
    code_.Jump(drop_);
    code_.Place(own);
    code_.Set(kSender, kOwn);
    code_.Jump(walk);
    code_.Place(local);
    code_.Set(kSender, kOtherLinkLocal);
    code_.Jump(walk);
    code_.Place(none);
    code_.Set(kSender, kUnspecified);
    code_.Place(walk);
    WalkHeaders();
  }

  // Neighbor discovery may stand behind other headers.
  void WalkHeaders() {
    const BpfLabel icmp = code_.NewLabel(), other = code_.NewLabel();
    Fetch(kIp6NextHeader, 1);
    code_.Load(BPF_B, kNext, kStack, kBuffer);
    code_.Set(kAt, kIp6Payload);
    for (int i = 0; i < kMaxExtensionHeaders; ++i) {
      const BpfLabel fragment = code_.NewLabel(), extension = code_.NewLabel(), next = code_.NewLabel();
      code_.JumpIfEqual(kNext, kIcmp6, icmp);
      code_.JumpIfEqual(kNext, kFragmentHeader, fragment);
      code_.JumpIfEqual(kNext, kHopByHop, extension);
      code_.JumpIfEqual(kNext, kRouting, extension);
      code_.JumpIfEqual(kNext, kDestination, extension);
      code_.Jump(other);

      code_.Place(fragment);
      // Behind the first fragment there is no header.
      FetchAt(2, 2);
      code_.Load(BPF_H, 1, kStack, kBuffer);
      code_.And(1, htons(0xfff8));
      code_.JumpIfNotEqual(1, 0, other);
      FetchAt(0, 1);
      code_.Load(BPF_B, kNext, kStack, kBuffer);
      code_.Add(kAt, 8);
      code_.Jump(next);

      code_.Place(extension);
      FetchAt(0, 2);
      code_.Load(BPF_B, kNext, kStack, kBuffer);
      code_.Load(BPF_B, 1, kStack, kBuffer + 1);
      code_.Add(1, 1);
      code_.ShiftLeft(1, 3);
      code_.AddRegister(kAt, 1);
      code_.Place(next);
    }
    code_.JumpIfEqual(kNext, kIcmp6, icmp);
    code_.Jump(drop_);
    code_.Place(other);
    code_.JumpIfEqual(kSender, kUnspecified, drop_);
    code_.Jump(pass_);
    code_.Place(icmp);
    CheckIcmp6();
  }

  void CheckIcmp6() {
    const BpfLabel discovery = code_.NewLabel(), target = code_.NewLabel();
    FetchAt(0, 1);
    code_.Load(BPF_B, kNext, kStack, kBuffer);
    code_.JumpIfEqual(kNext, kRouterAdvertisement, drop_);
    code_.JumpIfEqual(kNext, kNdpRedirect, drop_);
    for (const uint32_t type : {kRouterSolicitation, kNeighborSolicitation, kNeighborAdvertisement})
      code_.JumpIfEqual(kNext, type, discovery);
    for (const uint32_t type : {kMld1Report, kMld1Done, kMld2Report}) code_.JumpIfEqual(kNext, type, pass_);
    code_.JumpIfEqual(kSender, kUnspecified, drop_);
    code_.Jump(pass_);

    code_.Place(discovery);
    // The option with the sender's MAC address would bind it to an address of somebody else.
    code_.JumpIfEqual(kSender, kOtherLinkLocal, drop_);
    code_.JumpIfEqual(kNext, kRouterSolicitation, pass_);
    code_.JumpIfEqual(kNext, kNeighborAdvertisement, target);
    code_.JumpIfEqual(kSender, kOwn, pass_);
    code_.Place(target);
    FetchAt(8, 16);
    JumpIfListed6(pass_);
    code_.Jump(drop_);
  }

  BpfAssembler code_;
  BpfLabel drop_, pass_;
  const std::string mac_;
  const std::vector<std::string> ip4_;
  const std::vector<std::string> ip6_;  // with the link-local one
  const bool any_address_;
};

}  // namespace

Result<std::vector<bpf_insn>> SenderFilter(const SenderRules& rules) {
  VC_ASSIGN_OR_RETURN(const std::string mac, ParseMac(rules.mac));
  std::vector<std::string> ip4, ip6 = {LinkLocalOf(mac)};
  for (const std::string& text : rules.addresses) {
    VC_ASSIGN_OR_RETURN(const IpAddress address, ParseIp(text));
    (address.family == AF_INET ? ip4 : ip6).push_back(address.bytes);
  }
  std::vector<bpf_insn> program =
      SenderProgram(mac, std::move(ip4), std::move(ip6), rules.any_address).Write();
  if (program.empty())
    return Fail(Code::kInvalidArgument,
                "the sender has too many addresses: " + std::to_string(rules.addresses.size()));
  return program;
}

Result<UniqueFd> LoadClassifier(const std::vector<bpf_insn>& program) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<uintptr_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  // The kernel makes the descriptor close-on-exec.
  UniqueFd fd(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes))));
  if (fd) return fd;
  const std::string what =
      "check what the guest sends: the kernel refuses a bpf program: " + std::string(std::strerror(errno));
  if (errno == EPERM || errno == EACCES)
    return Fail(Code::kFailedPrecondition,
                what + ": this needs CAP_BPF and CAP_NET_ADMIN of the host; or allow spoofing");
  if (errno == ENOSYS)
    return Fail(Code::kFailedPrecondition, what + ": this kernel has no bpf(2); or allow spoofing");
  return Fail(Code::kFailedPrecondition, what);
}

}  // namespace virtcontainers
