// virtc gc

#include <algorithm>
#include <fmt/format.h>

#include "base/errors.h"
#include "commands.h"

namespace virtc {

using virtcontainers::Garbage;
using virtcontainers::GarbageKindName;
using virtcontainers::Json;
using virtcontainers::Runtime;

namespace {

Json ToJson(const Garbage& garbage) {
  Json json = {{"kind", GarbageKindName(garbage.kind)}, {"what", garbage.what}};
  if (!garbage.pod.empty()) json["pod"] = garbage.pod;
  if (!garbage.error.empty()) json["error"] = garbage.error;
  return json;
}

std::string ResultOf(const Garbage& garbage) {
  if (!garbage.error.empty()) return "still there: " + garbage.error;
  return garbage.kind == Garbage::Kind::kRecord ? "mended" : "removed";
}

class CollectGarbage : public Command {
 public:
  void Declare(Options& options) override {
    options.Flag("-n,--dry-run", dry_run_, "say what would be removed, and remove nothing");
  }

  virtcontainers::Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const std::vector<Garbage> found, runtime->CollectGarbage({.dry_run = dry_run_}));
    Outcome outcome;
    outcome.report.json = Json::array();
    Table table{{"KIND", "POD", "WHAT"}, {}};
    if (!dry_run_) table.header.emplace_back("RESULT");
    for (const Garbage& garbage : found) {
      outcome.report.json.push_back(ToJson(garbage));
      auto& row = table.rows.emplace_back(
          std::vector<std::string>{std::string(GarbageKindName(garbage.kind)), garbage.pod, garbage.what});
      if (!dry_run_) row.push_back(ResultOf(garbage));
      if (!garbage.error.empty()) outcome.exit_status = kExitFailed;
    }
    if (found.empty()) {
      outcome.report.text.emplace_back("nothing is left behind");
    } else {
      outcome.report.text.emplace_back(std::move(table));
    }
    return outcome;
  }

 private:
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeGarbage() { return std::make_unique<CollectGarbage>(); }

}  // namespace virtc
