// Holds a network namespace until its VM ends.
//
// Descriptor 3 is a socket to the process that started this one. It is told "ready", or what failed. It sends
// a pidfd with the message "bind", and is told "bound": from then on this process ends with that of the
// pidfd. Until then it ends when the socket is closed at the other end. It links the C library alone.

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <net/if.h>

namespace {

constexpr int kControl = 3;

// Tells why it cannot go on, and ends.
[[noreturn]] void FailWith(const char* what) {
  char text[256];
  const int size = snprintf(text, sizeof(text), "%d %s", errno, what);
  if (size > 0) (void)send(kControl, text, static_cast<size_t>(size), MSG_NOSIGNAL);
  _exit(1);
}

void BringLoopbackUp() {
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) FailWith("open a socket");
  ifreq request{};
  memcpy(request.ifr_name, "lo", sizeof("lo"));
  request.ifr_flags = IFF_UP;
  if (ioctl(any, SIOCSIFFLAGS, &request) != 0) FailWith("bring loopback up");
  close(any);
}

void DropCapabilities() {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability) != 0) FailWith("drop a capability");
  }
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) FailWith("give up capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) FailWith("set no_new_privs");
}

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the filter of system calls is not known to fit this architecture"
#endif

// What the rest of this program calls; everything else ends it. (seccomp(2))
void ForbidEverythingElse() {
  constexpr unsigned kAllowed[] = {
#ifdef SYS_poll
      SYS_poll,
#endif
      SYS_ppoll, SYS_recvmsg, SYS_sendto, SYS_close, SYS_exit_group, SYS_restart_syscall, SYS_rt_sigreturn};
  constexpr unsigned kCount = sizeof(kAllowed) / sizeof(kAllowed[0]);
  constexpr unsigned kHead = 3;
  sock_filter filter[kHead + kCount + 3] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      // To the end that kills.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, kCount + 1),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (unsigned i = 0; i < kCount; ++i) {
    filter[kHead + i] =
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAllowed[i], static_cast<unsigned char>(kCount - i), 0);
  }
  filter[kHead + kCount] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[kHead + kCount + 1] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  sock_fprog program{kHead + kCount + 2, filter};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) FailWith("install the system call filter");
}

// Blocks until the descriptor can be read.
void Await(int fd) {
  pollfd poll_fd{fd, POLLIN, 0};
  while (poll(&poll_fd, 1, -1) < 0) {
    if (errno != EINTR) _exit(1);
  }
}

// The pidfd of one message; -1 for a message without; ends at the end of the messages.
int ReceivePidfd() {
  char text[16];
  iovec part{text, sizeof(text)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size = 0;
  do {
    size = recvmsg(kControl, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) _exit(0);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -1;
  int fd = -1;
  memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return fd;
}

}  // namespace

int main() {
  if (chdir("/") != 0) FailWith("change to the root directory");
  if (unshare(CLONE_NEWNET) != 0) FailWith("make a network namespace");
  BringLoopbackUp();
  DropCapabilities();
  ForbidEverythingElse();
  for (int standard = 0; standard <= 2; ++standard) close(standard);
  if (send(kControl, "ready", 5, MSG_NOSIGNAL) != 5) _exit(1);

  int vm = -1;
  while (vm < 0) vm = ReceivePidfd();
  (void)send(kControl, "bound", 5, MSG_NOSIGNAL);
  close(kControl);
  Await(vm);
  _exit(0);
}
