#include "os/oom_kills.h"

#include <gtest/gtest.h>
#include <string>

namespace virtcontainers {
namespace {

constexpr char kHybrid[] = "9:name=systemd:/\n4:memory:/process/a8f\n1:cpu:/\n0::/\n";
constexpr char kUnified[] = "0::/system.slice/vc.service\n";
constexpr char kMounts[] =
    "31 24 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "34 31 0:31 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:7 - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(FindOomKillFileTest, CgroupV1OrV2_ReturnsFileOfOwnCgroup) {
  const auto v1 = FindOomKillFile(kHybrid, kMounts);
  ASSERT_TRUE(v1);
  EXPECT_EQ(v1->cgroup, "/process/a8f");
  EXPECT_EQ(v1->file, "/sys/fs/cgroup/memory/process/a8f/memory.oom_control");

  const auto v2 =
      FindOomKillFile(kUnified, "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
  ASSERT_TRUE(v2);
  EXPECT_EQ(v2->file, "/sys/fs/cgroup/system.slice/vc.service/memory.events");

  const auto part =
      FindOomKillFile("0::/docker/abc/vc\n", "30 24 0:26 /docker/abc /cg rw - cgroup2 none rw\n");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->file, "/cg/vc/memory.events");
  EXPECT_EQ(FindOomKillFile("0::/\n", "30 24 0:26 / /cg rw - cgroup2 none rw\n")->file, "/cg/memory.events");
}

TEST(FindOomKillFileTest, CgroupNotBelowMount_IsNullopt) {
  EXPECT_FALSE(FindOomKillFile(kUnified, ""));
  EXPECT_FALSE(FindOomKillFile("", kMounts));
  EXPECT_FALSE(FindOomKillFile("4:memory:/a\n", "30 24 0:26 / /cg rw - cgroup2 none rw\n"));
  EXPECT_FALSE(FindOomKillFile("0::/dockers\n", "30 24 0:26 /docker /cg rw - cgroup2 none rw\n"));
  EXPECT_FALSE(FindOomKillFile("\n:\n::", "x\n - \n"));
}

TEST(ParseOomKillsTest, CgroupV1OrV2File_ReturnsCountOrNullopt) {
  EXPECT_EQ(ParseOomKills("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n"), 2u);
  EXPECT_EQ(ParseOomKills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), 7u);
  EXPECT_EQ(ParseOomKills("oom_kill x\n"), std::nullopt);
  EXPECT_EQ(ParseOomKills("oom_kill"), std::nullopt);
  EXPECT_EQ(ParseOomKills(""), std::nullopt);
}

TEST(OomKillsTest, Since_NoOomKill_IsEmpty) { EXPECT_EQ(OomKills().Since(), ""); }

}  // namespace
}  // namespace virtcontainers
