#include "stats_report.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "value_text.h"

namespace virtc {
namespace {

using testing::HasSubstr;
using virtcontainers::Bytes;
using virtcontainers::ContainerStats;
using virtcontainers::DumpJson;
using virtcontainers::Event;
using virtcontainers::EventType;
using virtcontainers::ExitStatus;
using virtcontainers::PodStats;
using virtcontainers::ProcessInfo;
using virtcontainers::Time;

const Time kNow{std::chrono::milliseconds(1'500'000'000'042)};

ContainerStats Some() {
  ContainerStats stats;
  stats.id = "db";
  stats.time = kNow;
  stats.cpu = {.total = std::chrono::milliseconds(1234),
               .user = std::chrono::milliseconds(1000),
               .system = std::chrono::milliseconds(234),
               .periods = 5,
               .throttled_periods = 2,
               .throttled = std::chrono::nanoseconds(7)};
  stats.memory.usage = Bytes{5'000'000};
  stats.memory.peak = Bytes{6'000'000};
  stats.memory.limit = Bytes::MiB(64);
  stats.memory.oom_kills = 3;
  stats.memory.detail = {{"anon", 4096}};
  stats.pids = {.current = 4, .limit = 100};
  stats.io = {{.major = 8, .minor = 16, .read_bytes = 2048, .written_bytes = 1, .reads = 3, .writes = 4}};
  stats.network = {{.name = "lo", .received_bytes = 10, .sent_bytes = 20}};
  return stats;
}

TEST(Values, Amount_OfBytes_HasUnit) {
  EXPECT_EQ(Amount(0), "0 B");
  EXPECT_EQ(Amount(1023), "1023 B");
  EXPECT_EQ(Amount(1024), "1.0 KiB");
  EXPECT_EQ(Amount((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(Amount(5'000'000), "4.8 MiB");
  EXPECT_EQ(Amount(~0ull), "16.0 EiB");
  EXPECT_EQ(Duration(std::chrono::milliseconds(1239)), "1.23 s");
  EXPECT_EQ(Duration(std::chrono::milliseconds(59'999)), "59.99 s");
  EXPECT_EQ(Duration(std::chrono::seconds(245)), "4m05s");
  EXPECT_EQ(Duration(std::chrono::seconds(3 * 3600 + 240)), "3h04m");
}

TEST(StatsReport, Render_ContainerStats_AsTableAndJson) {
  EXPECT_EQ(Render(StatsReport(Some()), Format::kTable),
            "CONTAINER  CPU TIME  MEMORY   LIMIT     OOM KILLS  PIDS   READ     WRITTEN  RECEIVED  SENT\n"
            "db         1.23 s    4.8 MiB  64.0 MiB  3          4/100  2.0 KiB  1 B      10 B      20 B\n");
  EXPECT_EQ(
      DumpJson(StatsReport(Some()).json, false),
      R"({"id":"db","time":"2017-07-14T02:40:00.042Z",)"
      R"("cpu":{"total_ns":1234000000,"user_ns":1000000000,"system_ns":234000000,"periods":5,)"
      R"("throttled_periods":2,"throttled_ns":7},)"
      R"("memory":{"usage_bytes":5000000,"peak_bytes":6000000,"limit_bytes":67108864,"cache_bytes":0,)"
      R"("kernel_bytes":0,"swap_bytes":0,"limit_hits":0,"oom_kills":3,"detail":{"anon":4096}},)"
      R"("pids":{"current":4,"limit":100},)"
      R"("io":[{"major":8,"minor":16,"read_bytes":2048,"written_bytes":1,"reads":3,"writes":4}],)"
      R"("network":[{"name":"lo","host":null,"received_bytes":10,"received_packets":0,"received_errors":0,)"
      R"("received_dropped":0,"sent_bytes":20,"sent_packets":0,"sent_errors":0,"sent_dropped":0}]})");
}

TEST(StatsReport, Render_NoLimit_IsNull) {
  ContainerStats stats = Some();
  stats.memory.limit.reset();
  stats.pids.limit.reset();
  const Report report = StatsReport(stats);
  EXPECT_TRUE(report.json["memory"]["limit_bytes"].is_null());
  EXPECT_TRUE(report.json["pids"]["limit"].is_null());
  EXPECT_THAT(Render(report, Format::kTable), HasSubstr("4.8 MiB  -      3          4  "));
}

TEST(StatsReport, Render_PodStats_HasHostCosts) {
  PodStats stats;
  stats.id = "web";
  stats.time = kNow;
  stats.containers = {Some()};
  stats.host = {{.name = "qemu",
                 .pid = 10,
                 .cpu = std::chrono::seconds(2),
                 .resident = Bytes::MiB(100),
                 .proportional = Bytes::MiB(90)},
                {.name = "monitor",
                 .pid = 11,
                 .cpu = std::chrono::seconds(1),
                 .resident = Bytes::MiB(10),
                 .proportional = Bytes::MiB(5)}};
  const Report report = StatsReport(stats);
  EXPECT_THAT(Render(report, Format::kTable), HasSubstr("\n\nON THE HOST  PID  CPU TIME  RSS        PSS\n"
                                                        "qemu         10   2.00 s    100.0 MiB  90.0 MiB\n"
                                                        "monitor      11   1.00 s    10.0 MiB   5.0 MiB\n"
                                                        "together     -    3.00 s    -          95.0 MiB\n"));
  EXPECT_EQ(report.json["id"], "web");
  EXPECT_EQ(report.json["containers"][0]["id"], "db");
  EXPECT_EQ(DumpJson(report.json["host"][0], false),
            R"({"name":"qemu","pid":10,"cpu_ns":2000000000,"resident_bytes":104857600,)"
            R"("proportional_bytes":94371840})");
}

TEST(ProcessListReport, Render_Processes_HasLineEach) {
  ProcessInfo first{.pid = 1, .parent = 0, .uid = 5, .gid = 6, .state = 'S', .name = "sh"};
  first.cpu = std::chrono::milliseconds(20);
  first.resident = Bytes::MiB(1);
  first.args = {"sh", "-c", "sleep 1\x1b[2J"};
  const ProcessInfo zombie{.pid = 7, .parent = 1, .state = 'Z', .name = "true"};
  const Report report = ProcessListReport({first, zombie});
  EXPECT_EQ(Render(report, Format::kTable),
            "PID  PPID  USER  STATE  TIME    RSS      COMMAND\n"
            "1    0     5     S      0.02 s  1.0 MiB  sh -c 'sleep 1\\x1b[2J'\n"
            "7    1     0     Z      0.00 s  0 B      [true]\n");
  EXPECT_EQ(DumpJson(report.json[1], false),
            R"({"pid":7,"parent":1,"uid":0,"gid":0,"state":"Z","cpu_ns":0,"resident_bytes":0,)"
            R"("started":null,"name":"true","args":[]})");
}

TEST(EventLine, EventLine_Event_AsTextAndJson) {
  const Event event{.type = EventType::kContainerExited,
                    .sequence = 12,
                    .time = kNow,
                    .pod = "web",
                    .container = "db",
                    .process = {},
                    .exit = ExitStatus{137},
                    .reason = "killed\n"};
  EXPECT_THAT(EventLine(event, Format::kTable),
              testing::MatchesRegex("    12  2017-07-1. ..:..:..  container-exited *  web/db  exit 137  "
                                    "\\(killed\\\\n\\)\n"));
  EXPECT_EQ(EventLine(event, Format::kJson),
            R"({"sequence":12,"time":"2017-07-14T02:40:00.042Z","type":"container-exited","pod":"web",)"
            R"("container":"db","process":null,"exit_code":137,"reason":"killed\n"})"
            "\n");
  EXPECT_THAT(EventLine({.type = EventType::kLost, .sequence = 3}, Format::kTable), testing::EndsWith("\n"));
}

}  // namespace
}  // namespace virtc
