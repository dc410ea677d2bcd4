// Files and directories that are copied into containers and out of them.
//
// A single file goes into a container by the agent's own call. Everything else is a tar archive, which a tar
// of the guest image makes or unpacks: a process in the container, which can do there what any other process
// of its user can, and no more. What it sends is not trusted.

#include "virtcontainers/copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "archive/pack.h"
#include "archive/unpack.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/random_name.h"
#include "os/thread.h"
#include "runtime/call_context.h"
#include "runtime/runtime_impl.h"

namespace virtcontainers {
namespace {

using std::chrono::seconds;

constexpr size_t kCopyPart = 512 << 10;

// How much of what tar complains about is repeated.
constexpr size_t kComplaint = 2000;

// How long tar may take to end once the copy is over.
constexpr seconds kEnding{10};

// A path as its parent and its last name, without '.', double slashes and a slash at the end. The last name
// is empty for the root.
struct SplitPath {
  std::string parent, name;
};

Result<SplitPath> Split(const std::string& path, const char* what) {
  if (path.find('\0') != std::string::npos) {
    return Fail(Code::kInvalidArgument, std::string(what) + " has a NUL byte in it");
  }
  if (path.empty()) return Fail(Code::kInvalidArgument, std::string(what) + " is empty");
  std::vector<std::string> names;
  for (size_t at = 0; at < path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const std::string name = path.substr(at, slash - at);
    at = slash + 1;
    if (name == "..") {
      return Fail(Code::kInvalidArgument, std::string(what) + " " + Quoted(path) + " has a '..' in it");
    }
    if (!name.empty() && name != ".") names.push_back(name);
  }
  SplitPath split;
  if (!names.empty()) {
    split.name = std::move(names.back());
    names.pop_back();
  }
  split.parent = path[0] == '/' ? "/" : "";
  for (const std::string& name : names) split.parent += name + "/";
  if (split.parent.empty()) split.parent = ".";
  return split;
}

Result<SplitPath> SplitInContainer(const std::string& path, const char* what) {
  if (path.empty() || path[0] != '/') {
    return Fail(Code::kInvalidArgument,
                std::string(what) + " " + Quoted(path) + " is not absolute: it is a path in the container");
  }
  return Split(path, what);
}

// At most `size` bytes of a file that somebody may be writing to.
Result<std::string> ReadPart(int file, const std::string& path, uint64_t offset, size_t size) {
  std::string data(size, '\0');
  size_t there = 0;
  while (there < size) {
    const ssize_t count =
        ::pread(file, data.data() + there, size - there, static_cast<off_t>(offset + there));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("read " + Quoted(path));
    if (count == 0) {
      return Fail(Code::kAborted, Quoted(path) + " became shorter while it was copied: copy it again");
    }
    there += static_cast<size_t>(count);
  }
  return data;
}

// The error of a program that says what is wrong as C's library does.
Status CheckTool(const std::string& name, const ExitStatus& exit, std::string complaint) {
  if (exit.code == 0) return {};
  // What tar adds at its end says nothing more.
  constexpr std::string_view kDelayed = "tar: error exit delayed from previous errors";
  const size_t delayed = complaint.rfind(kDelayed);
  if (delayed != std::string::npos && delayed > 0) complaint.resize(delayed);
  while (!complaint.empty() && complaint.back() == '\n') complaint.pop_back();
  const auto says = [&](const char* text) { return complaint.find(text) != std::string::npos; };
  const Code code = says("No such file or directory") ? Code::kNotFound
                    : says("Not a directory")         ? Code::kNotFound
                    : says("Permission denied")       ? Code::kPermissionDenied
                    : says("Read-only file system")   ? Code::kPermissionDenied
                    : says("No space left on device") ? Code::kResourceExhausted
                    : says("File exists")             ? Code::kAlreadyExists
                                                      : Code::kAborted;
  if (complaint.empty()) complaint = name + " ended with status " + std::to_string(exit.code);
  return Fail(code, "in the container: " + complaint);
}

ProcessConfig Tool(std::vector<std::string> args) {
  ProcessConfig config;
  config.args = std::move(args);
  config.guest_program = true;
  return config;
}

// A tar that runs in a container, with a thread that reads what it complains about.
class Tar {
 public:
  Tar(std::unique_ptr<Process> process, const Deadline& deadline)
      : process_(std::move(process)), deadline_(deadline) {}

  // Ends a tar whose end has not been seen.
  ~Tar() {
    if (!ended_) (void)process_->Signal(SIGKILL, Deadline::After(kEnding));
    if (complaint_.valid()) complaint_.wait();
  }
  Tar(const Tar&) = delete;
  Tar& operator=(const Tar&) = delete;

  Status Listen() {
    return StartThreads([this] {
      complaint_ = std::async(std::launch::async, [this] {
        std::string all(kComplaint, '\0'), rest(kComplaint, '\0');
        size_t kept = 0;
        while (true) {
          const bool full = kept == all.size();
          const Result<size_t> count = process_->ReadStderr(
              full ? std::span<char>(rest) : std::span<char>(all).subspan(kept), deadline_);
          if (!count || *count == 0) break;
          if (!full) kept += *count;
        }
        all.resize(kept);
        return all;
      });
    });
  }

