#include "status_report.h"

#include <fmt/format.h>
#include <optional>

#include "network_report.h"
#include "parse.h"
#include "value_text.h"

namespace virtc {

using virtcontainers::ContainerStatus;
using virtcontainers::Json;
using virtcontainers::PodStatus;

namespace {

constexpr size_t kCommandColumn = 40;

Json KnownPid(pid_t pid) { return pid == 0 ? Json() : Json(pid); }

Json StringMap(const std::map<std::string, std::string>& values) {
  Json object = Json::object();
  for (const auto& [name, value] : values) object[name] = value;
  return object;
}

std::string Exit(const ContainerStatus& container) {
  return container.exit ? fmt::format("{}", container.exit->code) : "";
}

std::string WithNote(const std::string& text, const std::string& note) {
  return text.empty() || note.empty() ? text : fmt::format("{} ({})", text, note);
}

std::string Joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a : a + " " + b;
}

std::string Shortened(std::string text) {
  if (text.size() <= kCommandColumn) return text;
  size_t end = kCommandColumn - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

Table ContainerTable(const std::vector<ContainerStatus>& containers) {
  Table table{{"CONTAINER ID", "STATE", "EXIT", "STARTED", "COMMAND"}, {}};
  for (const ContainerStatus& container : containers) {
    table.rows.push_back({container.id, std::string(ContainerStateName(container.state)), Exit(container),
                          LocalTime(container.started), Shortened(ShellQuote(container.args))});
  }
  return table;
}

// What lists show of a pod's containers: as ContainerJson, with the pod's id.
Json ContainersJson(const PodStatus& pod, bool ids_only) {
  Json list = Json::array();
  for (const ContainerStatus& container : pod.containers) {
    Json json = ids_only ? Json(container.id) : ContainerJson(container);
    if (!ids_only) json["pod"] = pod.id;
    list.push_back(std::move(json));
  }
  return list;
}

// Rows without a value are left out.
void AddRow(Table& table, const char* name, const std::string& value) {
  if (!value.empty()) table.rows.push_back({name, value});
}

std::string Pid(pid_t pid) { return pid == 0 ? "" : fmt::format("{}", pid); }

void AddAnnotations(Table& table, const std::map<std::string, std::string>& annotations) {
  for (const auto& [name, value] : annotations) AddRow(table, "annotation", name + "=" + value);
}

}  // namespace

Json ContainerJson(const ContainerStatus& container) {
  return Json{
      {"id", container.id},
      {"state", ContainerStateName(container.state)},
      {"reason", Known(container.reason)},
      {"exit_code", container.exit ? Json(container.exit->code) : Json()},
      {"created", Known(container.created)},
      {"started", Known(container.started)},
      {"finished", Known(container.finished)},
      {"rootfs", container.rootfs},
      {"args", container.args},
      {"log", Known(container.log)},
      {"annotations", StringMap(container.annotations)},
  };
}

Json PodJson(const PodStatus& pod) {
  Json containers = Json::array();
  for (const ContainerStatus& container : pod.containers) containers.push_back(ContainerJson(container));
  Json networks = Json::array();
  for (const virtcontainers::NetworkStatus& network : pod.networks) networks.push_back(NetworkJson(network));
  return Json{
      {"id", pod.id},
      {"state", PodStateName(pod.state)},
      {"reason", Known(pod.reason)},
      {"hypervisor", Known(pod.hypervisor)},
      {"hypervisor_version", Known(pod.hypervisor_version)},
      {"machine", Known(pod.machine)},
      {"accelerator", Known(pod.accelerator)},
      {"accelerator_reason", Known(pod.accelerator_reason)},
      {"sandbox", Known(pod.sandbox)},
      {"agent", Known(pod.agent)},
      {"agent_version", Known(pod.agent_version)},
      {"transport", Known(pod.transport)},
      {"vcpus", pod.vcpus},
      {"memory_bytes", pod.memory.count},
      {"vm_pid", KnownPid(pod.vm_pid)},
      {"monitor_pid", KnownPid(pod.monitor_pid)},
      {"console", Known(pod.console)},
      {"created", Known(pod.created)},
      {"started", Known(pod.started)},
      {"finished", Known(pod.finished)},
      {"networks", std::move(networks)},
      {"containers", std::move(containers)},
      {"annotations", StringMap(pod.annotations)},
  };
}

Report PodReport(const PodStatus& pod) {
  Table table;
  AddRow(table, "pod", pod.id);
  AddRow(table, "state", WithNote(std::string(PodStateName(pod.state)), pod.reason));
  AddRow(table, "hypervisor", Joined(pod.hypervisor, pod.hypervisor_version));
  AddRow(table, "machine", pod.machine);
  AddRow(table, "accelerator", WithNote(pod.accelerator, pod.accelerator_reason));
  AddRow(table, "sandbox", pod.sandbox);
  AddRow(table, "size", fmt::format("{} vCPU{}, {}", pod.vcpus, pod.vcpus == 1 ? "" : "s", Size(pod.memory)));
  AddRow(table, "agent",
         Joined(Joined(pod.agent, pod.agent_version), pod.transport.empty() ? "" : "over " + pod.transport));
  AddRow(table, "vm pid", Pid(pod.vm_pid));
  AddRow(table, "monitor pid", Pid(pod.monitor_pid));
  AddRow(table, "console", pod.console);
  AddRow(table, "created", LocalTime(pod.created));
  AddRow(table, "started", LocalTime(pod.started));
  AddRow(table, "finished", LocalTime(pod.finished));
  AddAnnotations(table, pod.annotations);

  Report report{PodJson(pod), {std::move(table)}};
  if (!pod.networks.empty()) {
    report.text.emplace_back("");
    report.text.emplace_back(NetworkTable(pod.networks));
  }
  if (!pod.containers.empty()) {
    report.text.emplace_back("");
    report.text.emplace_back(ContainerTable(pod.containers));
  }
  return report;
}

Report ContainerReport(const ContainerStatus& container) {
  Table table;
  AddRow(table, "container", container.id);
  AddRow(table, "state", WithNote(std::string(ContainerStateName(container.state)), container.reason));
  AddRow(table, "exit", Exit(container));
  AddRow(table, "command", ShellQuote(container.args));
  AddRow(table, "rootfs", container.rootfs);
  AddRow(table, "log", container.log);
  AddRow(table, "created", LocalTime(container.created));
  AddRow(table, "started", LocalTime(container.started));
  AddRow(table, "finished", LocalTime(container.finished));
  AddAnnotations(table, container.annotations);
  return Report{ContainerJson(container), {std::move(table)}};
}

Report PodListReport(const std::vector<PodStatus>& pods, bool ids_only) {
  Report report{Json::array(), {}};
  Table table{{"POD ID", "STATE", "HYPERVISOR", "ACCEL", "CONTAINERS", "CREATED"}, {}};
  for (const PodStatus& pod : pods) {
    report.json.push_back(ids_only ? Json(pod.id) : PodJson(pod));
    if (ids_only) {
      report.text.emplace_back(pod.id);
      continue;
    }
    table.rows.push_back({pod.id, WithNote(std::string(PodStateName(pod.state)), pod.reason), pod.hypervisor,
                          pod.accelerator, fmt::format("{}", pod.containers.size()), LocalTime(pod.created)});
  }
  if (!ids_only) report.text.emplace_back(std::move(table));
  return report;
}

Report ContainerListReport(const PodStatus& pod, bool ids_only) {
  Report report{ContainersJson(pod, ids_only), {}};
  if (!ids_only) {
    report.text.emplace_back(ContainerTable(pod.containers));
    return report;
  }
  for (const ContainerStatus& container : pod.containers) report.text.emplace_back(container.id);
  return report;
}

Report ContainerListReport(const std::vector<PodStatus>& pods, bool ids_only) {
  Report report{Json::array(), {}};
  Table all = ContainerTable({});
  all.header.insert(all.header.begin(), "POD ID");
  for (const PodStatus& pod : pods) {
    for (Json& json : ContainersJson(pod, ids_only)) {
      if (ids_only) report.text.emplace_back(pod.id + "/" + json.get<std::string>());
      report.json.push_back(ids_only ? Json(pod.id + "/" + json.get<std::string>()) : std::move(json));
    }
    for (auto& row : ContainerTable(pod.containers).rows) {
      row.insert(row.begin(), pod.id);
      all.rows.push_back(std::move(row));
    }
  }
  if (!ids_only) report.text.emplace_back(std::move(all));
  return report;
}

Report Changed(const PodStatus& pod) { return Report{PodJson(pod), {pod.id}}; }
Report Changed(const ContainerStatus& container) { return Report{ContainerJson(container), {container.id}}; }
Report Deleted(const std::string& id) { return Report{Json{{"id", id}}, {id}}; }

}  // namespace virtc
