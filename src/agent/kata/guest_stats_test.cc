#include "agent/kata/guest_stats.h"

#include <chrono>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <string>

namespace virtcontainers {
namespace {

using std::chrono::nanoseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

void Entry(grpc::BlkioStatsEntry* to, uint64_t major, uint64_t minor, const char* op, uint64_t value) {
  to->set_major(major);
  to->set_minor(minor);
  to->set_op(op);
  to->set_value(value);
}

TEST(KataStats, Stats_EveryNumber_IsConverted) {
  grpc::StatsContainerResponse from;
  grpc::CgroupStats& cgroup = *from.mutable_cgroup_stats();
  cgroup.mutable_cpu_stats()->mutable_cpu_usage()->set_total_usage(1);
  cgroup.mutable_cpu_stats()->mutable_cpu_usage()->set_usage_in_usermode(2);
  cgroup.mutable_cpu_stats()->mutable_cpu_usage()->set_usage_in_kernelmode(3);
  cgroup.mutable_cpu_stats()->mutable_throttling_data()->set_periods(4);
  cgroup.mutable_cpu_stats()->mutable_throttling_data()->set_throttled_periods(5);
  cgroup.mutable_cpu_stats()->mutable_throttling_data()->set_throttled_time(6);
  grpc::MemoryStats& memory = *cgroup.mutable_memory_stats();
  memory.set_cache(7);
  memory.mutable_usage()->set_usage(8);
  memory.mutable_usage()->set_max_usage(9);
  memory.mutable_usage()->set_failcnt(10);
  memory.mutable_usage()->set_limit(11);
  memory.mutable_swap_usage()->set_usage(12);
  memory.mutable_kernel_usage()->set_usage(13);
  (*memory.mutable_stats())["anon"] = 14;
  (*memory.mutable_stats())["events.oom_kill"] = 15;
  (*memory.mutable_stats())["events.high"] = 16;
  cgroup.mutable_pids_stats()->set_current(17);
  cgroup.mutable_pids_stats()->set_limit(18);
  grpc::BlkioStats& io = *cgroup.mutable_blkio_stats();
  Entry(io.add_io_service_bytes_recursive(), 8, 0, "Read", 19);
  Entry(io.add_io_service_bytes_recursive(), 8, 0, "Write", 20);
  Entry(io.add_io_service_bytes_recursive(), 8, 0, "Total", 999);
  Entry(io.add_io_service_bytes_recursive(), 8, 16, "Read", 21);
  Entry(io.add_io_serviced_recursive(), 8, 0, "Read", 22);
  Entry(io.add_io_serviced_recursive(), 8, 0, "Write", 23);
  grpc::NetworkStats& network = *from.add_network_stats();
  network.set_name("eth0");
  network.set_rx_bytes(24);
  network.set_rx_packets(25);
  network.set_rx_errors(26);
  network.set_rx_dropped(27);
  network.set_tx_bytes(28);
  network.set_tx_packets(29);
  network.set_tx_errors(30);
  network.set_tx_dropped(31);

  const ContainerStats to = FromKataStats(from);
  EXPECT_EQ(to.cpu.total, nanoseconds(1));
  EXPECT_EQ(to.cpu.user, nanoseconds(2));
  EXPECT_EQ(to.cpu.system, nanoseconds(3));
  EXPECT_EQ(to.cpu.periods, 4u);
  EXPECT_EQ(to.cpu.throttled_periods, 5u);
  EXPECT_EQ(to.cpu.throttled, nanoseconds(6));
  EXPECT_EQ(to.memory.cache.count, 7u);
  EXPECT_EQ(to.memory.usage.count, 8u);
  EXPECT_EQ(to.memory.peak.count, 9u);
  EXPECT_EQ(to.memory.limit_hits, 10u);
  EXPECT_EQ(to.memory.limit, Bytes{11});
  EXPECT_EQ(to.memory.swap.count, 12u);
  EXPECT_EQ(to.memory.kernel.count, 13u);
  EXPECT_THAT(to.memory.detail, ElementsAre(Pair("anon", 14u))) << "events are no part of memory.stat";
  EXPECT_EQ(to.memory.oom_kills, 15u);
  EXPECT_EQ(to.pids.current, 17u);
  EXPECT_EQ(to.pids.limit, 18u);
  ASSERT_EQ(to.io.size(), 2u);
  EXPECT_EQ(to.io[0].major, 8u);
  EXPECT_EQ(to.io[0].minor, 0u);
  EXPECT_EQ(to.io[0].read_bytes, 19u);
  EXPECT_EQ(to.io[0].written_bytes, 20u);
  EXPECT_EQ(to.io[0].reads, 22u);
  EXPECT_EQ(to.io[0].writes, 23u);
  EXPECT_EQ(to.io[1].minor, 16u);
  EXPECT_EQ(to.io[1].read_bytes, 21u);
  ASSERT_EQ(to.network.size(), 1u);
  EXPECT_EQ(to.network[0].name, "eth0");
  EXPECT_EQ(to.network[0].received_bytes, 24u);
  EXPECT_EQ(to.network[0].received_packets, 25u);
  EXPECT_EQ(to.network[0].received_errors, 26u);
  EXPECT_EQ(to.network[0].received_dropped, 27u);
  EXPECT_EQ(to.network[0].sent_bytes, 28u);
  EXPECT_EQ(to.network[0].sent_packets, 29u);
  EXPECT_EQ(to.network[0].sent_errors, 30u);
  EXPECT_EQ(to.network[0].sent_dropped, 31u);
}

TEST(KataStats, Stats_Empty_HasNoLimits) {
  const ContainerStats to = FromKataStats({});
  EXPECT_FALSE(to.memory.limit);
  EXPECT_FALSE(to.pids.limit);
  EXPECT_TRUE(to.io.empty());
}

TEST(KataStats, Stats_LargestNumber_IsNoLimit) {
  grpc::StatsContainerResponse from;
  from.mutable_cgroup_stats()->mutable_memory_stats()->mutable_usage()->set_limit(kMost);
  from.mutable_cgroup_stats()->mutable_pids_stats()->set_limit(kMost);
  EXPECT_FALSE(FromKataStats(from).memory.limit);
  EXPECT_FALSE(FromKataStats(from).pids.limit);
}

TEST(KataStats, Stats_HugeTimes_DoNotBecomeNegative) {
  grpc::StatsContainerResponse from;
  grpc::CpuStats& cpu = *from.mutable_cgroup_stats()->mutable_cpu_stats();
  cpu.mutable_cpu_usage()->set_total_usage(kMost);
  cpu.mutable_cpu_usage()->set_usage_in_usermode(1ULL << 63);
  cpu.mutable_throttling_data()->set_throttled_time(kMost - 1);
  const ContainerStats to = FromKataStats(from);
  EXPECT_EQ(to.cpu.total, nanoseconds::max());
  EXPECT_EQ(to.cpu.user, nanoseconds::max());
  EXPECT_EQ(to.cpu.throttled, nanoseconds::max());
}

TEST(KataStats, Stats_IoSumOverflows_YieldsOneDevice) {
  grpc::StatsContainerResponse from;
  grpc::BlkioStats& io = *from.mutable_cgroup_stats()->mutable_blkio_stats();
  Entry(io.add_io_service_bytes_recursive(), 1, 1, "Read", kMost);
  Entry(io.add_io_service_bytes_recursive(), 1, 1, "Read", kMost);
  EXPECT_EQ(FromKataStats(from).io.size(), 1u);
}

TEST(KataStats, Stats_MillionEntries_AreCutToThousand) {
  grpc::StatsContainerResponse from;
  grpc::BlkioStats& io = *from.mutable_cgroup_stats()->mutable_blkio_stats();
  auto& memory = *from.mutable_cgroup_stats()->mutable_memory_stats()->mutable_stats();
  constexpr uint64_t kMany = 1'000'000;
  for (uint64_t i = 0; i < kMany; ++i) {
    Entry(io.add_io_service_bytes_recursive(), i, 0, "Read", 1);
    Entry(io.add_io_serviced_recursive(), 0, i, "Read", 1);
    from.add_network_stats()->set_name("n");
  }
  for (uint64_t i = 0; i < kMany / 10; ++i) memory["k" + std::to_string(i)] = i;
  const ContainerStats to = FromKataStats(from);
  EXPECT_LE(to.io.size(), 2000u);
  EXPECT_EQ(to.network.size(), 1000u);
  EXPECT_EQ(to.memory.detail.size(), 1000u);
}

TEST(KataStats, Stats_HostileNames_AreCutAndPrintable) {
  grpc::StatsContainerResponse from;
  from.add_network_stats()->set_name("e\x1b[31m\n" + std::string(4096, 'x'));
  auto& memory = *from.mutable_cgroup_stats()->mutable_memory_stats()->mutable_stats();
  memory[std::string(65, 'k')] = 1;
  memory[std::string(64, 'k')] = 2;
  const ContainerStats to = FromKataStats(from);
  EXPECT_EQ(to.network[0].name, "e?[31m?" + std::string(57, 'x'));
  EXPECT_THAT(to.memory.detail, ElementsAre(Pair(std::string(64, 'k'), 2u)));
}

// Lists of processes

TEST(GuestProcesses, Processes_EveryField_IsConverted) {
  wire::ListProcessesResponse list;
  wire::GuestProcess& from = *list.add_processes();
  from.set_pid(1);
  from.set_parent(2);
  from.set_uid(3);
  from.set_gid(4);
  from.set_state("S");
  from.set_cpu_ns(5);
  from.set_resident(6);
  from.set_started_ns(1'700'000'000'000'000'007);
  from.set_name("sleep");
  from.add_args("/bin/sleep");
  from.add_args("");
  list.add_processes()->set_pid(9);
  const Result<std::vector<ProcessInfo>> processes = FromGuestProcesses(list);
  ASSERT_TRUE(processes) << processes.error().ToString();
  ASSERT_EQ(processes->size(), 2u);
  const ProcessInfo& to = processes->front();
  EXPECT_EQ(to.pid, 1);
  EXPECT_EQ(to.parent, 2);
  EXPECT_EQ(to.uid, 3u);
  EXPECT_EQ(to.gid, 4u);
  EXPECT_EQ(to.state, 'S');
  EXPECT_EQ(to.cpu, nanoseconds(5));
  EXPECT_EQ(to.resident.count, 6u);
  ASSERT_TRUE(to.started);
  EXPECT_EQ(to.started->time_since_epoch(), nanoseconds(1'700'000'000'000'000'007));
  EXPECT_EQ(to.name, "sleep");
  EXPECT_THAT(to.args, ElementsAre("/bin/sleep", ""));
  EXPECT_FALSE(processes->back().started);
  EXPECT_EQ(processes->back().state, '?');
}

TEST(GuestProcesses, Processes_ImpossibleIds_AreRefused) {
  for (const uint32_t id : {0x80000000u, 0xffffffffu}) {
    wire::ListProcessesResponse list;
    list.add_processes()->set_pid(id);
    EXPECT_EQ(FromGuestProcesses(list).error().code(), Code::kInternal);
    list.mutable_processes(0)->set_pid(1);
    list.mutable_processes(0)->set_parent(id);
    EXPECT_EQ(FromGuestProcesses(list).error().code(), Code::kInternal);
    list.mutable_processes(0)->set_parent(0x7fffffff);
    EXPECT_TRUE(FromGuestProcesses(list));
  }
}

TEST(GuestProcesses, Processes_TooMany_AreRefused) {
  wire::ListProcessesResponse list;
  for (int i = 0; i < 65536; ++i) list.add_processes();
  EXPECT_TRUE(FromGuestProcesses(list));
  for (int i = 65536; i < 1'000'000; ++i) list.add_processes();
  const auto refused = FromGuestProcesses(list);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kInternal);
  EXPECT_THAT(refused.error().ToString(), HasSubstr("1000000"));
}

TEST(GuestProcesses, Processes_HostileStatesAndNames_ArePrintable) {
  for (const char* state : {"", "\x1b", "SS", " ", "\xff", "9"}) {
    wire::ListProcessesResponse list;
    list.add_processes()->set_state(state);
    list.mutable_processes(0)->set_name("\x1b]0;x\x07" + std::string(100, 'n'));
    const auto processes = FromGuestProcesses(list);
    ASSERT_TRUE(processes);
    EXPECT_EQ(processes->front().state, '?') << state;
    EXPECT_EQ(processes->front().name, "?]0;x?" + std::string(58, 'n'));
  }
}

TEST(GuestProcesses, Processes_HugeTimes_DoNotBecomeNegative) {
  wire::ListProcessesResponse list;
  list.add_processes()->set_cpu_ns(kMost);
  list.mutable_processes(0)->set_started_ns(std::numeric_limits<int64_t>::min());
  const auto processes = FromGuestProcesses(list);
  ASSERT_TRUE(processes);
  EXPECT_EQ(processes->front().cpu, nanoseconds::max());
  EXPECT_FALSE(processes->front().started);
}

}  // namespace
}  // namespace virtcontainers
