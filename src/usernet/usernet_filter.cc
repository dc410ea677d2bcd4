#include "usernet/usernet_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "os/confine_filter.h"

namespace virtcontainers {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kOwnArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kOwnArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the filter of system calls is not known to fit this architecture"
#endif

constexpr uint32_t kAllowed[] = {
    // waiting, and the time
    SYS_ppoll,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_restart_syscall,
    SYS_rt_sigreturn,
    // the stream, and sockets
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_close,
    SYS_connect,
    SYS_accept,
    SYS_accept4,
    SYS_shutdown,
    SYS_getsockname,
    SYS_getpeername,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_ioctl,
    SYS_fcntl,
    // the resolver's address in /etc/resolv.conf
    SYS_fstat,
    SYS_newfstatat,
    SYS_lseek,
    // memory
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_futex,
    SYS_getrandom,
    // an end, and one by a failed assertion
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_getpid,
    SYS_gettid,
#ifdef __SANITIZE_ADDRESS__
    SYS_sigaltstack,  // the sanitizer's, before an end
#endif
#ifdef SYS_poll
    SYS_poll,
    SYS_time,
    SYS_stat,
#endif
};

constexpr uint32_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

}  // namespace

Status InstallUsernetFilter() {
  const sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  const sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_filter load_call = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  // The lower halves of arguments that are ints come first on these machines.
  const auto load_argument = [](size_t n) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                static_cast<uint32_t>(offsetof(seccomp_data, args) + n * sizeof(uint64_t)));
  };
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOwnArchitecture, 1, 0),
      refuse,
      load_call,
  };
  for (const uint32_t call : kAllowed) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(allow);
  }
  // openat: for reading.
  filter.insert(filter.end(), {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4), load_argument(2),
                               BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kWriting, 0, 1), refuse, allow});
  // socket: streams and datagrams of IPv4 and IPv6.
  filter.insert(filter.end(),
                {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 7), load_argument(0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 4), load_argument(1),
                 BPF_STMT(BPF_ALU | BPF_AND | BPF_K, static_cast<uint32_t>(~(SOCK_CLOEXEC | SOCK_NONBLOCK))),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 2, 0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 1, 0), refuse, allow});
  return InstallFilter(filter);
}

}  // namespace virtcontainers
