#include "stats_report.h"

#include <fmt/format.h>
#include <optional>

#include "parse.h"
#include "value_text.h"

namespace virtc {

using virtcontainers::Bytes;
using virtcontainers::ContainerStats;
using virtcontainers::DumpJson;
using virtcontainers::Event;
using virtcontainers::HostProcessStats;
using virtcontainers::IoStats;
using virtcontainers::Json;
using virtcontainers::NetworkStats;
using virtcontainers::PodStats;
using virtcontainers::ProcessInfo;

namespace {

Json Known(const std::optional<Bytes>& size) { return size ? Json(size->count) : Json(); }
Json Known(const std::optional<uint64_t>& number) { return number ? Json(*number) : Json(); }

Json StatsJson(const ContainerStats& stats) {
  Json detail = Json::object();
  for (const auto& [name, value] : stats.memory.detail) detail[name] = value;
  Json io = Json::array();
  for (const IoStats& device : stats.io) {
    io.push_back(Json{{"major", device.major},
                      {"minor", device.minor},
                      {"read_bytes", device.read_bytes},
                      {"written_bytes", device.written_bytes},
                      {"reads", device.reads},
                      {"writes", device.writes}});
  }
  Json network = Json::array();
  for (const NetworkStats& interface : stats.network) {
    network.push_back(Json{{"name", interface.name},
                           {"host", interface.host.empty() ? Json() : Json(interface.host)},
                           {"received_bytes", interface.received_bytes},
                           {"received_packets", interface.received_packets},
                           {"received_errors", interface.received_errors},
                           {"received_dropped", interface.received_dropped},
                           {"sent_bytes", interface.sent_bytes},
                           {"sent_packets", interface.sent_packets},
                           {"sent_errors", interface.sent_errors},
                           {"sent_dropped", interface.sent_dropped}});
  }
  return Json{
      {"id", stats.id},
      {"time", virtc::Known(stats.time)},
      {"cpu",
       {{"total_ns", stats.cpu.total.count()},
        {"user_ns", stats.cpu.user.count()},
        {"system_ns", stats.cpu.system.count()},
        {"periods", stats.cpu.periods},
        {"throttled_periods", stats.cpu.throttled_periods},
        {"throttled_ns", stats.cpu.throttled.count()}}},
      {"memory",
       {{"usage_bytes", stats.memory.usage.count},
        {"peak_bytes", stats.memory.peak.count},
        {"limit_bytes", Known(stats.memory.limit)},
        {"cache_bytes", stats.memory.cache.count},
        {"kernel_bytes", stats.memory.kernel.count},
        {"swap_bytes", stats.memory.swap.count},
        {"limit_hits", stats.memory.limit_hits},
        {"oom_kills", stats.memory.oom_kills},
        {"detail", std::move(detail)}}},
      {"pids", {{"current", stats.pids.current}, {"limit", Known(stats.pids.limit)}}},
      {"io", std::move(io)},
      {"network", std::move(network)},
  };
}

Table StatsTable(const std::vector<ContainerStats>& containers) {
  Table table{{"CONTAINER", "CPU TIME", "MEMORY", "LIMIT", "OOM KILLS", "PIDS", "READ", "WRITTEN", "RECEIVED",
               "SENT"},
              {}};
  for (const ContainerStats& stats : containers) {
    uint64_t read = 0, written = 0, received = 0, sent = 0;
    for (const IoStats& device : stats.io) {
      read += device.read_bytes;
      written += device.written_bytes;
    }
    for (const NetworkStats& interface : stats.network) {
      received += interface.received_bytes;
      sent += interface.sent_bytes;
    }
    table.rows.push_back({stats.id, Duration(stats.cpu.total), Amount(stats.memory.usage.count),
                          stats.memory.limit ? Amount(stats.memory.limit->count) : "",
                          fmt::format("{}", stats.memory.oom_kills),
                          stats.pids.limit ? fmt::format("{}/{}", stats.pids.current, *stats.pids.limit)
                                           : fmt::format("{}", stats.pids.current),
                          Amount(read), Amount(written), Amount(received), Amount(sent)});
  }
  return table;
}

}  // namespace

Report StatsReport(const ContainerStats& stats) { return {StatsJson(stats), {StatsTable({stats})}}; }

Report StatsReport(const PodStats& stats) {
  Json containers = Json::array();
  for (const ContainerStats& container : stats.containers) containers.push_back(StatsJson(container));
  Json host = Json::array();
  Table table{{"ON THE HOST", "PID", "CPU TIME", "RSS", "PSS"}, {}};
  HostProcessStats sum;
  for (const HostProcessStats& process : stats.host) {
    host.push_back(Json{{"name", process.name},
                        {"pid", process.pid},
                        {"cpu_ns", process.cpu.count()},
                        {"resident_bytes", process.resident.count},
                        {"proportional_bytes", process.proportional.count}});
    table.rows.push_back({process.name, fmt::format("{}", process.pid), Duration(process.cpu),
                          Amount(process.resident.count), Amount(process.proportional.count)});
    sum.cpu += process.cpu;
    sum.proportional.count += process.proportional.count;
  }
  // The sum of the resident sizes counts what is shared more than once, and so says nothing.
  table.rows.push_back({"together", "", Duration(sum.cpu), "", Amount(sum.proportional.count)});

  Report report{Json{{"id", stats.id},
                     {"time", virtc::Known(stats.time)},
                     {"containers", std::move(containers)},
                     {"host", std::move(host)}},
                {}};
  report.text.emplace_back(StatsTable(stats.containers));
  report.text.emplace_back("");
  report.text.emplace_back(std::move(table));
  return report;
}

Report ProcessListReport(const std::vector<ProcessInfo>& processes) {
  Report report{Json::array(), {}};
  Table table{{"PID", "PPID", "USER", "STATE", "TIME", "RSS", "COMMAND"}, {}};
  for (const ProcessInfo& process : processes) {
    const std::string state(1, process.state);
    report.json.push_back(Json{{"pid", process.pid},
                               {"parent", process.parent},
                               {"uid", process.uid},
                               {"gid", process.gid},
                               {"state", state},
                               {"cpu_ns", process.cpu.count()},
                               {"resident_bytes", process.resident.count},
                               {"started", virtc::Known(process.started)},
                               {"name", process.name},
                               {"args", process.args}});
    table.rows.push_back({fmt::format("{}", process.pid), fmt::format("{}", process.parent),
                          fmt::format("{}", process.uid), state, Duration(process.cpu),
                          Amount(process.resident.count),
                          process.args.empty() ? "[" + process.name + "]" : ShellQuote(process.args)});
  }
  report.text.emplace_back(std::move(table));
  return report;
}

std::string EventLine(const Event& event, Format format) {
  const std::string type(EventTypeName(event.type));
  if (format == Format::kJson) {
    return DumpJson(Json{{"sequence", event.sequence},
                         {"time", virtc::Known(event.time)},
                         {"type", type},
                         {"pod", virtc::Known(event.pod)},
                         {"container", virtc::Known(event.container)},
                         {"process", virtc::Known(event.process)},
                         {"exit_code", event.exit ? Json(event.exit->code) : Json()},
                         {"reason", virtc::Known(event.reason)}},
                    false) +
           "\n";
  }
  std::string line = fmt::format("{:>6}  {}  {:<17}", event.sequence, LocalTime(event.time), type);
  if (!event.pod.empty()) line += "  " + event.pod;
  if (!event.container.empty()) line += "/" + event.container;
  if (!event.process.empty()) line += "  " + event.process;
  if (event.exit) line += fmt::format("  exit {}", event.exit->code);
  if (!event.reason.empty()) line += fmt::format("  ({})", event.reason);
  return Printable(line, false) + "\n";
}

}  // namespace virtc
