#include "pods_command.h"

#include <unistd.h>

#include <iterator>

#include "base/errors.h"

namespace virtc {

using virtcontainers::Json;
using virtcontainers::Runtime;

tl::expected<Outcome, Failure> PodsCommand::Run(Session& session) {
  VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
  if (pods_.size() == 1) return RunOn(*runtime, pods_.front());

  Outcome all{.report = {.json = Json::array(), .text = {}}};
  for (const std::string& pod : pods_) {
    auto outcome = RunOn(*runtime, pod);
    if (!outcome) {
      VIRTC_RETURN_IF_ERROR(WriteAll(STDERR_FILENO, RenderError(outcome.error().error, session.format())));
      all.exit_status = outcome.error().exit_status;
      continue;
    }
    if (outcome->exit_status != 0) {
      all.exit_status = outcome->exit_status;
      break;
    }
    all.report.json.push_back(std::move(outcome->report.json));
    std::move(outcome->report.text.begin(), outcome->report.text.end(), std::back_inserter(all.report.text));
  }
  return all;
}

}  // namespace virtc
