#include "pod/record.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "pod/test_config.h"

namespace virtcontainers {
namespace {

Result<PodRecord> FromText(std::string_view text) {
  const Result<Json> json = ParseJson(text);
  if (!json) return tl::make_unexpected(json.error());
  return PodRecordFromJson(*json);
}

std::string ErrorOf(std::string_view text) {
  const Result<PodRecord> record = FromText(text);
  EXPECT_FALSE(record) << text;
  return record ? "" : record.error().ToString();
}

TEST(Record, Record_EveryField_RoundTrips) {
  const PodRecord full = FullRecord();
  const PodRecord read = FromText(DumpJson(ToJson(full))).value();
  EXPECT_EQ(read.state, full.state);
  EXPECT_EQ(read.reason, full.reason);
  EXPECT_EQ(read.created, full.created);
  EXPECT_EQ(read.started, full.started);
  EXPECT_EQ(read.finished, full.finished);
  ASSERT_TRUE(read.vm);
  EXPECT_EQ(read.vm->info, full.vm->info);
  EXPECT_EQ(read.vm->mark, full.vm->mark);
  EXPECT_EQ(read.vm->agent_version, full.vm->agent_version);
  EXPECT_EQ(read.monitor, full.monitor);
  EXPECT_EQ(read.attachments, full.attachments);
  ASSERT_EQ(read.containers.size(), full.containers.size());
  for (size_t i = 0; i < full.containers.size(); ++i) {
    EXPECT_EQ(read.containers[i].id, full.containers[i].id);
    EXPECT_EQ(read.containers[i].state, full.containers[i].state);
    EXPECT_EQ(read.containers[i].reason, full.containers[i].reason);
    EXPECT_EQ(read.containers[i].exit, full.containers[i].exit);
    EXPECT_EQ(read.containers[i].created, full.containers[i].created);
    EXPECT_EQ(read.containers[i].started, full.containers[i].started);
    EXPECT_EQ(read.containers[i].finished, full.containers[i].finished);
    EXPECT_EQ(read.containers[i].restarting, full.containers[i].restarting);
  }
  // And in memory, where numbers have other types than those read from text.
  EXPECT_EQ(DumpJson(ToJson(PodRecordFromJson(ToJson(full)).value())), DumpJson(ToJson(full)));
}

TEST(Record, Record_Empty_RoundTrips) {
  const PodRecord read = FromText(DumpJson(ToJson(PodRecord()))).value();
  EXPECT_EQ(read.state, PodState::kReady);
  EXPECT_FALSE(read.created || read.started || read.finished || read.vm);
  EXPECT_EQ(read.monitor.pid, 0);
  EXPECT_TRUE(read.attachments.empty() && read.containers.empty());
}

// A truncated state file silently reset the pod.
TEST(OriginalDefectH, StateFile_CutAtAnyByte_Fails) {
  const std::string text = DumpJson(ToJson(FullRecord()), false);
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(FromText(std::string_view(text).substr(0, length))) << "cut to " << length << " bytes";
  }
  EXPECT_TRUE(FromText(text));
}

TEST(Record, StateFile_ByteChanged_FailsOrRoundTrips) {
  const std::string text = DumpJson(ToJson(FullRecord()), false);
  // One of them at each place, in turn: with every one at every place it takes seconds.
  constexpr std::string_view kBytes("\0\"9-}\xff[", 7);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = kBytes[i % kBytes.size()];
    const Result<PodRecord> record = FromText(changed);
    if (record) {
      EXPECT_TRUE(FromText(DumpJson(ToJson(*record)))) << changed;
    }
  }
}

TEST(Record, StateFile_Malformed_NamesField) {
  EXPECT_EQ(ErrorOf("{}"), "'version' is 0: this library reads version 1");
  EXPECT_EQ(ErrorOf(R"({"version": 2, "state": "ready"})"), "'version' is 2: this library reads version 1");
  EXPECT_EQ(ErrorOf(R"({"version": 1})"),
            "state '' is unknown: use one of 'ready', 'running', 'paused', 'stopped'");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "asleep"})"),
            "state 'asleep' is unknown: use one of 'ready', 'running', 'paused', 'stopped'");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "created": "noon"})"),
            "'created': 'noon' is not a time");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "vm": {"process": {"pid": "x"}}})"),
            "'vm.process.pid' is not a whole number");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "vm": {"version": 1}})"),
            "'vm.version' is not a string");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "monitor": {"pid": -2}})"),
            "'monitor.pid' is no legal pid");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "attachments": [1]})"),
            "'attachments[0]' is not an object");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "attachments": [{"processes": [{"pid": -1}]}]})"),
            "'attachments[0].processes[0].pid' is no legal pid");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "containers": [{"id": "a/b", "state": "ready"}]})"),
            "'containers[0].id' is not a valid id");
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "containers": [{"id": "a", "state": "gone"}]})"),
            "containers[0].state 'gone' is unknown: use one of 'ready', 'running', 'paused', 'stopped'");
}

