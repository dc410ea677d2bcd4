#include "monitor/guest_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "base/test_deadline.h"
#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PodConfig Pod() {
  PodConfig pod;
  pod.id = "web";
  pod.dns = {.servers = {"192.0.2.1", "2001:db8::1"},
             .searches = {"example.com", "cluster.local"},
             .options = {"ndots:5", "edns0"}};
  pod.hosts = {{"192.0.2.7", {"db", "db.example"}}};
  return pod;
}

TEST(GuestFiles, ResolvConfAndHostsFile_FromConfig_HaveConfiguredEntries) {
  EXPECT_EQ(ResolvConf(Pod().dns),
            "search example.com cluster.local\n"
            "nameserver 192.0.2.1\nnameserver 2001:db8::1\n"
            "options ndots:5 edns0\n");
  const std::string localhost = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  EXPECT_EQ(HostsFile(Pod()), localhost + "127.0.1.1\tweb\n192.0.2.7\tdb db.example\n");
  PodConfig named = Pod();
  named.hostname = "front.example";
  EXPECT_EQ(HostsFile(named), localhost + "127.0.1.1\tfront.example\n192.0.2.7\tdb db.example\n");
  PodConfig long_id = Pod();
  long_id.id = std::string(120, 'x');
  EXPECT_THAT(HostsFile(long_id), ::testing::HasSubstr("\t" + std::string(64, 'x') + "\n"));
}

// The mounts that a container of the pod, whose own are `own`, has then.
std::vector<Mount> Shown(GuestFiles& files, const std::vector<Mount>& own = {}) {
  ContainerOnItsWay container;
  container.container.config.mounts = own;
  EXPECT_TRUE(files.Show(container));
  EXPECT_EQ(container.optional_mounts.size() + own.size(), container.container.config.mounts.size());
  return container.container.config.mounts;
}

TEST(GuestFiles, Prepare_ConfigHasDns_WritesFiles) {
  const TestDirectory dir;
  GuestFiles files(Pod(), dir / "run");
  ASSERT_TRUE(files.Prepare(Soon()));
  const std::vector<Mount> mounts = Shown(files);
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].destination, "/etc/resolv.conf");
  EXPECT_EQ(mounts[0].source, dir / "run/etc/resolv.conf");
  EXPECT_EQ(mounts[1].destination, "/etc/hosts");
  EXPECT_EQ(mounts[1].source, dir / "run/etc/hosts");
  EXPECT_THAT(mounts[1].options, ElementsAre("bind", "ro"));
  EXPECT_EQ(ReadFile(dir / "run/etc/hosts", 4096).value(), HostsFile(Pod()));
}

TEST(GuestFiles, Prepare_ConfigHasNoNames_WritesNothing) {
  const TestDirectory dir;
  PodConfig silent;
  GuestFiles none(silent, dir / "silent");
  ASSERT_TRUE(none.Prepare(Soon()));
  EXPECT_THAT(Shown(none), IsEmpty());
  EXPECT_FALSE(FileExists(dir / "silent"));
  silent.dns.servers = {"192.0.2.1"};
  GuestFiles one(silent, dir / "one");
  ASSERT_TRUE(one.Prepare(Soon()));
  EXPECT_EQ(Shown(one).size(), 1u);
}

// The monitor's umask made them root's alone: nobody else in a container could look a name up.
TEST(GuestFiles, Prepare_RestrictiveUmask_FilesAreWorldReadable) {
  const TestDirectory dir;
  GuestFiles files(Pod(), dir / "run");
  const mode_t before = ::umask(077);
  const Status prepared = files.Prepare(Soon());
  ::umask(before);
  ASSERT_TRUE(prepared) << prepared.error().ToString();
  for (const Mount& mount : Shown(files)) {
    struct stat file {};
    ASSERT_EQ(::stat(mount.source.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0644u) << mount.destination;
  }
}

TEST(GuestFiles, Show_ContainerMountsSamePath_ContainerMountWins) {
  const TestDirectory dir;
  GuestFiles files(Pod(), dir / "run");
  ASSERT_TRUE(files.Prepare(Soon()));
  const std::vector<Mount> mounts = Shown(files, {{"/etc/hosts", "bind", "/mine", {}}});
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].source, "/mine");
  EXPECT_EQ(mounts[1].destination, "/etc/resolv.conf");
}

}  // namespace
}  // namespace virtcontainers
