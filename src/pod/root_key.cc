#include "pod/root_key.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/errors.h"
#include "base/hash.h"
#include "os/file.h"
#include "os/random_name.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxId = 256;

// Whoever comes first gives it its id, whole: nobody reads a part of it.
Status MakeId(const std::string& path) {
  const std::string draft = path + ".tmp." + std::to_string(::getpid()) + "." + RandomName();
  VC_RETURN_IF_ERROR(WriteNewFile(draft, RandomName() + "\n"));
  const int linked = ::link(draft.c_str(), path.c_str());
  const int error = errno;
  ::unlink(draft.c_str());
  if (linked != 0 && error != EEXIST) return FailErrno("make " + Quoted(path), error);
  return SyncDirectory(path.substr(0, path.rfind('/')));
}

}  // namespace

Result<std::string> LoadRootKey(const std::string& root) {
  const std::string path = root + "/id";
  Result<std::string> id = ReadFile(path, kMaxId);
  if (!id && id.error().code() == Code::kNotFound) {
    VC_RETURN_IF_ERROR(MakeId(path));
    id = ReadFile(path, kMaxId);
  }
  VC_RETURN_IF_ERROR(id);
  const bool whole =
      id->size() > 8 && id->back() == '\n' &&
      std::all_of(id->begin(), id->end() - 1, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!whole) {
    return Fail(Code::kDataLoss, Quoted(path) +
                                     " is not the id of a root: stop its pods, remove the file, and "
                                     "the next call makes another");
  }
  return HexDigits(Hash(*id + root));
}

}  // namespace virtcontainers
