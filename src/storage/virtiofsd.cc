#include "storage/virtiofsd.h"

#include "base/errors.h"
#include "os/file.h"
#include "os/subprocess.h"

namespace virtcontainers {
namespace {

constexpr const char* kPlaces[] = {
    "/usr/libexec/virtiofsd",   // Debian 13, Fedora
    "/usr/lib/qemu/virtiofsd",  // Debian 12, Ubuntu 22.04
    "/usr/lib/virtiofsd",       // Arch
};

constexpr std::string_view kNameInVersion = "virtiofsd ";

std::string FindPath() {
  std::string path = FindProgram("virtiofsd");
  for (const char* place : kPlaces) {
    if (path.empty() && IsExecutable(place)) path = place;
  }
  return path;
}

std::string_view FirstWord(std::string_view text) { return text.substr(0, text.find_first_of(" \t\r\n")); }

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

const char* SandboxName(VirtiofsdSandbox sandbox) {
  return sandbox == VirtiofsdSandbox::kNamespace ? "namespace" : "chroot";
}

}  // namespace

Result<Virtiofsd> IdentifyVirtiofsd(const std::string& path, std::string_view version_output) {
  std::string_view text = version_output;
  if (TakePrefix(text, kNameInVersion)) {
    Virtiofsd found{path, VirtiofsdFlavor::kRust, ""};
    // "virtiofsd version 7.2.22 (Debian …)" is QEMU's; "virtiofsd 1.13.2" and, before 1.5, "virtiofsd
    // backend 1.4.0" not.
    if (TakePrefix(text, "version ")) {
      found.flavor = VirtiofsdFlavor::kC;
    } else {
      (void)TakePrefix(text, "backend ");
    }
    found.version = FirstWord(text);
    if (!found.version.empty() && found.version[0] >= '0' && found.version[0] <= '9') return found;
  }
  return Fail(Code::kAborted, Quoted(path) + " is not a known virtiofsd: its --version prints " +
                                  Quoted(version_output.substr(0, version_output.find('\n'))));
}

Result<Virtiofsd> FindVirtiofsd(const std::string& configured, Deadline deadline) {
  const std::string path = configured.empty() ? FindPath() : FindProgram(configured);
  if (path.empty() && configured.empty()) {
    return Fail(Code::kNotFound,
                "virtiofsd is not installed: install it ('apt-get install virtiofsd', on Debian 12 "
                "'apt-get install qemu-system-common')");
  }
  if (path.empty()) {
    return Fail(Code::kNotFound, "virtiofsd " + Quoted(configured) + " is not there, or not executable");
  }
  VC_ASSIGN_OR_RETURN(const std::string said, RunCommand({path, "--version"}, deadline));
  return IdentifyVirtiofsd(path, said);
}

std::vector<std::string> VirtiofsdArguments(const Virtiofsd& program, const std::string& directory, int fd,
                                            VirtiofsdSandbox sandbox) {
  // Both: access control lists are the guest kernel's affair, which refuses to set one in a submount, instead
  // of a file's contents that it stores and does not obey; and a file that another user truncates or writes
  // loses its set-user-id bit. The guest sees each container's files as a file system of its own (or equal
  // inode numbers of two of them would be one file to it), file capabilities work, and requests are served by
  // the thread that reads them, which takes the least memory and, with few CPUs, the least time.
  std::vector<std::string> arguments = {program.path, "--fd=" + std::to_string(fd), "--thread-pool-size=0"};
  if (program.flavor == VirtiofsdFlavor::kRust) {
    for (const char* argument : {"--cache=auto", "--xattr", "--posix-acl", "--killpriv-v2",
                                 "--announce-submounts", "--log-level=warn"}) {
      arguments.emplace_back(argument);
    }
    arguments.push_back(std::string("--sandbox=") + SandboxName(sandbox));
    arguments.push_back("--shared-dir=" + directory);
    return arguments;
  }
  // With cache=auto the guest reads a program anew from the host each time that it is run, which takes an
  // emulated guest 0.1 s. So it keeps what it has read, and asks once a second whether the file is still the
  // same.
  //
  // FUSE's option syntax: commas and backslashes of the value are escaped.
  std::string source;
  for (const char c : directory) {
    if (c == ',' || c == '\\') source += '\\';
    source += c;
  }
  arguments.insert(
      arguments.end(),
      {"-f", "-o", "cache=always,timeout=1,xattr,posix_acl,killpriv_v2,announce_submounts,log_level=warn"});
  arguments.insert(arguments.end(), {"-o", std::string("sandbox=") + SandboxName(sandbox)});
  arguments.insert(arguments.end(), {"-o", "source=" + source});
  return arguments;
}

}  // namespace virtcontainers
