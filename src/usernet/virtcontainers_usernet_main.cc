// The user-mode network of a VM, as a process that can do nothing else.
//
//   virtcontainers-usernet OPTIONS     OPTIONS: UsernetOptionsToJson; descriptors 3 and 4: usernet_options.h
//   virtcontainers-usernet --version
//
// The forwards are bound first, because the process has no right to bind a port once it is confined.
// Exit status: 0 the VM has closed its end of the stream, 1 an error, 2 wrong usage.

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "network/usernet_options.h"
#include "os/confine.h"
#include "os/descriptor_limit.h"
#include "os/file.h"
#include "usernet/slirp_stack.h"
#include "usernet/usernet_filter.h"
#include "usernet/usernet_loop.h"

namespace virtcontainers {
namespace {

constexpr char kResolvConf[] = "/etc/resolv.conf";
constexpr uint64_t kMaxLogSize = 1 << 20;
constexpr int kUsage = 2;

// All the files of the host that it sees: the one with the resolver's address, if it is for everybody.
ConfinedRoot UsernetRoot() {
  ConfinedRoot root;
  struct stat info {};
  if (::stat(kResolvConf, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & S_IROTH) != 0)
    root.files.emplace_back(kResolvConf);
  return root;
}

Status ConfineUsernet(uint32_t user) {
  if (user != 0) {
    Confinement confinement;
    confinement.user = user;
    confinement.root = UsernetRoot();
    confinement.host_network = true;
    confinement.max_file_size = kMaxLogSize;
    VC_RETURN_IF_ERROR(ConfineThisProcess(confinement));
  } else if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return FailErrno("set no_new_privs");
  }
  return InstallUsernetFilter();
}

Status CloseOnExec(int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return {};
  return FailErrno("descriptor " + std::to_string(fd));
}

// A connection has two buffers of 128 KiB. As mappings of their own they take the pages that are used, and
// none when the connection is gone.
void MapBuffers() { (void)::mallopt(M_MMAP_THRESHOLD, 100 << 10); }

Status Prepare(std::string_view text, std::unique_ptr<UsernetLoop>& loop) {
  // libslirp writes to connections whose peers have closed them.
  if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return FailErrno("ignore SIGPIPE");
  VC_RETURN_IF_ERROR(CloseOnExec(kUsernetStreamFd));
  VC_ASSIGN_OR_RETURN(const UsernetOptions options, UsernetOptionsFromJson(text));
  RaiseDescriptorLimit();
  MapBuffers();
  loop = std::make_unique<UsernetLoop>(UniqueFd(kUsernetStreamFd), options);
  VC_RETURN_IF_ERROR(loop->Start());
  return ConfineUsernet(options.user);
}

int RunUsernet(std::string_view text) {
  UniqueFd report(kUsernetReportFd);
  if (!CloseOnExec(report.get())) return kUsage;
  std::unique_ptr<UsernetLoop> loop;
  const Status prepared = Prepare(text, loop);
  std::string line = "ready " + std::string(SlirpVersion());
  if (!prepared) {
    line = std::to_string(static_cast<int>(prepared.error().code())) + " " + prepared.error().ToString();
  }
  (void)WriteAll(report.get(), line + "\n");
  report.reset();
  if (!prepared) return EXIT_FAILURE;
  const Status ended = loop->Run();
  if (ended) return EXIT_SUCCESS;
  std::fprintf(stderr, "%s\n", ended.error().ToString().c_str());
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace virtcontainers

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == std::string_view("--version")) {
    std::printf("libslirp %s\n", std::string(virtcontainers::SlirpVersion()).c_str());
    return EXIT_SUCCESS;
  }
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s OPTIONS | --version\n", virtcontainers::kUsernetProgram);
    return virtcontainers::kUsage;
  }
  // Without what libraries do at the end, for which the filter of system calls has no room.
  ::_exit(virtcontainers::RunUsernet(argv[1]));
}
