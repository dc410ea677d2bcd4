// Reading config.json: one object of it, and what is refused there.

#ifndef VIRTCONTAINERS_SRC_POD_OCI_SECTION_H_
#define VIRTCONTAINERS_SRC_POD_OCI_SECTION_H_

#include <algorithm>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/json.h"
#include "virtcontainers/oci.h"

namespace virtcontainers {

// Why a field is refused. docs/oci-config.md has the same for each. The first three are of fields of the
// host, which may be dropped.
inline constexpr const char* kHosts = "is the host's business, which a container in a VM has no part in";
inline constexpr const char* kOldCgroups = "is of cgroups v1, and the guest has v2";
inline constexpr const char* kNoLabels = "is a label of a security module that the guest does not have";
inline constexpr const char* kOthers = "is not for Linux: remove it";
inline constexpr const char* kNoUsers =
    "needs a user namespace, and a container in a VM has none: the VM keeps it from the host; remove it";
inline constexpr const char* kNoTime = "needs a time namespace, and a container in a VM has none: remove it";
inline constexpr const char* kNoScheduling = "cannot be told to the guest's agent: remove it";

// What is known, and refused when it says anything.
struct Refused {
  const char* name;
  const char* why;
  bool of_host = false;  // dropped instead, if the caller wants that (OciHostFields)
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
  // `dropped`: fields of the host are dropped and noted there; null: they are refused.
  Section(const Json& object, const std::string& path, std::vector<OciDroppedField>* dropped)
      : object_(object), reader_(object, path), dropped_(dropped) {}

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
      if (value == nullptr || SaysNothing(*value)) continue;
      if (entry.of_host) {
        RefuseOrDrop(entry.name, entry.why);
      } else {
        Refuse(entry.name, entry.why);
      }
    }
  }
  void Refuse(const char* name, const char* why) { Fail(reader_.PathOf(name), why); }
  // Notes a field that has no effect, whatever the caller wants.
  void Drop(const char* name, const char* why) {
    if (dropped_ != nullptr) dropped_->push_back({reader_.PathOf(name), why});
  }
  // Refuse, of a field of the host, which the caller may want dropped. Whether it was.
  bool RefuseOrDrop(const char* name, const std::string& why) {
    if (dropped_ == nullptr) {
      Fail(reader_.PathOf(name), why + ": remove it");
      return false;
    }
    dropped_->push_back({reader_.PathOf(name), why});
    return true;
  }

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
    Section inner(*object, reader_.PathOf(name), dropped_);
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
      Section inner(element, reader_.PathOf(name) + "[" + std::to_string(index++) + "]", dropped_);
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
  std::vector<OciDroppedField>* const dropped_;
};

// The object "linux". (oci_linux.cc)
void ReadOciLinux(Section& section, OciConfig& oci);
// The object "linux.resources"; `field` names it in messages.
void ReadOciResources(Section& section, ContainerResources& resources, const std::string& field);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_OCI_SECTION_H_
