// The fixture itself: a pod's life through it, and what it says of a pod that was left.

#include "integration/fixture.h"

#include <filesystem>

namespace virtcontainers::test {
namespace {

class FixtureTest : public PodTest {};

TEST_F(FixtureTest, MakeRootfs_Twice_MakesIndependentRoots) {
  const std::string one = MakeRootfs("one");
  const std::string two = MakeRootfs("two");
  EXPECT_TRUE(std::filesystem::exists(one + "/bin/busybox"));
  std::filesystem::remove(one + "/bin/busybox");
  EXPECT_TRUE(std::filesystem::exists(two + "/bin/busybox"));
}

TEST_F(FixtureTest, ListPod_WithoutPods_IsEmpty) {
  const auto pods = runtime().ListPod();
  ASSERT_OK(pods);
  EXPECT_TRUE(pods->empty());
  EXPECT_FAILS(runtime().PodStatus("nobody"), Code::kNotFound, "nobody");
}

TEST_F(FixtureTest, Pod_RunsCommand_PassesInputAndOutput) {
  ASSERT_OK(runtime().CreatePod(Pod("p", {Container("c")})));
  ASSERT_OK(runtime().StartPod("p"));
  EXPECT_THAT(ProcessesLeft(), testing::Not(testing::IsEmpty()))
      << "a running pod's processes name its directory";

  const Finished finished = Finish(
      runtime().EnterContainer("p", "c", Command({"sh", "-c", "cat; echo said >&2; exit 7"})), "heard");
  EXPECT_EQ(finished.out, "heard");
  EXPECT_EQ(finished.err, "said\n");
  EXPECT_EQ(finished.code, 7);

  // The second process, and a pod that the test leaves running: TearDown ends it.
  const Finished listed = Virtc({"--format", "json", "pod", "list"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, testing::HasSubstr("\"running\""));
}

}  // namespace
}  // namespace virtcontainers::test
