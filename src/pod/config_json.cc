#include "pod/config_json.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pod/config_fields.h"
#include "pod/json_fields.h"

namespace virtcontainers {
namespace {

template <typename T>
concept Described = std::is_class_v<T> && requires(JsonReader& visitor, T& value) {
  requires !std::is_same_v<T, std::string> && !std::is_same_v<T, Bytes>;
  requires std::is_aggregate_v<T>;
};

// Empty texts, lists and objects are left out: a person reads these files. Numbers and truth values are
// written also where they are the defaults, which a later version may change.
class Writer {
 public:
  explicit Writer(Json& json) : json_(json) {}

  void Id(const std::string& id) { json_["id"] = id; }

  template <typename T>
  void Field(const char* name, const T& value) {
    if constexpr (Described<T>) {
      if (Json written = Write(value); !written.empty()) json_[name] = std::move(written);
    } else if constexpr (requires { value.empty(); }) {
      if (!value.empty()) json_[name] = value;
    } else {
      json_[name] = value;
    }
  }
  template <Described T>
  void Field(const char* name, const std::vector<T>& list) {
    for (const T& value : list) json_[name].push_back(Write(value));
  }
  // One that is given is written also if it is empty.
  template <typename T>
  void Field(const char* name, const std::optional<T>& value) {
    if (!value) return;
    if constexpr (Described<T>) {
      json_[name] = Write(*value);
    } else {
      json_[name] = *value;
    }
  }
  void Field(const char* name, Bytes size) { json_[name] = size.count; }
  void Field(const char* name, std::chrono::milliseconds time) { json_[name] = time.count(); }
  template <typename E, size_t N>
  void Field(const char* name, E value, const EnumName<E> (&names)[N]) {
    json_[name] = NameOf(names, value);
  }

  template <Described T>
  static Json Write(const T& value) {
    Json json = Json::object();
    Writer writer(json);
    Describe(writer, value);
    return json;
  }

 private:
  Json& json_;
};

// Fields that are missing keep their defaults. Errors stick, as JsonReader's.
class Reader {
 public:
  explicit Reader(JsonReader& json) : json_(json) {}

  void Id(std::string& id) { ReadId(json_, id); }

  template <typename T>
  void Field(const char* name, T& value) {
    if constexpr (Described<T>) {
      ReadObject(json_, name, [&value](JsonReader& object) { Read(object, value); });
    } else {
      json_.Read(name, value);
    }
  }
  template <Described T>
  void Field(const char* name, std::vector<T>& list) {
    ReadObjects(json_, name, [&list](JsonReader& object) { Read(object, list.emplace_back()); });
  }
  template <Described T>
  void Field(const char* name, std::optional<T>& value) {
    ReadObject(json_, name, [&value](JsonReader& object) { Read(object, value.emplace()); });
  }
  void Field(const char* name, Bytes& size) { json_.Read(name, size.count); }
  void Field(const char* name, std::chrono::milliseconds& time) {
    int64_t count = time.count();
    json_.Read(name, count);
    time = std::chrono::milliseconds(count);
  }
  template <typename E, size_t N>
  void Field(const char* name, E& value, const EnumName<E> (&names)[N]) {
    ReadEnum(json_, name, names, value);
  }

  template <Described T>
  static void Read(JsonReader& object, T& value) {
    Reader reader(object);
    Describe(reader, value);
  }

 private:
  JsonReader& json_;
};

template <typename T>
Result<T> FromJson(const Json& json, std::string_view path) {
  T value;
  JsonReader reader(json, std::string(path));
  Reader::Read(reader, value);
  VC_RETURN_IF_ERROR(reader.status());
  return value;
}

}  // namespace

Json ToJson(const PodConfig& config) { return Writer::Write(config); }
Json ToJson(const ContainerConfig& config) { return Writer::Write(config); }
Json ToJson(const ProcessConfig& config) { return Writer::Write(config); }
Json ToJson(const ContainerResources& resources) { return Writer::Write(resources); }

Json ToJson(const NetworkConfig& network) { return Writer::Write(network); }
Json ToJson(const NetworkStatus& network) { return Writer::Write(network); }

Result<PodConfig> PodConfigFromJson(const Json& json) { return FromJson<PodConfig>(json, ""); }
Result<ContainerConfig> ContainerConfigFromJson(const Json& json) {
  return FromJson<ContainerConfig>(json, "");
}
Result<ProcessConfig> ProcessConfigFromJson(const Json& json, std::string_view path) {
  return FromJson<ProcessConfig>(json, path);
}
Result<ContainerResources> ContainerResourcesFromJson(const Json& json, std::string_view path) {
  return FromJson<ContainerResources>(json, path);
}
Result<NetworkConfig> NetworkConfigFromJson(const Json& json, std::string_view path) {
  return FromJson<NetworkConfig>(json, path);
}
Result<NetworkStatus> NetworkStatusFromJson(const Json& json, std::string_view path) {
  return FromJson<NetworkStatus>(json, path);
}

}  // namespace virtcontainers
