// Networks and ports as they are shown.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_NETWORK_REPORT_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_NETWORK_REPORT_H_

#include <vector>

#include "report.h"
#include "virtcontainers/network.h"

namespace virtc {

virtcontainers::Json NetworkJson(const virtcontainers::NetworkStatus& network);

// A row for each interface.
Table NetworkTable(const std::vector<virtcontainers::NetworkStatus>& networks);
Report NetworkReport(const std::vector<virtcontainers::NetworkStatus>& networks);

// A row for each forward.
Report PortReport(const std::vector<virtcontainers::NetworkStatus>& networks);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_NETWORK_REPORT_H_
