// Pods and containers as virtc shows them.
//
// The JSON is an interface: fields are added, never renamed or taken away, and every one is always there,
// null when it is not known. Times are RFC 3339 in UTC, sizes are bytes.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_STATUS_REPORT_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_STATUS_REPORT_H_

#include <string>
#include <vector>

#include "report.h"
#include "virtcontainers/status.h"

namespace virtc {

virtcontainers::Json PodJson(const virtcontainers::PodStatus& pod);
virtcontainers::Json ContainerJson(const virtcontainers::ContainerStatus& container);

// Everything about one.
Report PodReport(const virtcontainers::PodStatus& pod);
Report ContainerReport(const virtcontainers::ContainerStatus& container);

// One a line.
Report PodListReport(const std::vector<virtcontainers::PodStatus>& pods, bool ids_only);
// The containers of one pod; their ids alone are CONTAINER.
Report ContainerListReport(const virtcontainers::PodStatus& pod, bool ids_only);
// The containers of all pods, each with its pod; their ids alone are POD/CONTAINER.
Report ContainerListReport(const std::vector<virtcontainers::PodStatus>& pods, bool ids_only);

// What a command that changed something says: the id to people, the new status to programs.
Report Changed(const virtcontainers::PodStatus& pod);
Report Changed(const virtcontainers::ContainerStatus& container);
Report Deleted(const std::string& id);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_STATUS_REPORT_H_
