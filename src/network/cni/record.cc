#include "network/cni/record.h"

#include <utility>

#include "base/errors.h"
#include "base/json.h"
#include "network/cni/result.h"

namespace virtcontainers::cni {
namespace {

Error LostRecord(const Error& error) {
  return Error(Code::kDataLoss, "the record of a CNI attachment cannot be read: " + error.message());
}

Result<Record> ReadRecord(std::string_view text) {
  VC_ASSIGN_OR_RETURN(const Json json, ParseJson(text, {.bytes = kMaxRecordBytes, .depth = 16}));
  if (!json.is_object()) return Fail(Code::kInvalidArgument, "it is no JSON object");
  Record record;
  std::string list;
  std::vector<std::string> plugin_directories;
  std::string capabilities;
  JsonReader reader(json, "");
  reader.Read("list", list);
  reader.Read("plugin_directories", plugin_directories);
  reader.Read("container", record.request.container);
  reader.Read("netns", record.request.netns);
  reader.Read("interface", record.request.interface);
  reader.Read("args", record.request.args);
  reader.Read("capabilities", capabilities);
  reader.Read("result", record.result);
  VC_RETURN_IF_ERROR(reader.status());
  VC_ASSIGN_OR_RETURN(record.list, ParseList(list, "'list'"));
  record.list.plugin_directories = std::move(plugin_directories);
  VC_RETURN_IF_ERROR(CheckRequest(record.request));
  if (!capabilities.empty()) {
    VC_ASSIGN_OR_RETURN(const Json arguments, ParseJson(capabilities));
    if (!arguments.is_object()) return Fail(Code::kInvalidArgument, "'capabilities' is no JSON object");
    for (const auto& [name, value] : arguments.items()) record.request.capabilities[name] = value;
  }
  if (!record.result.empty()) {
    VC_RETURN_IF_ERROR(ParseResult(record.result, record.list.versions.back()));
  }
  return record;
}

}  // namespace

std::string FormatRecord(const Record& record) {
  // Values of others stay text within text: how deep they are is bounded where they are read.
  Json json = Json::object();
  json["list"] = FormatList(record.list);
  json["plugin_directories"] = record.list.plugin_directories;
  json["container"] = record.request.container;
  json["netns"] = record.request.netns;
  json["interface"] = record.request.interface;
  Json args = Json::object();
  for (const auto& [key, value] : record.request.args) args[key] = value;
  json["args"] = std::move(args);
  Json capabilities = Json::object();
  for (const auto& [name, value] : record.request.capabilities) capabilities[name] = value;
  json["capabilities"] = DumpJson(capabilities, false);
  json["result"] = record.result;
  return DumpJson(json, false);
}

Result<Record> ParseRecord(std::string_view text) {
  Result<Record> record = ReadRecord(text);
  if (!record) return Fail(LostRecord(record.error()));
  return record;
}

}  // namespace virtcontainers::cni