  Result<size_t> Read(std::span<char> buffer) { return process_->ReadStdout(buffer, deadline_); }
  Status Write(std::string_view bytes) { return process_->WriteStdin(bytes, deadline_); }
  Status CloseInput() { return process_->CloseStdin(Min(deadline_, Deadline::After(kEnding))); }

  // What the copy came to: the first error of `copied`, unless tar itself says what is wrong.
  Result<CopyReport> Finish(Result<CopyReport> copied) {
    // A tar whose output or input nobody takes any more does not end by itself.
    if (!copied && copied.error().code() != Code::kDataLoss &&
        copied.error().reason() != Reason::kInputClosed) {
      return copied;
    }
    const Result<ExitStatus> exit = process_->Wait(deadline_);
    if (!exit) return copied ? Result<CopyReport>(Fail(exit.error())) : copied;
    ended_ = true;
    VC_RETURN_IF_ERROR(CheckTool("tar", *exit, complaint_.get()));
    return copied;
  }

 private:
  const std::unique_ptr<Process> process_;
  const Deadline deadline_;
  bool ended_ = false;
  std::future<std::string> complaint_;
};

// Of a call that another is made of: without what that one is.
template <typename T>
Result<T> Bare(Result<T> result) {
  if (!result) return Fail(result.error().Reworded(result.error().message()));
  return result;
}

// So long may a tar run whose caller has died.
std::chrono::milliseconds TimeLimit(const Deadline& deadline) {
  if (deadline.infinite()) return std::chrono::milliseconds(0);
  return std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()) + kEnding;
}

// Removes a copy that was not finished.
class Unfinished {
 public:
  Unfinished(std::string path, const Log& log) : path_(std::move(path)), log_(log) {}
  ~Unfinished() {
    if (!path_.empty()) log_.NoteFailure("remove an unfinished copy", RemoveTree(path_));
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  void Keep() { path_.clear(); }

 private:
  std::string path_;
  const Log& log_;
};

// Gives a finished copy its name.
Status Rename(int directory, const std::string& from, const SplitPath& to, const std::string& destination) {
  struct stat made {};
  if (::fstatat(directory, from.c_str(), &made, AT_SYMLINK_NOFOLLOW) < 0) return FailErrno("stat the copy");
  const unsigned flags = S_ISDIR(made.st_mode) ? RENAME_NOREPLACE : 0;
  if (::renameat2(directory, from.c_str(), directory, to.name.c_str(), flags) == 0) return {};
  if (errno == EEXIST || errno == EISDIR) {
    return Fail(Code::kAlreadyExists,
                Quoted(destination) + " exists already: remove it, or name another destination");
  }
  return FailErrno("rename the copy to " + Quoted(destination));
}

// Copies a file that is open, as CopyTo does.
Status CopyFile(const MonitorCaller& monitors, std::string_view pod, std::string_view container, int file,
                const std::string& source, const std::string& destination, const CopyOptions& options,
                Deadline deadline) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return FailErrno("stat " + Quoted(source));
  wire::CopyRequest request;
  request.set_container(std::string(container));
  request.set_copy(RandomName());
  request.set_path(destination);
  request.set_size(static_cast<uint64_t>(info.st_size));
  request.set_mode(options.mode.value_or(info.st_mode & 07777));
  request.set_uid(options.uid);
  request.set_gid(options.gid);
  // An empty file is one part, too.
  do {
    const size_t part = std::min<uint64_t>(kCopyPart, request.size() - request.offset());
    VC_ASSIGN_OR_RETURN(*request.mutable_data(), ReadPart(file, source, request.offset(), part));
    VC_RETURN_IF_ERROR(
        monitors.QueryContainer(pod, container, ContainerCall::kCopyFile, "CopyFile", request, deadline));
    request.set_offset(request.offset() + part);
  } while (request.offset() < request.size());
  return {};
}

}  // namespace

