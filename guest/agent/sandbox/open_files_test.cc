#include "guest/agent/sandbox/open_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.h"

namespace virtcontainers::guest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(DevicesOfTypeTest, DevicesOfType_InMountinfo_AreFound) {
  constexpr std::string_view kMountinfo =
      "36 35 0:44 / / rw,relatime shared:1 master:2 - virtiofs kataShared rw\n"
      "37 36 0:45 / /proc rw - proc proc rw\n"
      "38 36 259:7 /a /data\\040- rw - virtiofs kataShared rw\n"
      "broken\n39 36 x:y / /z rw - virtiofs none rw\n";
  EXPECT_THAT(DevicesOfType(kMountinfo, "virtiofs"), ElementsAre(makedev(0, 44), makedev(259, 7)));
  EXPECT_THAT(DevicesOfType(kMountinfo, "ext4"), IsEmpty());
  EXPECT_THAT(DevicesOfType("", "virtiofs"), IsEmpty());
}

TEST(CountMappedFilesTest, CountMappedFiles_FileMappedTwice_IsCountedOnce) {
  constexpr std::string_view kMaps =
      "5581c0-5581c1 r--p 00000000 00:2c 1234                       /bin/sleep\n"
      "5581c1-5581c2 r-xp 00001000 00:2c 1234                       /bin/sleep\n"
      "7f0000-7f0001 rw-s 00000000 00:2c 99                         /data/a b\n"
      "7f0002-7f0003 rw-s 00000000 00:2d 99                         /other\n"
      "7ffc00-7ffc01 rw-p 00000000 00:00 0                          [stack]\n"
      "cut";
  EXPECT_EQ(CountMappedFiles(kMaps, {makedev(0, 0x2c)}), 2u);
  EXPECT_EQ(CountMappedFiles(kMaps, {makedev(0, 0x2c), makedev(0, 0x2d)}), 3u);
  EXPECT_EQ(CountMappedFiles(kMaps, {}), 0u);
}

TEST(CountOpenFilesTest, CountOpenFiles_OfProcess_CountsAllAndThoseOfDevices) {
  struct stat info {};
  ASSERT_EQ(::stat("/proc", &info), 0);
  const std::set<dev_t> proc = {info.st_dev};
  const OpenFiles before = CountOpenFiles(::getpid(), proc);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd pipe[] = {UniqueFd(ends[0]), UniqueFd(ends[1])};
  const UniqueFd files[] = {UniqueFd(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)),
                            UniqueFd(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC))};
  const OpenFiles after = CountOpenFiles(::getpid(), proc);
  EXPECT_EQ(after.descriptors, before.descriptors + 4);
  EXPECT_EQ(after.counted, before.counted + 2);
  EXPECT_EQ(CountOpenFiles(-1, proc).descriptors, 0u);
}

}  // namespace
}  // namespace virtcontainers::guest
