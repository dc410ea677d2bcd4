#include "hypervisor/qemu/qmp_codec.h"

#include <utility>

#include "base/errors.h"

namespace virtcontainers {
namespace {

// Longer texts of QEMU's are for its developers.
constexpr size_t kMaxText = 4096;

const Json* Field(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string Text(const Json& object, const char* name) {
  const Json* field = Field(object, name);
  if (field == nullptr || !field->is_string()) return "";
  return field->get_ref<const std::string&>().substr(0, kMaxText);
}

// "7.2.22" of {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "…"}.
std::string Version(const Json& version) {
  const Json* qemu = Field(version, "qemu");
  if (qemu == nullptr) return "";
  std::string text;
  for (const char* part : {"major", "minor", "micro"}) {
    const Json* number = Field(*qemu, part);
    if (number == nullptr || !number->is_number_unsigned()) return "";
    if (!text.empty()) text += ".";
    text += std::to_string(number->get<uint64_t>());
  }
  return text;
}

tl::unexpected<Error> NotQmp(std::string_view what) {
  return Fail(Code::kDataLoss, "qemu sent what is not QMP: " + std::string(what));
}

Result<QmpMessage> Understand(std::string_view line) {
  auto parsed = ParseJson(line, {.bytes = QmpDecoder::kMaxLine, .depth = QmpDecoder::kMaxDepth});
  if (!parsed) return NotQmp(parsed.error().message());
  Json& json = *parsed;
  if (!json.is_object()) return NotQmp("a line that is no object");

  if (const Json* greeting = Field(json, "QMP")) {
    const Json* version = Field(*greeting, "version");
    return QmpGreeting{version == nullptr ? "" : Version(*version)};
  }
  if (Field(json, "event") != nullptr) {
    QmpEvent event{Text(json, "event")};
    if (event.name.empty()) return NotQmp("an event without a name");
    if (const Json* data = Field(json, "data"); data != nullptr && data->is_object()) event.data = *data;
    return event;
  }

  const Json* value = Field(json, "return");
  const Json* error = Field(json, "error");
  if (value == nullptr && error == nullptr) return NotQmp("a line that is no greeting, reply or event");
  QmpReply reply;
  const Json* id = Field(json, "id");
  // QEMU answers without an id only to what it could not read; all that is sent here it can.
  if (id == nullptr || !id->is_number_unsigned()) return NotQmp("a reply without an id");
  reply.id = id->get<uint64_t>();
  if (error != nullptr) {
    reply.failed = true;
    reply.error_class = Text(*error, "class");
    reply.description = Text(*error, "desc");
  } else {
    reply.value = *value;
  }
  return reply;
}

}  // namespace

void QmpDecoder::Feed(std::string_view bytes) {
  if (!error_) buffer_.append(bytes);
}

Result<std::optional<QmpMessage>> QmpDecoder::Next() {
  if (error_) return tl::make_unexpected(*error_);
  auto fail = [this](Error error) {
    error_ = std::move(error);
    buffer_.clear();
    buffer_.shrink_to_fit();
    return tl::make_unexpected(*error_);
  };

  while (true) {
    const size_t end = buffer_.find('\n', searched_);
    // The bound is the line's, not the buffer's: many short lines may come at once.
    if (end == std::string::npos ? buffer_.size() > kMaxLine : end > kMaxLine) {
      return fail(Error(Code::kResourceExhausted,
                        "qemu sent a line of more than " + std::to_string(kMaxLine) + " bytes"));
    }
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      return std::optional<QmpMessage>();
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    searched_ = 0;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;

    Result<QmpMessage> message = Understand(line);
    if (!message) return fail(std::move(message.error()));
    return std::optional<QmpMessage>(std::move(*message));
  }
}

std::string EncodeQmpCommand(uint64_t id, std::string_view command, const Json& arguments) {
  Json json = {{"execute", std::string(command)}, {"id", id}};
  if (!arguments.is_null()) json["arguments"] = arguments;
  return DumpJson(json, /*indent=*/false) + "\n";
}

}  // namespace virtcontainers
