#include "network/network_namespace.h"

#include <fcntl.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/link.h"
#include "network/network_rights.h"
#include "network/test_network.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(NetworkNamespaceTest, Open_OwnPath_IsThreads) {
  const auto own = NetworkNamespace::OfThread();
  ASSERT_TRUE(own);
  const auto opened = NetworkNamespace::Open("/proc/self/ns/net");
  ASSERT_TRUE(opened) << opened.error().ToString();
  EXPECT_EQ(*own, *opened);
  const Status callers = opened->CheckNotCallers();
  ASSERT_FALSE(callers);
  EXPECT_EQ(callers.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(callers.error().message(), HasSubstr("'/proc/self/ns/net'"));
}

TEST(NetworkNamespaceTest, Open_AnythingElse_FailsAndNamesPath) {
  const TestDirectory directory;
  const std::string file = directory.Write("blue");
  const auto failure = [](const std::string& path) {
    const auto space = NetworkNamespace::Open(path);
    EXPECT_FALSE(space);
    EXPECT_THAT(space.error().message(), HasSubstr("'" + path + "'"));
    return space.error();
  };
  EXPECT_EQ(failure(directory / "gone").code(), Code::kNotFound);
  EXPECT_THAT(failure(file).message(), HasSubstr("a regular file"));
  EXPECT_THAT(failure(directory.path()).message(), HasSubstr("a directory"));
  EXPECT_THAT(failure("/dev/null").message(), HasSubstr("a device"));
  EXPECT_THAT(failure("/proc/self/ns/mnt").message(), HasSubstr("a mount namespace"));
  EXPECT_EQ(failure("/proc/self/ns/uts").code(), Code::kInvalidArgument);
}

TEST(NetworkNamespaceTest, FromDescriptor_OtherFile_Fails) {
  const auto space =
      NetworkNamespace::FromDescriptor(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), "it");
  ASSERT_FALSE(space);
  EXPECT_THAT(space.error().message(), HasSubstr("'it'"));
}

TEST(NetworkNamespaceTest, Run_InNewOne_CallerStaysInItsOwn) {
  VC_SKIP_UNLESS_ROOT();
  const auto own = NetworkNamespace::OfThread();
  const auto made = NetworkNamespace::Create("new");
  ASSERT_TRUE(own && made);
  EXPECT_FALSE(*own == *made);
  EXPECT_TRUE(made->CheckNotCallers());
  const auto inside = InNamespace(*made, [] { return NetworkNamespace::OfThread(); });
  ASSERT_TRUE(inside);
  EXPECT_EQ(*inside, *made);
  EXPECT_EQ(*NetworkNamespace::OfThread(), *own);
  const auto links = InNamespace(*made, []() -> Result<std::vector<Link>> {
    auto netlink = Netlink::Open();
    return ListLinks(*netlink);
  });
  ASSERT_TRUE(links);
  ASSERT_EQ(links->size(), 1u);
  EXPECT_TRUE((*links)[0].loopback() && (*links)[0].up());
}

TEST(NetworkRightsTest, Check_AsRoot_NothingIsMissing) {
  VC_SKIP_UNLESS_ROOT();
  const NetworkRights rights = CheckNetworkRights();
  EXPECT_THAT(rights.missing, IsEmpty());
  EXPECT_THAT(rights.limited, IsEmpty());
}

TEST(NetworkRightsTest, Check_WithoutCapabilities_NamesThem) {
  VC_SKIP_UNLESS_ROOT();
  const auto made = NetworkNamespace::Create("new");
  ASSERT_TRUE(made);
  WithoutCapabilities([&] {
    EXPECT_THAT(CheckNetworkRights().missing, Contains(HasSubstr("CAP_NET_ADMIN")));
    const Status ran = made->Run([]() -> Status { return {}; });
    ASSERT_FALSE(ran);
    EXPECT_EQ(ran.error().code(), Code::kPermissionDenied);
    EXPECT_THAT(ran.error().message(), HasSubstr("CAP_SYS_ADMIN"));
    const auto other = NetworkNamespace::Create("other");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code(), Code::kPermissionDenied);
  });
}

}  // namespace
}  // namespace virtcontainers
