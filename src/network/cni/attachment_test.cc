#include "network/cni/attachment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/cni/test_host.h"

namespace virtcontainers::cni {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class CniAttachment : public TestHost {
 protected:
  std::string Bridge(const std::string& version, const std::string& more = "") const {
    return R"({"cniVersion": ")" + version + R"(", "name": "net1", "plugins": [{"type": "bridge",
        "bridge": "cni-test0", "isGateway": true, )" +
           HostLocal() + "}" + more + "]}";
  }
};

TEST_F(CniAttachment, Bridge_EveryVersion_AddsAndDeletes) {
  Run([&] {
    for (const char* version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0"}) {
      const std::string netns = MakeNamespace("a");
      Record record{ListOf(Bridge(version)), RequestOf(netns), ""};
      const Result<CniResult> result = Add(record.list, record.request, Soon());
      ASSERT_TRUE(result) << version << ": " << result.error().ToString();
      record.result = result->text;
      const Result<NetworkInterface> interface = InterfaceOf(*result, "eth0");
      ASSERT_TRUE(interface) << interface.error().ToString();
      ASSERT_THAT(interface->addresses, SizeIs(1));
      EXPECT_THAT(Sh("ip -n a addr show dev eth0"), HasSubstr("inet " + interface->addresses[0]));
      EXPECT_THAT(Sh("ip -n a link show dev eth0"), HasSubstr(interface->mac));
      ASSERT_THAT(interface->routes, SizeIs(1));
      EXPECT_EQ(interface->routes[0].destination, "0.0.0.0/0");
      EXPECT_EQ(interface->routes[0].gateway, "10.91.0.1");
      EXPECT_THAT(Allocations("net1"), SizeIs(1));

      const Result<bool> checked = Check(record, Soon());
      ASSERT_TRUE(checked) << version << ": " << checked.error().ToString();
      EXPECT_EQ(*checked, std::string(version) >= "0.4.0");

      for (int i = 0; i < 2; ++i) {
        const Status deleted = Del(record, Soon());
        ASSERT_TRUE(deleted) << version << ": " << deleted.error().ToString();
        EXPECT_THAT(Allocations("net1"), IsEmpty());
      }
      EXPECT_THAT(Sh("ip -n a link"), Not(HasSubstr("eth0")));
      Sh("ip netns del a");
    }
  });
}

}  // namespace
}  // namespace virtcontainers::cni
