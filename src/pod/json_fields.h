// What the readers of stored configurations have in common.

#ifndef VIRTCONTAINERS_SRC_POD_JSON_FIELDS_H_
#define VIRTCONTAINERS_SRC_POD_JSON_FIELDS_H_

#include <string>

#include "base/errors.h"
#include "base/json.h"
#include "pod/enum_names.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

template <typename E, size_t N>
void ReadEnum(JsonReader& reader, const char* name, const EnumName<E> (&names)[N], E& out) {
  std::string word;
  reader.Read(name, word);
  if (word.empty() || !reader.status()) return;
  const Result<E> value = ValueOf(names, word, reader.PathOf(name));
  if (value) {
    out = *value;
  } else {
    reader.FailWith(value.error());
  }
}

// What is stored was valid. Without an id the file is not what was stored.
inline void ReadId(JsonReader& reader, std::string& id) {
  reader.Read("id", id);
  if (!IsValidId(id)) reader.FailWith(Error(Code::kInvalidArgument, "'id' is missing or not valid"));
}

inline Json ToJson(const ProcessIdentity& process) {
  return {{"pid", process.pid}, {"start_time", process.start_time}, {"boot_id", process.boot_id}};
}

inline void ReadIdentity(JsonReader& reader, ProcessIdentity& out) {
  reader.Read("pid", out.pid);
  reader.Read("start_time", out.start_time);
  reader.Read("boot_id", out.boot_id);
  if (reader.status() && out.pid < 0) {
    reader.FailWith(Error(Code::kInvalidArgument, Quoted(reader.PathOf("pid")) + " is no legal pid"));
  }
}

// Runs `read` on the object of that name, if there is one, and passes its error on.
template <typename F>
void ReadObject(JsonReader& reader, const char* name, F read) {
  const Json* object = reader.Object(name);
  if (object == nullptr) return;
  JsonReader inner(*object, reader.PathOf(name));
  read(inner);
  if (!inner.status()) reader.FailWith(inner.status().error());
}

// The same for each object of a list.
template <typename F>
void ReadObjects(JsonReader& reader, const char* name, F read) {
  const Json* list = reader.Array(name);
  if (list == nullptr) return;
  size_t index = 0;
  for (const Json& element : *list) {
    JsonReader inner(element, reader.PathOf(name) + "[" + std::to_string(index++) + "]");
    read(inner);
    if (!inner.status()) return reader.FailWith(inner.status().error());
  }
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_JSON_FIELDS_H_
