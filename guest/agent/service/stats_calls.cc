#include <sys/sysinfo.h>

#include <algorithm>
#include <charconv>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest/agent/container/cgroup_stats.h"
#include "guest/agent/os/file.h"
#include "guest/agent/service/services.h"

namespace virtcontainers::guest {

namespace {

// Where the network a container is in is counted. Its own is gone with its first process.
std::string NetworkStatsOf(const Container& container) {
  if (!container.owns_network()) return "/proc/net/dev";
  const bool running = container.init() && container.init()->running();
  return "/proc/" + std::to_string(running ? container.init()->pid() : 0) + "/net/dev";
}

// Lines of /proc/net/dev, behind two of headings: "  eth0: " and sixteen numbers.
void AddNetworkStats(const std::string& path, grpc::StatsContainerResponse* response) {
  const auto text = ReadFile(path);
  if (!text) return;
  size_t begin = 0;
  while (begin < text->size()) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    const std::string line = text->substr(begin, end - begin);
    begin = end + 1;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    uint64_t field[16] = {};
    const char* at = line.data() + colon + 1;
    const char* stop = line.data() + line.size();
    for (uint64_t& value : field) {
      while (at < stop && *at == ' ') ++at;
      at = std::from_chars(at, stop, value).ptr;
    }
    grpc::NetworkStats* stats = response->add_network_stats();
    const size_t name = line.find_first_not_of(' ');
    stats->set_name(line.substr(name, colon - name));
    stats->set_rx_bytes(field[0]);
    stats->set_rx_packets(field[1]);
    stats->set_rx_errors(field[2]);
    stats->set_rx_dropped(field[3]);
    stats->set_tx_bytes(field[8]);
    stats->set_tx_packets(field[9]);
    stats->set_tx_errors(field[10]);
    stats->set_tx_dropped(field[11]);
  }
}

void AddMetric(const char* name, const char* help, uint64_t value, std::string* text) {
  const std::string full = std::string("virtcontainers_guest_") + name;
  *text += "# HELP " + full + " " + help + "\n# TYPE " + full + " gauge\n" + full + " " +
           std::to_string(value) + "\n";
}

// The guest's own; what a container uses is StatsContainer's.
std::string Metrics() {
  std::string text;
  struct sysinfo info {};
  if (::sysinfo(&info) < 0) return text;
  AddMetric("uptime_seconds", "Time since the boot.", static_cast<uint64_t>(info.uptime), &text);
  AddMetric("memory_total_bytes", "Memory of the guest.", info.totalram * info.mem_unit, &text);
  AddMetric("memory_free_bytes", "Memory nobody uses.", info.freeram * info.mem_unit, &text);
  AddMetric("processes", "Processes and threads.", info.procs, &text);
  return text;
}

}  // namespace

void AddStatsCalls(Router& router, Sandbox& sandbox) {
  router.Add<grpc::StatsContainerRequest>(
      kAgentService, "StatsContainer", [&sandbox](const Call& call, auto request) {
        auto container = sandbox.FindContainer(request->container_id());
        if (!container) return call.Fail(std::move(container.error()));
        grpc::StatsContainerResponse response;
        *response.mutable_cgroup_stats() = ReadCgroupStats((*container)->cgroup());
        AddNetworkStats(NetworkStatsOf(**container), &response);
        call.Answer(response);
      });
  router.Add<grpc::GetMetricsRequest>(kAgentService, "GetMetrics", [](const Call& call, auto) {
    grpc::Metrics metrics;
    metrics.set_metrics(Metrics());
    call.Answer(metrics);
  });
}

}  // namespace virtcontainers::guest
