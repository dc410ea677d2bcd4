// What file_systems_test and file_limits_test run in containers: what no shell can do.
//
//   file_probe COMMAND PATH [ARGUMENT]
//   hold-flock, hold-lock      lock the file (flock(2), fcntl(2)), make PATH.held, wait for ever
//   try-flock, try-lock        exit status 1 if another has the lock
//   map-store BYTE             store it at the start of a shared mapping, and keep that
//   map-wait BYTE              map the file, make PATH.mapped, and wait until the byte is there
//   open-all, map-all          open every file in the directory PATH, and keep it; or map it, and close it.
//   Then say how
//                              many, and why no more, and wait for ever
// Exit status 2: the call failed, and standard error says why.

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  ::_exit(2);
}

int Open(const std::string& path, int flags, mode_t mode = 0644) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) Die("open");
  return fd;
}

[[noreturn]] void WaitForEver() {
  for (;;) ::pause();
}

// Whether it has the lock.
bool Lock(int fd, bool posix) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  const int result = posix ? ::fcntl(fd, F_SETLK, &whole) : ::flock(fd, LOCK_EX | LOCK_NB);
  if (result == 0) return true;
  if (errno != EAGAIN && errno != EACCES) Die("lock");
  return false;
}

volatile char* Map(int fd) {
  void* const page = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) Die("mmap");
  return static_cast<volatile char*>(page);
}

[[noreturn]] void KeepAll(const std::string& directory, bool by_mapping) {
  // The names first: each may take a descriptor of the host's for itself.
  std::vector<std::string> names;
  DIR* const files = ::opendir(directory.c_str());
  if (files == nullptr) Die("opendir");
  while (const dirent* entry = ::readdir(files)) {
    if (entry->d_name[0] != '.') names.push_back(directory + "/" + entry->d_name);
  }
  ::closedir(files);
  size_t count = 0;
  int error = 0;
  for (const std::string& name : names) {
    const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      error = errno;
      break;
    }
    if (by_mapping) {
      if (::mmap(nullptr, 1, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) Die("mmap");
      ::close(fd);
    }
    ++count;
  }
  std::printf("%zu: %s\n", count, std::strerror(error));
  std::fflush(stdout);
  WaitForEver();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string command = argv[1], path = argv[2], argument = argc > 3 ? argv[3] : "";
  if (command == "hold-flock" || command == "hold-lock") {
    if (!Lock(Open(path, O_RDWR), command == "hold-lock")) return 1;
    Open(path + ".held", O_WRONLY | O_CREAT);
    WaitForEver();
  }
  if (command == "try-flock" || command == "try-lock") {
    return Lock(Open(path, O_RDWR), command == "try-lock") ? 0 : 1;
  }
  if (command == "map-store") {
    *Map(Open(path, O_RDWR)) = argument.at(0);
    WaitForEver();
  }
  if (command == "map-wait") {
    const volatile char* const page = Map(Open(path, O_RDWR));
    (void)*page;
    Open(path + ".mapped", O_WRONLY | O_CREAT);
    while (*page != argument.at(0)) ::usleep(1000);
    return 0;
  }
  // As user 1000; 0: it could be opened.
  if (command == "truncate-as-other") {
    if (::setresgid(1000, 1000, 1000) < 0 || ::setresuid(1000, 1000, 1000) < 0) Die("setresuid");
    Open(path, O_WRONLY | O_TRUNC);
    return 0;
  }
  // Lets user 1001 read and write. 0: it was stored; 1: the kernel refused it as unsupported.
  if (command == "set-acl") {
    // (include/uapi/linux/posix_acl_xattr.h): a version, then tag, permissions and id of each entry.
    struct Entry {
      uint16_t tag, permissions;
      uint32_t id;
    };
    struct {
      uint32_t version = 2;
      Entry entries[5] = {{0x01, 6, ~0u}, {0x02, 6, 1001}, {0x04, 0, ~0u}, {0x10, 6, ~0u}, {0x20, 0, ~0u}};
    } acl;
    if (::setxattr(path.c_str(), "system.posix_acl_access", &acl, sizeof acl, 0) == 0) return 0;
    return errno == EOPNOTSUPP ? 1 : 2;
  }
  if (command == "open-all" || command == "map-all") KeepAll(path, command == "map-all");
  return 2;
}
