// A program for the kernel that lets through what a guest may send. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_SENDER_FILTER_H_
#define VIRTCONTAINERS_SRC_NETWORK_SENDER_FILTER_H_

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Who the sender of a frame may claim to be.
struct SenderRules {
  std::string mac;  // text
  // Text, with or without the length of a prefix, which does not matter.
  std::vector<std::string> addresses;
  // Only MAC addresses are checked, those within ARP too: for a guest whose addresses nobody knows.
  bool any_address = false;
};

// A program for the `bpf` classifier in direct-action mode, at the ingress of a tap: it drops a frame, or
// leaves it to the next filter. What passes, always with the MAC address as its source and without a VLAN
// tag:
//
// - ARP for the MAC address, and for an address of the list; a probe for one, too. (RFC 5227)
// - IPv4 from an address of the list. With no IPv4 address in the list: requests of a DHCP client.
// - IPv6 from an address of the list, or from the link-local address that belongs to the MAC address.
//   From other link-local addresses anything but neighbor discovery, from the unspecified address what
//   precedes an address: solicitations for an address of the list or for the link-local one, router
//   solicitations, multicast listener reports. Neighbor advertisements have a target of the list or the
//   link-local one; router advertisements and redirects never pass. (RFC 4861, RFC 4862)
//
// Everything else is dropped. Errors: InvalidArgument for text that is no address.
Result<std::vector<bpf_insn>> SenderFilter(const SenderRules& rules);

// Hands a program to the kernel; it lives as long as the descriptor, or the qdisc that it is attached to.
// Errors: FailedPrecondition if the kernel or this process's rights do not allow it, saying what is missing.
Result<UniqueFd> LoadClassifier(const std::vector<bpf_insn>& program);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_SENDER_FILTER_H_
