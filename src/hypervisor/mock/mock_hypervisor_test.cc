#include "hypervisor/mock/mock_hypervisor.h"

#include "../../../test/contract/hypervisor_contract.h"

namespace virtcontainers {
namespace {

INSTANTIATE_TEST_SUITE_P(Mock, HypervisorContract,
                         testing::Values(HypervisorUnderTest{
                             "mock", [] { return std::make_unique<MockHypervisor>(); }, [](VmConfig&) {},
                             ""}),
                         HypervisorName);

}  // namespace
}  // namespace virtcontainers