TEST(Record, Processes_OfVmAndAttachments_AreAll) {
  std::vector<pid_t> pids;
  for (const ProcessIdentity& process : FullRecord().Processes()) pids.push_back(process.pid);
  EXPECT_EQ(pids, (std::vector<pid_t>{77, 78, 79, 80}));
}

TEST(Record, State_OfVersionWithHelpers_IsRead) {
  const Result<Json> json = ParseJson(R"({"version": 1, "state": "running",
      "vm": {"process": {"pid": 77, "start_time": 5, "boot_id": "b"}, "accelerator": "tcg", "transport": "vsock",
             "vsock_cid": 9},
      "helpers": [{"pid": 78, "start_time": 6, "boot_id": "b"}]})");
  ASSERT_TRUE(json);
  const Result<PodRecord> read = PodRecordFromJson(*json);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(read->vm->info.agent, AgentAddress(VsockAddress{9}));
  const AttachmentRecord share{
      "share", {{"virtiofsd", {.pid = 78, .start_time = 6, .boot_id = "b"}}}, {"share"}};
  EXPECT_EQ(read->attachments, std::vector<AttachmentRecord>{share});
}

// Duplicate container ids were accepted.
TEST(OriginalDefectE, StateFile_DuplicateContainerId_Fails) {
  EXPECT_EQ(ErrorOf(R"({"version": 1, "state": "ready", "containers": [{"id": "a", "state": "ready"},
                        {"id": "a", "state": "running"}]})"),
            "'containers[1].id': container 'a' is there twice");
}

TEST(Record, Find_ById_ReturnsContainerOrNull) {
  PodRecord record = FullRecord();
  ASSERT_NE(record.Find("ended"), nullptr);
  EXPECT_EQ(record.Find("ended")->exit->code, 137);
  EXPECT_EQ(record.Find("nobody"), nullptr);
  EXPECT_EQ(record.Find(""), nullptr);
}

TEST(MarkStopped, MarkStopped_RunningPod_StopsContainers) {
  PodRecord record = FullRecord();
  const ContainerRecord ended = *record.Find("ended");
  const Time now = *record.finished + std::chrono::hours(1);
  MarkStopped(record, "vm exited: killed by signal 9", now);
  EXPECT_EQ(record.state, PodState::kStopped);
  EXPECT_EQ(record.reason, "vm exited: killed by signal 9");
  EXPECT_EQ(record.finished, now);
  EXPECT_FALSE(record.vm);
  EXPECT_EQ(record.monitor.pid, 0);
  EXPECT_TRUE(record.attachments.empty());
  EXPECT_EQ(record.containers[0].state, ContainerState::kReady) << "it has never run";
  EXPECT_FALSE(record.containers[0].finished);
  for (const size_t ran : {1, 2}) {
    EXPECT_EQ(record.containers[ran].state, ContainerState::kStopped);
    EXPECT_EQ(record.containers[ran].reason, "vm exited: killed by signal 9");
    EXPECT_EQ(record.containers[ran].finished, now);
    EXPECT_FALSE(record.containers[ran].exit) << "nobody saw its end";
  }
  EXPECT_EQ(record.containers[3].reason, ended.reason);
  EXPECT_EQ(record.containers[3].exit, ended.exit);
  EXPECT_EQ(record.containers[3].finished, ended.finished);
  EXPECT_FALSE(record.containers[3].restarting) << "its guest is gone";
}

TEST(MarkStopped, MarkStopped_WithoutReason_PodReasonIsEmpty) {
  PodRecord record = FullRecord();
  MarkStopped(record, "", *record.finished);
  EXPECT_EQ(record.reason, "");
  EXPECT_EQ(record.containers[1].reason, "its pod was stopped");
}

}  // namespace
}  // namespace virtcontainers
