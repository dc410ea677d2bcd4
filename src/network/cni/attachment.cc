#include "network/cni/attachment.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "network/cni/plugin_chain.h"
#include "network/cni/plugin_processes.h"

namespace virtcontainers::cni {
namespace {

constexpr std::chrono::seconds kRollbackTime{10};
// For plugins whose caller was killed: killed themselves, they may leave half of something.
constexpr std::chrono::milliseconds kGrace{2000};
// How often what a killed caller left may turn up only after DEL.
constexpr int kDelAttempts = 3;

bool IsNamespace(const std::string& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 && status.f_type == NSFS_MAGIC;
}

// What is left divided by the number of those who need it.
Deadline ShareOf(const Deadline& deadline, size_t parts) {
  if (deadline.infinite()) return deadline;
  return Min(Deadline::After(deadline.remaining() / static_cast<int64_t>(std::max<size_t>(parts, 1))),
             deadline);
}

// Executes DEL of the first `count` plugins, the last one first.
Status DelPlugins(const PluginChain& chain, size_t count, const Record& record, const Deadline& deadline) {
  const std::string netns = IsNamespace(record.request.netns) ? record.request.netns : "";
  const std::string previous = chain.version() >= Version::kV040 ? record.result : "";
  std::optional<Error> first;
  for (size_t left = count; left > 0; --left) {
    const Result<std::string> done = chain.Call(left - 1, "DEL", previous, netns, ShareOf(deadline, left));
    if (done) continue;
    const Error& error = done.error();
    first = first ? first->Reworded(first->message() + "; " + error.message()) : error;
  }
  if (first) return Fail(*first);
  return {};
}

// Takes back what the first `begun` plugins did, after `error`. Answers the error to report.
Error RollBack(const PluginChain& chain, size_t begun, const Record& record, Error error) {
  const Status undone = DelPlugins(chain, begun, record, Deadline::After(kRollbackTime));
  if (undone) return error;
  return error.Reworded(error.message() + "; and DEL after that: " + undone.error().message());
}

Result<CniResult> ReadAnswer(const List& list, size_t index, const std::string& answer, Version version) {
  const std::string who =
      "CNI plugin " + Quoted(list.plugins[index].type) + " of the network " + Quoted(list.name);
  if (answer.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Fail(Code::kInvalidArgument, who + " printed no result of ADD");
  }
  Result<CniResult> result = ParseResult(answer, version);
  if (result) return result;
  return Fail(Code::kInvalidArgument,
              who + " printed a result of ADD that cannot be read: " + result.error().message());
}

}  // namespace

Result<CniResult> Add(const List& list, const Request& request, Deadline deadline,
                      const ResultObserver& observer) {
  VC_RETURN_IF_ERROR(CheckRequest(request));
  if (!IsNamespace(request.netns)) {
    return Fail(Code::kNotFound, "there is no network namespace at " + Quoted(request.netns));
  }
  PluginChain chain(list, request);
  VC_RETURN_IF_ERROR(chain.CheckPrograms());
  VC_RETURN_IF_ERROR(chain.ChooseVersion(deadline));
  CniResult result;
  Record record{list, request, ""};
  for (size_t i = 0; i < chain.size(); ++i) {
    const Result<std::string> answer = chain.Call(i, "ADD", record.result, request.netns, deadline);
    if (!answer) return Fail(RollBack(chain, i + 1, record, answer.error()));
    Result<CniResult> read = ReadAnswer(list, i, *answer, chain.version());
    if (!read) return Fail(RollBack(chain, i + 1, record, read.error()));
    result = std::move(*read);
    record.result = result.text;
    if (!observer) continue;
    const Status observed = observer(record.result);
    if (!observed) return Fail(RollBack(chain, i + 1, record, observed.error()));
  }
  return result;
}

Status Del(const Record& record, Deadline deadline) {
  VC_RETURN_IF_ERROR(CheckRequest(record.request));
  PluginChain chain(record.list, record.request);
  for (int attempt = 1;; ++attempt) {
    VC_RETURN_IF_ERROR(OrCancelled(deadline, EndPluginProcesses(chain.mark(), kGrace, deadline)));
    if (attempt == 1) chain.ChooseVersionOf(record.result, deadline);
    const Status done = DelPlugins(chain, chain.size(), record, deadline);
    if (!done || attempt == kDelAttempts) return done;
    VC_ASSIGN_OR_RETURN(const std::vector<ProcessIdentity> late, FindPluginProcesses(chain.mark(), 0));
    if (late.empty()) return {};
  }
}

Result<bool> Check(const Record& record, Deadline deadline) {
  VC_RETURN_IF_ERROR(CheckRequest(record.request));
  if (record.list.disable_check || record.result.empty()) return false;
  PluginChain chain(record.list, record.request);
  chain.ChooseVersionOf(record.result, deadline);
  if (chain.version() < Version::kV040) return false;
  for (size_t i = 0; i < chain.size(); ++i) {
    VC_RETURN_IF_ERROR(chain.Call(i, "CHECK", record.result, record.request.netns, deadline));
  }
  return true;
}

}  // namespace virtcontainers::cni
