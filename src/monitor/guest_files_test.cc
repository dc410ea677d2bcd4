#include "monitor/guest_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

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
}

TEST(GuestFiles, WriteGuestFiles_ConfigHasDns_WritesFiles) {
  const TestDirectory dir;
  const auto mounts = WriteGuestFiles(Pod(), dir / "run/etc");
  ASSERT_TRUE(mounts) << mounts.error().ToString();
  ASSERT_EQ(mounts->size(), 2u);
  EXPECT_EQ((*mounts)[0].destination, "/etc/resolv.conf");
  EXPECT_EQ((*mounts)[0].source, dir / "run/etc/resolv.conf");
  EXPECT_EQ((*mounts)[1].destination, "/etc/hosts");
  EXPECT_EQ((*mounts)[1].source, dir / "run/etc/hosts");
  EXPECT_THAT((*mounts)[1].options, ElementsAre("bind", "ro"));
  EXPECT_EQ(ReadFile(dir / "run/etc/hosts", 4096).value(), HostsFile(Pod()));
  struct stat file {};
  ASSERT_EQ(::stat((dir / "run/etc/hosts").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0644u) << "everybody in the container resolves names";

  PodConfig silent;
  EXPECT_THAT(WriteGuestFiles(silent, dir / "silent").value(), IsEmpty());
  EXPECT_FALSE(FileExists(dir / "silent"));
  silent.dns.servers = {"192.0.2.1"};
  EXPECT_EQ(WriteGuestFiles(silent, dir / "one").value().size(), 1u);
}

// The monitor's umask made them root's alone: nobody else in a container could look a name up.
TEST(GuestFiles, WriteGuestFiles_RestrictiveUmask_FilesAreWorldReadable) {
  const TestDirectory dir;
  const mode_t before = ::umask(077);
  const auto mounts = WriteGuestFiles(Pod(), dir / "run/etc");
  ::umask(before);
  ASSERT_TRUE(mounts) << mounts.error().ToString();
  for (const Mount& mount : *mounts) {
    struct stat file {};
    ASSERT_EQ(::stat(mount.source.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0644u) << mount.destination;
  }
}

TEST(GuestFiles, WithGuestFiles_ContainerMountsSamePath_ContainerMountWins) {
  const TestDirectory dir;
  const std::vector<Mount> files = {{"/etc/resolv.conf", "bind", "/r", {}}, {"/etc/hosts", "bind", "/h", {}}};
  ContainerConfig container;
  container.id = "db";
  container.rootfs = dir.path();
  container.mounts = {{"/etc/hosts", "bind", "/mine", {}}};
  const ContainerConfig with = WithGuestFiles(container, files);
  ASSERT_EQ(with.mounts.size(), 2u);
  EXPECT_EQ(with.mounts[0].source, "/mine");
  EXPECT_EQ(with.mounts[1].source, "/r");
}

}  // namespace
}  // namespace virtcontainers