Result<CopyReport> Runtime::CopyTo(std::string_view pod, std::string_view container,
                                   const std::string& source, const std::string& destination,
                                   const CopyOptions& options, Deadline deadline) {
  const auto tool = [&](std::vector<std::string> args) -> Status {
    const std::string name = args[0];
    VC_ASSIGN_OR_RETURN(CommandResult result,
                        Bare(RunCommand(pod, container, Tool(std::move(args)), {}, deadline)));
    if (result.end != CommandEnd::kExited)
      return Fail(Code::kDeadlineExceeded, name + " did not end in time");
    return CheckTool(name, result.exit, std::move(result.stderr_data));
  };
  const auto copy_directory = [&](int directory, const SplitPath& to) -> Result<CopyReport> {
    if (options.mode) {
      return Fail(Code::kInvalidArgument,
                  Quoted(source) + " is a directory: what is in it keeps its own mode; leave the mode out");
    }
    if (to.name.empty() || tool({"test", "-e", destination, "-o", "-L", destination})) {
      return Fail(Code::kAlreadyExists,
                  Quoted(destination) +
                      " exists already in the container: remove it, or name a path that "
                      "is not there, whose last name is that of the copy");
    }
    const std::string base = "." + to.name.substr(0, 200) + ".copy-" + RandomName();
    ProcessConfig command = Tool({"tar", "-x", "-f", "-", "-C", to.parent});
    command.time_limit = TimeLimit(deadline);
    VC_ASSIGN_OR_RETURN(std::unique_ptr<Process> process,
                        Bare(EnterContainer(pod, container, command, deadline)));
    Result<CopyReport> copied = [&]() -> Result<CopyReport> {
      Tar tar(std::move(process), deadline);
      VC_RETURN_IF_ERROR(tar.Listen());
      Result<CopyReport> packed =
          Pack(directory, source, base, options, [&](std::string_view bytes) { return tar.Write(bytes); });
      if (packed) {
        if (const Status closed = tar.CloseInput(); !closed) packed = Fail(closed.error());
      }
      return tar.Finish(std::move(packed));
    }();
    if (copied) {
      if (const Status moved = tool({"mv", "-T", to.parent + base, to.parent + to.name}); !moved) {
        copied = Fail(moved.error());
      }
    }
    if (!copied) {
      (void)RunCommand(pod, container, Tool({"rm", "-rf", to.parent + base}), {}, Deadline::After(kEnding));
    }
    return copied;
  };
  const auto copy = [&]() -> Result<CopyReport> {
    if (source.find('\0') != std::string::npos) {
      return Fail(Code::kInvalidArgument, "the source has a NUL byte in it");
    }
    VC_ASSIGN_OR_RETURN(const SplitPath to, SplitInContainer(destination, "destination"));
    if (options.mode && (*options.mode & ~07777u) != 0) {
      return Fail(Code::kInvalidArgument, "mode " + std::to_string(*options.mode) + " has more than 07777");
    }
    // Not blocking: a fifo would wait for its writer.
    const UniqueFd file(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return FailErrno("open " + Quoted(source));
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return FailErrno("stat " + Quoted(source));
    if (S_ISDIR(info.st_mode)) return copy_directory(file.get(), to);
    if (!S_ISREG(info.st_mode)) {
      return Fail(Code::kInvalidArgument, Quoted(source) + " is neither a regular file nor a directory");
    }
    if (to.name.empty() || destination.back() == '/') {
      return Fail(Code::kInvalidArgument,
                  "destination " + Quoted(destination) + " is not the absolute path of a file");
    }
    VC_RETURN_IF_ERROR(
        CopyFile(impl_->monitors(), pod, container, file.get(), source, destination, options, deadline));
    CopyReport report;
    report.entries = 1;
    report.bytes = static_cast<uint64_t>(info.st_size);
    return report;
  };
  return WithContext(Doing("copy into", container, pod), deadline, copy());
}

Result<CopyReport> Runtime::CopyFrom(std::string_view pod, std::string_view container,
                                     const std::string& source, const std::string& destination,
                                     const CopyLimits& limits, Deadline deadline) {
  const auto copy = [&]() -> Result<CopyReport> {
    VC_ASSIGN_OR_RETURN(const SplitPath from, SplitInContainer(source, "source"));
    VC_ASSIGN_OR_RETURN(const SplitPath to, Split(destination, "destination"));
    const UniqueFd directory(::open(to.parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return FailErrno("open directory " + Quoted(to.parent));
    struct stat there {};
    const bool is_there =
        to.name.empty() || ::fstatat(directory.get(), to.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && (to.name.empty() || S_ISDIR(there.st_mode))) {
      return Fail(Code::kAlreadyExists,
                  Quoted(destination) +
                      " is a directory: name a path that is not there, whose last name is that "
                      "of the copy");
    }
    const std::string temporary = "." + to.name.substr(0, 200) + ".copy-" + RandomName();
    Unfinished unfinished(to.parent + "/" + temporary, impl_->pods().log());

    ProcessConfig command =
        Tool({"tar", "-c", "-f", "-", "-C", from.parent, from.name.empty() ? "." : "./" + from.name});
    command.time_limit = TimeLimit(deadline);
    VC_ASSIGN_OR_RETURN(std::unique_ptr<Process> process,
                        Bare(EnterContainer(pod, container, command, deadline)));
    Tar tar(std::move(process), deadline);
    VC_RETURN_IF_ERROR(tar.Listen());
    VC_ASSIGN_OR_RETURN(CopyReport report,
                        tar.Finish(Unpack([&](std::span<char> buffer) { return tar.Read(buffer); }, from.name,
                                          directory.get(), temporary, limits)));
    VC_RETURN_IF_ERROR(Rename(directory.get(), temporary, to, destination));
    unfinished.Keep();
    return report;
  };
  return WithContext(Doing("copy out of", container, pod), deadline, copy());
}

}  // namespace virtcontainers
