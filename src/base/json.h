// JSON from elsewhere, read without surprises. Host only.
//
// The library underneath recurses when it destroys or prints deep values and throws on a wrong type; nothing
// here does: size and depth are bounded before parsing, and accessors answer with an Error that names the
// field.

#ifndef VIRTCONTAINERS_SRC_BASE_JSON_H_
#define VIRTCONTAINERS_SRC_BASE_JSON_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers {

// Keeps the order in which fields were written: a person reads these files.
using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t bytes = 4 << 20;
  size_t depth = 64;
  size_t fields = 512;  // of one object: it is searched from its beginning for each of them
};

// Errors: InvalidArgument, with the place in the text, for malformed or too deep text, invalid UTF-8, a field
// that an object has twice, an object of too many fields; ResourceExhausted for text that is too large.
Result<Json> ParseJson(std::string_view text, const JsonLimits& limits = {});

// `value` as text, indented for people; invalid UTF-8 in it is replaced.
std::string DumpJson(const Json& value, bool indent = true);

// Reads the fields of one object. Missing fields leave the default; a wrong type is an error that names the
// path. Errors stick: the first one is what status() answers, and everything after it reads nothing.
class JsonReader {
 public:
  JsonReader(const Json& object, std::string path);

  void Read(const char* name, std::string& out);
  void Read(const char* name, bool& out);
  void Read(const char* name, int& out);
  void Read(const char* name, int64_t& out);
  void Read(const char* name, uint16_t& out);
  void Read(const char* name, uint32_t& out);
  void Read(const char* name, uint64_t& out);
  void Read(const char* name, std::vector<std::string>& out);
  void Read(const char* name, std::vector<uint32_t>& out);
  void Read(const char* name, std::map<std::string, std::string>& out);
  template <typename T>
  void Read(const char* name, std::optional<T>& out) {
    if (Find(name) == nullptr) return;
    T value{};
    Read(name, value);
    if (status_) out = std::move(value);
  }

  // The object or array of that name; null if it is missing (or of another type, which is an error).
  const Json* Object(const char* name);
  const Json* Array(const char* name);

  bool Has(const char* name) const { return Find(name) != nullptr; }
  // "path.name", for messages.
  std::string PathOf(const char* name) const;
  void FailWith(Error error);
  const Status& status() const { return status_; }

 private:
  const Json* Find(const char* name) const;
  void WrongType(const char* name, const char* expected);
  bool Integer(const char* name, int64_t low, uint64_t high, const Json*& found);

  const Json& object_;
  std::string path_;
  Status status_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_JSON_H_
