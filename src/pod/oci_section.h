// Reading config.json: one object of it, and what is refused there.

#ifndef VIRTCONTAINERS_SRC_POD_OCI_SECTION_H_
#define VIRTCONTAINERS_SRC_POD_OCI_SECTION_H_

#include <algorithm>
#include <string>

#include "base/errors.h"
#include "base/json.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// Why a field is refused. docs/oci-config.md has the same for each.
inline constexpr const char* kHosts =
    "is the host's business, which a container in a VM has no part in: remove it";
inline constexpr const char* kOthers = "is not for Linux: remove it";
inline constexpr const char* kOldCgroups = "is of cgroups v1, and the guest has v2: remove it";
inline constexpr const char* kNoUsers =
    "needs a user namespace, and a container in a VM has none: the VM keeps it from the host; remove it";
inline constexpr const char* kNoTime = "needs a time namespace, and a container in a VM has none: remove it";
inline constexpr const char* kNoLabels =
    "is a label of a security module that the guest does not have: remove it";
inline constexpr const char* kNoScheduling = "cannot be told to the guest's agent: remove it";

// What is known, and refused when it says anything.
struct Refused {
  const char* name;
  const char* why;
};

// Whether a value asks for nothing: programs write empty objects, zeros and, for "no limit", -1 where they
// mean the default.
inline bool SaysNothing(const Json& value) {
  if (value.is_structured()) return std::all_of(value.begin(), value.end(), SaysNothing);
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_unsigned()) return value.get<uint64_t>() == 0;
  if (value.is_number_integer()) return value.get<int64_t>() == -1 || value.get<int64_t>() == 0;
  return value.is_null();
}

// One object of config.json: a reader that also knows what is refused.
class Section {
 public:
  Section(const Json& object, const std::string& path) : object_(object), reader_(object, path) {}

  JsonReader& reader() { return reader_; }
  bool ok() const { return reader_.status().has_value(); }

  template <typename T>
  void Read(const char* name, T& out) {
    reader_.Read(name, out);
  }

  template <typename T>
  void ReadRequired(const char* name, T& out) {
    if (!reader_.Has(name)) Fail(reader_.PathOf(name), "is missing");
    reader_.Read(name, out);
  }

  // A number that says nothing when it is 0.
  template <typename T>
  void ReadLimit(const char* name, std::optional<T>& out) {
    T value = 0;
    reader_.Read(name, value);
    if (ok() && value != 0) out = value;
  }

  template <size_t N>
  void Refuse(const Refused (&table)[N]) {
    for (const Refused& entry : table) {
      const Json* value = Value(entry.name);
      if (value != nullptr && !SaysNothing(*value)) Refuse(entry.name, entry.why);
    }
  }
  void Refuse(const char* name, const char* why) { Fail(reader_.PathOf(name), why); }

  // 'path' what
  void Fail(const std::string& path, const std::string& what) {
    reader_.FailWith(Error(Code::kInvalidArgument, Quoted(path) + " " + what));
  }
  void Check(const Status& status) {
    if (!status) reader_.FailWith(status.error());
  }

  // Runs `read` on the object of that name, if there is one.
  template <typename F>
  void Object(const char* name, F read) {
    const Json* object = reader_.Object(name);
    if (object == nullptr) return;
    Section inner(*object, reader_.PathOf(name));
    read(inner);
    Check(inner.reader_.status());
  }

  // The same for each object of a list.
  template <typename F>
  void Objects(const char* name, F read) {
    const Json* list = reader_.Array(name);
    if (list == nullptr) return;
    size_t index = 0;
    for (const Json& element : *list) {
      Section inner(element, reader_.PathOf(name) + "[" + std::to_string(index++) + "]");
      read(inner);
      Check(inner.reader_.status());
      if (!reader_.status()) return;
    }
  }

  const Json* Value(const char* name) const {
    if (!reader_.status()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

 private:
  const Json& object_;
  JsonReader reader_;
};

// The object "linux". (oci_linux.cc)
void ReadOciLinux(Section& section, ContainerConfig& config);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_OCI_SECTION_H_
