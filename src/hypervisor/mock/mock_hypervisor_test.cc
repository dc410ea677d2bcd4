#include "hypervisor/mock/mock_hypervisor.h"

#include "../../../test/contract/hypervisor_contract.h"
#include "../../../test/contract/hypervisor_device_contract.h"

namespace virtcontainers {
namespace {

HypervisorUnderTest Mock(const std::string& machine) {
  return {"mock_" + machine, [] { return std::make_unique<MockHypervisor>(); },
          [machine](VmConfig& config) { config.hypervisor.machine = machine; }, "", nullptr};
}

INSTANTIATE_TEST_SUITE_P(Mock, HypervisorContract, testing::Values(Mock("q35")), HypervisorName);
INSTANTIATE_TEST_SUITE_P(Mock, HypervisorDeviceContract, testing::Values(Mock("q35")), HypervisorName);
INSTANTIATE_TEST_SUITE_P(Mock, HypervisorFixedDeviceContract, testing::Values(Mock("microvm")),
                         HypervisorName);

}  // namespace
}  // namespace virtcontainers
