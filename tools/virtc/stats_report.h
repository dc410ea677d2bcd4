// What pods and containers use, their processes and their events, as virtc shows them. The JSON is an
// interface, as that of status_report.h is: times of CPUs are nanoseconds.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_STATS_REPORT_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_STATS_REPORT_H_

#include <string>
#include <vector>

#include "report.h"
#include "virtcontainers/event.h"
#include "virtcontainers/stats.h"

namespace virtc {

Report StatsReport(const virtcontainers::ContainerStats& stats);
Report StatsReport(const virtcontainers::PodStats& stats);

Report ProcessListReport(const std::vector<virtcontainers::ProcessInfo>& processes);

// One line, with its end.
std::string EventLine(const virtcontainers::Event& event, Format format);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_STATS_REPORT_H_
