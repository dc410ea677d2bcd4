#include "base/json.h"

#include <limits>
#include <set>

#include "base/errors.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxShown = 80;  // of a name that somebody else chose

// Builds nothing while it checks: one pass over the text, depth counted before anything recurses.
Status CheckDepth(std::string_view text, size_t limit) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) {
        return Fail(Code::kInvalidArgument, "malformed JSON: nested deeper than " + std::to_string(limit) +
                                                " levels at byte " + std::to_string(i));
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return {};
}

}  // namespace

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    return Fail(Code::kResourceExhausted, "JSON of " + std::to_string(text.size()) + " bytes: at most " +
                                              std::to_string(limits.bytes) + " are read");
  }
  VC_RETURN_IF_ERROR(CheckDepth(text, limits.depth));

  std::vector<std::set<std::string>> fields;
  std::string wrong;
  // Once something is wrong nothing more is kept: the rest of the text costs no more than its bytes.
  const auto add_field = [&](const std::string& name) {
    if (!wrong.empty() || fields.empty()) return;
    if (!fields.back().insert(name).second) {
      wrong = "the field " + Quoted(name.substr(0, kMaxShown)) + " is there twice";
    } else if (fields.back().size() > limits.fields) {
      wrong = "an object of more than " + std::to_string(limits.fields) + " fields";
    }
  };
  const Json::parser_callback_t callback = [&](int, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
        fields.emplace_back();
        break;
      case Json::parse_event_t::object_end:
        if (!fields.empty()) fields.pop_back();
        break;
      case Json::parse_event_t::key:
        add_field(parsed.get_ref<const std::string&>());
        break;
      default:
        break;
    }
    return wrong.empty();
  };
  try {
    Json value = Json::parse(text.begin(), text.end(), callback);
    if (!wrong.empty()) return Fail(Code::kInvalidArgument, "malformed JSON: " + wrong);
    return value;
  } catch (const nlohmann::json::parse_error& error) {
    return Fail(Code::kInvalidArgument, "malformed JSON at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::out_of_range&) {
    return Fail(Code::kInvalidArgument, "malformed JSON: a number is out of range");
  } catch (const std::exception& error) {
    return Fail(Code::kInvalidArgument, std::string("malformed JSON: ") + error.what());
  }
}

std::string DumpJson(const Json& value, bool indent) {
  return value.dump(indent ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

JsonReader::JsonReader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object_.is_object()) {
    FailWith(
        Error(Code::kInvalidArgument, (path_.empty() ? "the JSON" : Quoted(path_)) + " is not an object"));
  }
}

std::string JsonReader::PathOf(const char* name) const { return path_.empty() ? name : path_ + "." + name; }

void JsonReader::FailWith(Error error) {
  if (status_) status_ = Fail(std::move(error));
}

const Json* JsonReader::Find(const char* name) const {
  if (!status_) return nullptr;
  const auto found = object_.find(name);
  if (found == object_.end() || found->is_null()) return nullptr;
  return &*found;
}

void JsonReader::WrongType(const char* name, const char* expected) {
  FailWith(Error(Code::kInvalidArgument, Quoted(PathOf(name)) + " is not " + expected));
}

void JsonReader::Read(const char* name, std::string& out) {
  const Json* found = Find(name);
  if (found == nullptr) return;
  if (!found->is_string()) return WrongType(name, "a string");
  out = found->get_ref<const std::string&>();
}

void JsonReader::Read(const char* name, bool& out) {
  const Json* found = Find(name);
  if (found == nullptr) return;
  if (!found->is_boolean()) return WrongType(name, "true or false");
  out = found->get<bool>();
}

bool JsonReader::Integer(const char* name, int64_t low, uint64_t high, const Json*& found) {
  found = Find(name);
  if (found == nullptr) return false;
  if (!found->is_number_integer()) {
    WrongType(name, "a whole number");
    return false;
  }
  // A negative number is signed; one that is not may be either, if it was not read from text.
  const bool negative = !found->is_number_unsigned() && found->get<int64_t>() < 0;
  const bool fits = negative ? found->get<int64_t>() >= low : found->get<uint64_t>() <= high;
  if (!fits) {
    FailWith(Error(Code::kInvalidArgument, Quoted(PathOf(name)) + " is out of range: " + found->dump()));
  }
  return fits;
}

void JsonReader::Read(const char* name, int& out) {
  const Json* found;
  if (Integer(name, std::numeric_limits<int>::min(), std::numeric_limits<int>::max(), found))
    out = found->get<int>();
}

void JsonReader::Read(const char* name, int64_t& out) {
  const Json* found;
  if (Integer(name, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), found)) {
    out = found->get<int64_t>();
  }
}

void JsonReader::Read(const char* name, uint16_t& out) {
  const Json* found;
  if (Integer(name, 0, std::numeric_limits<uint16_t>::max(), found)) out = found->get<uint16_t>();
}

void JsonReader::Read(const char* name, uint32_t& out) {
  const Json* found;
  if (Integer(name, 0, std::numeric_limits<uint32_t>::max(), found)) out = found->get<uint32_t>();
}

void JsonReader::Read(const char* name, uint64_t& out) {
  const Json* found;
  if (Integer(name, 0, std::numeric_limits<uint64_t>::max(), found)) out = found->get<uint64_t>();
}

void JsonReader::Read(const char* name, std::vector<std::string>& out) {
  const Json* found = Array(name);
  if (found == nullptr) return;
  std::vector<std::string> values;
  for (const Json& element : *found) {
    if (!element.is_string()) return WrongType(name, "a list of strings");
    values.push_back(element.get_ref<const std::string&>());
  }
  out = std::move(values);
}

void JsonReader::Read(const char* name, std::vector<uint32_t>& out) {
  const Json* found = Array(name);
  if (found == nullptr) return;
  std::vector<uint32_t> values;
  for (const Json& element : *found) {
    if (!element.is_number_integer() || (!element.is_number_unsigned() && element.get<int64_t>() < 0) ||
        element.get<uint64_t>() > std::numeric_limits<uint32_t>::max()) {
      return WrongType(name, "a list of numbers of 32 bits");
    }
    values.push_back(element.get<uint32_t>());
  }
  out = std::move(values);
}

void JsonReader::Read(const char* name, std::map<std::string, std::string>& out) {
  const Json* found = Object(name);
  if (found == nullptr) return;
  std::map<std::string, std::string> values;
  for (const auto& [key, element] : found->items()) {
    if (!element.is_string()) return WrongType(name, "an object of strings");
    values[key] = element.get_ref<const std::string&>();
  }
  out = std::move(values);
}

const Json* JsonReader::Object(const char* name) {
  const Json* found = Find(name);
  if (found != nullptr && !found->is_object()) {
    WrongType(name, "an object");
    return nullptr;
  }
  return found;
}

const Json* JsonReader::Array(const char* name) {
  const Json* found = Find(name);
  if (found != nullptr && !found->is_array()) {
    WrongType(name, "a list");
    return nullptr;
  }
  return found;
}

}  // namespace virtcontainers
