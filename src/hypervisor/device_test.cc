#include "virtcontainers/device.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;

class DeviceTest : public testing::Test {
 protected:
  int Open(const std::string& path, int flags) {
    files_.emplace_back(::open(path.c_str(), flags | O_CLOEXEC));
    EXPECT_TRUE(files_.back());
    return files_.back().get();
  }

  BlockDevice Disk(const std::string& content = "") {
    BlockDevice disk;
    disk.id = "disk";
    disk.image = Open(directory_.Write("image", content), O_RDWR);
    return disk;
  }

  int Socket(int type = SOCK_STREAM) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    files_.emplace_back(ends[1]);
    files_.emplace_back(ends[0]);
    return ends[0];
  }

  static std::string Refusal(const Device& device) {
    const Status checked = CheckDevice(device);
    if (checked) return "";
    EXPECT_EQ(checked.error().code(), Code::kInvalidArgument);
    return checked.error().message();
  }

  TestDirectory directory_;
  std::vector<UniqueFd> files_;
};

// The header of a qcow2 image of version 3. (QEMU, docs/interop/qcow2.txt)
std::string Qcow2Header(uint64_t backing_file = 0, uint64_t incompatible = 0) {
  std::string header("QFI\xfb\0\0\0\3", 8);
  const auto add = [&header](uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) header += static_cast<char>(value >> shift);
  };
  add(backing_file);
  header.resize(72);
  add(incompatible);
  header.resize(104);
  return header;
}

TEST_F(DeviceTest, CheckDevice_Ids_AreShortNames) {
  BlockDevice disk = Disk();
  for (const char* id : {"a", "disk0", "a-b", "abcdefghijklmnopqrst"}) {
    disk.id = id;
    EXPECT_EQ(Refusal(disk), "");
  }
  for (const char* id : {"", "0disk", "-a", "a.b", "a b", "a,b=c", "abcdefghijklmnopqrstu"}) {
    disk.id = id;
    EXPECT_THAT(Refusal(disk), HasSubstr("the id is not 1 to 20 characters")) << id;
  }
}

TEST_F(DeviceTest, CheckDevice_ImageDescriptor_MustBeOpenForItsUse) {
  BlockDevice disk = Disk();
  EXPECT_EQ(Refusal(disk), "");
  const std::string path = directory_ / "image";
  disk.image = Open(path, O_RDONLY);
  EXPECT_THAT(Refusal(disk), HasSubstr("not open for writing"));
  disk.readonly = true;
  EXPECT_EQ(Refusal(disk), "");
  disk.image = Open(path, O_WRONLY);
  EXPECT_THAT(Refusal(disk), HasSubstr("not open for reading"));
  disk.image = Open(directory_.path(), O_RDONLY);
  EXPECT_THAT(Refusal(disk), HasSubstr("neither a regular file nor a block device"));
  disk.image = 12345;
  EXPECT_THAT(Refusal(disk), HasSubstr("descriptor 12345 is not open"));
}

TEST_F(DeviceTest, CheckDevice_Serial_IsShortAndPrintable) {
  BlockDevice disk = Disk();
  disk.serial = "12345678901234567890";
  EXPECT_EQ(Refusal(disk), "");
  disk.serial = "123456789012345678901";
  EXPECT_THAT(Refusal(disk), HasSubstr("longer than 20"));
  disk.serial = "a\nb";
  EXPECT_THAT(Refusal(disk), HasSubstr("not printable"));
}

TEST_F(DeviceTest, CheckDevice_Qcow2ThatNamesOtherFiles_Fails) {
  const auto refusal = [this](const std::string& content) {
    BlockDevice disk = Disk(content);
    disk.format = ImageFormat::kQcow2;
    return Refusal(disk);
  };
  EXPECT_EQ(refusal(Qcow2Header()), "");
  EXPECT_THAT(refusal(Qcow2Header(0x200)), HasSubstr("backing file"));
  EXPECT_THAT(refusal(Qcow2Header(0, 1 << 2)), HasSubstr("another file"));
  EXPECT_THAT(refusal("no image"), HasSubstr("not in qcow2's format"));
  EXPECT_THAT(refusal(""), HasSubstr("not in qcow2's format"));
}

TEST_F(DeviceTest, CheckDevice_Network_NeedsAddressAndBackend) {
  NetworkDevice network;
  network.id = "net";
  network.mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
  network.backend = StreamSocket{Socket()};
  EXPECT_EQ(Refusal(network), "");
  EXPECT_EQ(ToString(network.mac), "52:54:00:12:34:56");
  network.mtu = 67;
  EXPECT_THAT(Refusal(network), HasSubstr("MTU 67"));
  network.mtu = 9000;
  network.mac.bytes[0] = 0x53;
  EXPECT_THAT(Refusal(network), HasSubstr("53:54:00:12:34:56"));
  network.mac.bytes[0] = 0x52;
  network.backend = StreamSocket{Socket(SOCK_DGRAM)};
  EXPECT_THAT(Refusal(network), HasSubstr("not a connected stream socket"));
  network.backend = TapQueues{};
  EXPECT_THAT(Refusal(network), HasSubstr("0 queues"));
  network.backend = TapQueues{{Open(directory_.Write("file"), O_RDWR)}};
  EXPECT_THAT(Refusal(network), HasSubstr("not a tap device"));
}

TEST_F(DeviceTest, CheckDevice_ShareAndMemory_HaveBounds) {
  EXPECT_EQ(Refusal(SharedDirectory{"share", "tag", Socket()}), "");
  EXPECT_THAT(Refusal(SharedDirectory{"share", "", Socket()}), HasSubstr("tag"));
  EXPECT_THAT(Refusal(SharedDirectory{"share", std::string(37, 't'), Socket()}), HasSubstr("tag"));
  EXPECT_THAT(Refusal(SharedDirectory{"share", "tag", -1}), HasSubstr("descriptor -1"));
  EXPECT_EQ(Refusal(MemoryDevice{"memory", Bytes::MiB(256)}), "");
  EXPECT_THAT(Refusal(MemoryDevice{"memory", Bytes{}}), HasSubstr("128 MiB"));
  EXPECT_THAT(Refusal(MemoryDevice{"memory", Bytes::MiB(100)}), HasSubstr("128 MiB"));
}

}  // namespace
}  // namespace virtcontainers
