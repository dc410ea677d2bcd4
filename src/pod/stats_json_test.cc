#include "pod/stats_json.h"

#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using std::chrono::nanoseconds;

PodStats Full() {
  PodStats pod;
  pod.id = "web";
  pod.time = Time(std::chrono::seconds(1'700'000'000));
  ContainerStats& stats = pod.containers.emplace_back();
  stats.id = "db";
  stats.time = pod.time;
  stats.cpu = {nanoseconds(30), nanoseconds(20), nanoseconds(10), 5, 4, nanoseconds(3)};
  stats.memory.usage = Bytes{100};
  stats.memory.peak = Bytes{200};
  stats.memory.limit = Bytes{300};
  stats.memory.cache = Bytes{11};
  stats.memory.kernel = Bytes{12};
  stats.memory.swap = Bytes{13};
  stats.memory.limit_hits = 14;
  stats.memory.oom_kills = 15;
  stats.memory.detail = {{"anon", 16}};
  stats.pids = {17, 18};
  stats.io.push_back({8, 1, 20, 21, 22, 23});
  stats.network.push_back({"eth0", "bridge br0", 31, 32, 33, 34, 35, 36, 37, 38});
  pod.host.push_back({"qemu", 41, nanoseconds(42), Bytes{43}, Bytes{44}});
  return pod;
}

TEST(StatsJsonTest, Stats_EveryField_RoundTrips) {
  const Json json = ToJson(Full());
  const auto read = PodStatsFromJson(json);
  ASSERT_TRUE(read) << read.error().ToString();
  // Every field is in the JSON once more: none was lost on the way.
  EXPECT_EQ(DumpJson(ToJson(*read)), DumpJson(json));
  EXPECT_EQ(read->containers[0].memory.limit, Bytes{300});
  EXPECT_EQ(read->containers[0].network[0].sent_dropped, 38u);
  EXPECT_EQ(read->host[0].proportional, Bytes{44});
}

TEST(StatsJsonTest, Stats_WithoutLimit_HasNoField) {
  const Json json = ToJson(ContainerStats{});
  EXPECT_EQ(json["memory"].count("limit"), 0u);
  EXPECT_EQ(json["pids"].count("limit"), 0u);
  const auto read = ContainerStatsFromJson(json);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_FALSE(read->memory.limit);
  EXPECT_FALSE(read->pids.limit);
}

TEST(StatsJsonTest, Processes_EveryField_RoundTrips) {
  ProcessInfo process;
  process.pid = 3;
  process.parent = 1;
  process.uid = 1000;
  process.gid = 100;
  process.state = 'S';
  process.cpu = nanoseconds(7);
  process.resident = Bytes{4096};
  process.started = Time(std::chrono::seconds(1'700'000'000));
  process.name = "sleep";
  process.args = {"sleep", "1"};
  const Json json = ToJson(std::vector<ProcessInfo>{process});
  const auto read = ProcessesFromJson(json);
  ASSERT_TRUE(read) << read.error().ToString();
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(DumpJson(ToJson(*read)), DumpJson(json));
  EXPECT_EQ((*read)[0].state, 'S');
}

TEST(StatsJsonTest, Stats_WrongType_NamesField) {
  const auto stats = ContainerStatsFromJson(Json{{"memory", {{"usage", "much"}}}});
  ASSERT_FALSE(stats);
  EXPECT_NE(stats.error().ToString().find("memory.usage"), std::string::npos);
  EXPECT_FALSE(ProcessesFromJson(Json::object()));
}

}  // namespace
}  // namespace virtcontainers
