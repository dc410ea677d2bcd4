// What the library says beside its results, and to whom.

#include "runtime/log.h"

#include <string>
#include <vector>

#include "base/errors.h"
#include "pod/event_log.h"
#include "runtime/event_recorder.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Log, NoteFailure_Error_PassesOneLine) {
  std::vector<std::string> lines;
  const Log log([&](std::string_view line) { lines.emplace_back(line); });
  log.NoteFailure("remove a file", Status());
  log.NoteFailure("count files", Result<int>(7));
  log.NoteFailure("remove a file", Status(Fail(Code::kPermissionDenied, "not yours")));
  EXPECT_THAT(lines, ElementsAre("remove a file: not yours"));
}

TEST(Log, NoteFailure_NoSink_DropsLine) { Log().NoteFailure("remove", Status(Fail(Code::kAborted, "no"))); }

TEST(EventRecorder, Record_LogCannotBeWritten_LogsIt) {
  std::vector<std::string> lines;
  const EventRecorder recorder("/nonexistent/root",
                               Log([&](std::string_view line) { lines.emplace_back(line); }));
  recorder.Record(EventType::kPodCreated, "web");
  EXPECT_THAT(lines, ElementsAre(StartsWith("write event pod-created of pod 'web': ")));
}

using RuntimeLog = RuntimeTest;

// An event is not waited for longer than a second.
TEST_F(RuntimeLog, CreatePod_EventLogIsLocked_SucceedsAndLogsIt) {
  std::vector<std::string> lines;
  RuntimeOptions options = Options();
  options.log = [&](std::string_view line) { lines.emplace_back(line); };
  Result<Runtime> runtime = Runtime::Open(options);
  ASSERT_OK(runtime);
  ASSERT_OK(runtime->CreatePod(Pod("quiet")));
  EXPECT_THAT(lines, IsEmpty());
  {
    const auto lock = FileLock::Acquire(EventLogPaths(Options().root).lock(), Soon());
    ASSERT_OK(lock);
    testing::internal::CaptureStderr();
    ASSERT_OK(runtime->CreatePod(Pod("web")));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  }
  EXPECT_THAT(lines, ElementsAre(StartsWith("write event pod-created of pod 'web': ")));
}

TEST_F(RuntimeLog, Calls_StateLeftByDeadCaller_WriteNothingToStandardError) {
  testing::internal::CaptureStderr();
  CreateAndStart(Pod("web", {Container("a")}));
  KillMonitor("web");
  ASSERT_EQ(::kill(StatusOf("web").vm_pid, SIGKILL), 0);
  EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  EXPECT_FALSE(runtime_.StartPod("nobody", Soon()));
  EXPECT_OK(runtime_.CollectGarbage({}, Soon()));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace virtcontainers
