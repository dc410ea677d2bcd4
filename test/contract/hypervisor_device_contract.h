// What every Hypervisor must do with devices (include/virtcontainers/hypervisor.h, device.h), as tests that
// run over each of them, as those of hypervisor_contract.h: HypervisorDeviceContract where devices are
// plugged into a VM that runs, HypervisorFixedDeviceContract where they are not.
//
// The guest of `configure` must be a Linux, or do as one does: with the kernel parameter "acpiphp.disable=1"
// it lets go of no device.

#ifndef VIRTCONTAINERS_TEST_CONTRACT_HYPERVISOR_DEVICE_CONTRACT_H_
#define VIRTCONTAINERS_TEST_CONTRACT_HYPERVISOR_DEVICE_CONTRACT_H_

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hypervisor_contract.h"
#include "virtcontainers/device.h"

namespace virtcontainers {

class HypervisorDeviceContract : public HypervisorContract {
 protected:
  ~HypervisorDeviceContract() override {
    for (const int fd : descriptors_) ::close(fd);
  }

  // What a guest needs to let go, on a busy machine.
  static Deadline Patience() { return Deadline::After(std::chrono::seconds(60)); }

  VmConfig DeviceConfig() const {
    VmConfig config = Config();
    config.resources.max_memory = Bytes::MiB(1024);
    return config;
  }

  HypervisorFeatures Features() const {
    const VmConfig config = DeviceConfig();
    return hypervisor_->features(config.hypervisor, config.resources).value();
  }

  VmInfo StartVm(const VmConfig& config) {
    Result<VmInfo> info = hypervisor_->Start(config, Soon());
    EXPECT_TRUE(info) << info.error().ToString();
    if (info && GetParam().await_guest) GetParam().await_guest(config);
    return info.value_or(VmInfo{});
  }
  VmInfo StartVm() { return StartVm(DeviceConfig()); }

  int Keep(int fd) {
    EXPECT_GE(fd, 0);
    descriptors_.push_back(fd);
    return fd;
  }

  // A disk of 1 MiB with an image of its own.
  BlockDevice Disk(const std::string& id) {
    const std::string path = directory_ + "/" + id + ".img";
    BlockDevice disk;
    disk.id = id;
    disk.image = Keep(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(::ftruncate(disk.image, 1 << 20), 0);
    return disk;
  }

  // A network device whose other end is of this process.
  NetworkDevice Network(const std::string& id) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    Keep(ends[1]);
    NetworkDevice network;
    network.id = id;
    network.mac = {{0x52, 0x54, 0, 0x12, 0x34, static_cast<uint8_t>(descriptors_.size())}};
    network.backend = StreamSocket{Keep(ends[0])};
    return network;
  }

  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    const auto devices = hypervisor_->ListDevices(Soon());
    EXPECT_TRUE(devices) << devices.error().ToString();
    if (devices) {
      for (const PluggedDevice& device : *devices) ids.push_back(device.id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  static size_t OpenDescriptors(pid_t pid) {
    const std::filesystem::directory_iterator begin("/proc/" + std::to_string(pid) + "/fd");
    return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator()));
  }

  std::vector<int> descriptors_;
};

TEST_P(HypervisorDeviceContract, Calls_VmDoesNotRun_Fail) {
  EXPECT_EQ(hypervisor_->AddDevice(Disk("disk"), Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(hypervisor_->RemoveDevice("disk", Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(hypervisor_->ListDevices(Soon()).error().code(), Code::kFailedPrecondition);
  const VmInfo info = StartVm();
  ASSERT_EQ(::kill(info.process.pid, SIGKILL), 0);
  ASSERT_TRUE(hypervisor_->WaitExit(Soon()));
  EXPECT_EQ(hypervisor_->AddDevice(Disk("disk"), Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(hypervisor_->RemoveDevice("disk", Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(hypervisor_->ListDevices(Soon()).error().code(), Code::kFailedPrecondition);
}

TEST_P(HypervisorDeviceContract, Start_WithDevices_HasThem) {
  VmConfig config = DeviceConfig();
  config.devices = {Disk("one"), Network("two"), Disk("three")};
  std::get<BlockDevice>(config.devices[2]).limits = {.bytes = 1 << 20, .operations = 100};
  StartVm(config);
  EXPECT_THAT(Ids(), testing::ElementsAre("one", "three", "two"));
  // What a VM was started with goes as what was plugged.
  for (const char* id : {"one", "two", "three"}) {
    const Status removed = hypervisor_->RemoveDevice(id, Patience());
    EXPECT_TRUE(removed) << removed.error().ToString();
  }
  EXPECT_THAT(Ids(), testing::IsEmpty());
}

TEST_P(HypervisorDeviceContract, Start_BadDevice_Fails) {
  VmConfig config = DeviceConfig();
  BlockDevice disk = Disk("disk");
  disk.format = ImageFormat::kQcow2;
  config.devices = {disk};
  EXPECT_EQ(hypervisor_->Start(config, Soon()).error().code(), Code::kInvalidArgument);
  EXPECT_NE(hypervisor_->state(), VmState::kRunning);
}

TEST_P(HypervisorDeviceContract, StartAndSave_UnsupportedStartPath_AreUnimplemented) {
  if (Features().saves) return;
  VmConfig config = DeviceConfig();
  config.start = Clone{};
  EXPECT_EQ(hypervisor_->Start(config, Soon()).error().code(), Code::kUnimplemented);
  EXPECT_EQ(hypervisor_->Save({}, Soon()).error().code(), Code::kUnimplemented);
}

TEST_P(HypervisorDeviceContract, AddAndRemoveDevice_32Times_LeaveNothing) {
  const VmInfo info = StartVm();
  // The first one may leave what any device needs.
  const BlockDevice disk = Disk("disk");
  ASSERT_TRUE(hypervisor_->AddDevice(disk, Soon()));
  ASSERT_TRUE(hypervisor_->RemoveDevice("disk", Patience()));
  const size_t before = OpenDescriptors(info.process.pid);
  for (int i = 0; i < 32; ++i) {
    const Device device = i % 2 == 0 ? Device(disk) : Device(Network("net"));
    const Result<GuestAddress> added = hypervisor_->AddDevice(device, Soon());
    ASSERT_TRUE(added) << i << ": " << added.error().ToString();
    EXPECT_FALSE(added->pci.empty());
    const Status removed = hypervisor_->RemoveDevice(IdOf(device), Patience());
    ASSERT_TRUE(removed) << i << ": " << removed.error().ToString();
  }
  EXPECT_THAT(Ids(), testing::IsEmpty());
  EXPECT_EQ(OpenDescriptors(info.process.pid), before);
}

TEST_P(HypervisorDeviceContract, AddDevice_Twice_ReturnsSameAddress) {
  StartVm();
  const BlockDevice disk = Disk("disk");
  const Result<GuestAddress> first = hypervisor_->AddDevice(disk, Soon());
  ASSERT_TRUE(first) << first.error().ToString();
  const Result<GuestAddress> other = hypervisor_->AddDevice(Network("net"), Soon());
  ASSERT_TRUE(other) << other.error().ToString();
  EXPECT_NE(first->pci, other->pci);
  EXPECT_EQ(hypervisor_->AddDevice(disk, Soon()).value(), *first);
  EXPECT_THAT(hypervisor_->ListDevices(Soon()).value(),
              testing::UnorderedElementsAre(PluggedDevice{"disk", *first}, PluggedDevice{"net", *other}));
  EXPECT_TRUE(hypervisor_->RemoveDevice("nothing", Soon())) << "what is not there is removed already";
}

TEST_P(HypervisorDeviceContract, AddDevice_FailsHalfWay_LeavesNothing) {
  const VmInfo info = StartVm();
  const BlockDevice disk = Disk("disk");
  ASSERT_TRUE(hypervisor_->AddDevice(disk, Soon()));
  const size_t before = OpenDescriptors(info.process.pid);
  // An image that another disk writes is refused when the device is half made.
  BlockDevice second = disk;
  second.id = "second";
  EXPECT_EQ(hypervisor_->AddDevice(second, Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(Ids(), testing::ElementsAre("disk"));
  EXPECT_EQ(OpenDescriptors(info.process.pid), before);
  const Result<GuestAddress> again = hypervisor_->AddDevice(Disk("second"), Soon());
  EXPECT_TRUE(again) << again.error().ToString();
}

TEST_P(HypervisorDeviceContract, AddDevice_BadDevice_FailsAndNamesField) {
  StartVm();
  const auto refusal = [this](const Device& device) {
    const Result<GuestAddress> added = hypervisor_->AddDevice(device, Soon());
    EXPECT_FALSE(added);
    if (added) return std::string();
    EXPECT_EQ(added.error().code(), Code::kInvalidArgument) << added.error().ToString();
    return added.error().message();
  };
  BlockDevice disk = Disk("disk");
  disk.image = -1;
  EXPECT_THAT(refusal(disk), testing::HasSubstr("image: descriptor -1"));
  disk = Disk("not an id");
  EXPECT_THAT(refusal(disk), testing::HasSubstr("the id is not"));
  NetworkDevice network = Network("net");
  network.mac = {};
  EXPECT_THAT(refusal(network), testing::HasSubstr("MAC address 00:00:00:00:00:00"));
  EXPECT_THAT(refusal(MemoryDevice{"memory", Bytes::MiB(1)}), testing::HasSubstr("128 MiB"));
  EXPECT_THAT(Ids(), testing::IsEmpty());
}

TEST_P(HypervisorDeviceContract, AddDevice_NoSlotIsLeft_FailsUntilOneIs) {
  VmConfig config = DeviceConfig();
  config.hypervisor.device_slots = 2;
  StartVm(config);
  ASSERT_TRUE(hypervisor_->AddDevice(Disk("one"), Soon()));
  ASSERT_TRUE(hypervisor_->AddDevice(Network("two"), Soon()));
  const Error error = hypervisor_->AddDevice(Disk("three"), Soon()).error();
  EXPECT_EQ(error.code(), Code::kResourceExhausted);
  EXPECT_THAT(error.message(), testing::HasSubstr("device_slots"));
  ASSERT_TRUE(hypervisor_->RemoveDevice("one", Patience()));
  EXPECT_TRUE(hypervisor_->AddDevice(Disk("three"), Soon()));
}

TEST_P(HypervisorDeviceContract, AddDevice_Memory_IsListedAndRemoved) {
  ASSERT_TRUE(Features().plugs_memory);
  StartVm();
  const Result<GuestAddress> added = hypervisor_->AddDevice(MemoryDevice{"more", Bytes::MiB(128)}, Soon());
  ASSERT_TRUE(added) << added.error().ToString();
  EXPECT_EQ(added->pci, "");
  EXPECT_THAT(Ids(), testing::ElementsAre("more"));
  const Status removed = hypervisor_->RemoveDevice("more", Patience());
  EXPECT_TRUE(removed) << removed.error().ToString();
  EXPECT_THAT(Ids(), testing::IsEmpty());
}

TEST_P(HypervisorDeviceContract, AddDevice_Paused_IsThereAfterResume) {
  StartVm();
  ASSERT_TRUE(hypervisor_->Pause(Soon()));
  const Result<GuestAddress> added = hypervisor_->AddDevice(Disk("disk"), Soon());
  ASSERT_TRUE(added) << added.error().ToString();
  EXPECT_EQ(hypervisor_->RemoveDevice("disk", Soon()).error().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(hypervisor_->Resume(Soon()));
  const Status removed = hypervisor_->RemoveDevice("disk", Patience());
  EXPECT_TRUE(removed) << removed.error().ToString();
}

TEST_P(HypervisorDeviceContract, AddDevice_VmIsKilledMeanwhile_Fails) {
  const VmInfo info = StartVm();
  std::atomic<bool> plugging{false};
  std::thread killer([&] {
    while (!plugging) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ::kill(info.process.pid, SIGKILL);
  });
  const BlockDevice disk = Disk("disk");
  Status last;
  while (last) {
    plugging = true;
    last = hypervisor_->AddDevice(disk, Soon()).map([](const GuestAddress&) {});
    if (last) last = hypervisor_->RemoveDevice("disk", Patience());
  }
  killer.join();
  const Code code = last.error().code();
  EXPECT_TRUE(code == Code::kUnavailable || code == Code::kFailedPrecondition) << last.error().ToString();
  EXPECT_EQ(hypervisor_->WaitExit(Soon()).value().reason, "vm exited: killed by signal 9");
}

TEST_P(HypervisorDeviceContract, RemoveDevice_GuestKeepsIt_FailsAtDeadlineAndAtItsEnd) {
  VmConfig config = DeviceConfig();
  std::vector<std::string>& parameters = config.hypervisor.kernel_parameters;
  parameters.insert(parameters.begin(), "acpiphp.disable=1");
  const VmInfo info = StartVm(config);
  ASSERT_TRUE(hypervisor_->AddDevice(Disk("disk"), Soon()));
  const Error error =
      hypervisor_->RemoveDevice("disk", Deadline::After(std::chrono::milliseconds(700))).error();
  EXPECT_EQ(error.code(), Code::kDeadlineExceeded) << error.ToString();
  EXPECT_THAT(error.message(), testing::HasSubstr("'disk'"));
  EXPECT_THAT(Ids(), testing::ElementsAre("disk"));
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ::kill(info.process.pid, SIGKILL);
  });
  EXPECT_EQ(hypervisor_->RemoveDevice("disk", Patience()).error().code(), Code::kUnavailable);
  killer.join();
}

// A monitor that dies after it has plugged a device, and before it has written that down.
TEST_P(HypervisorDeviceContract, Attach_DevicesWerePlugged_FindsAllOfThem) {
  ASSERT_TRUE(Features().takes_over);
  const VmConfig config = DeviceConfig();
  const VmInfo info = StartVm(config);
  const BlockDevice disk = Disk("noted");
  const Result<GuestAddress> noted = hypervisor_->AddDevice(disk, Soon());
  ASSERT_TRUE(noted);
  ASSERT_TRUE(hypervisor_->AddDevice(Network("unnoted"), Soon()));
  hypervisor_->Detach();
  hypervisor_ = GetParam().make();
  const Result<VmInfo> taken = hypervisor_->Attach(config, info, Soon());
  ASSERT_TRUE(taken) << taken.error().ToString();
  EXPECT_EQ(*taken, info);
  EXPECT_THAT(Ids(), testing::ElementsAre("noted", "unnoted"));
  EXPECT_EQ(hypervisor_->AddDevice(disk, Soon()).value(), *noted);
  const Status removed = hypervisor_->RemoveDevice("unnoted", Patience());
  EXPECT_TRUE(removed) << removed.error().ToString();
  EXPECT_TRUE(hypervisor_->AddDevice(Network("third"), Soon()));
  EXPECT_TRUE(hypervisor_->RemoveDevice("noted", Patience()));
  EXPECT_THAT(Ids(), testing::ElementsAre("third"));
  EXPECT_TRUE(hypervisor_->Stop(Soon()));
  // It was this process's child all the time.
  ::waitpid(info.process.pid, nullptr, 0);
}

TEST_P(HypervisorDeviceContract, Calls_FromManyThreads_AreSafe) {
  StartVm();
  std::vector<Device> devices;
  for (int i = 0; i < 4; ++i) devices.emplace_back(Disk("disk" + std::to_string(i)));
  std::vector<std::thread> callers;
  for (const Device& device : devices) {
    callers.emplace_back([this, &device] {
      for (int round = 0; round < 2; ++round) {
        const Result<GuestAddress> added = hypervisor_->AddDevice(device, Patience());
        EXPECT_TRUE(added) << added.error().ToString();
        EXPECT_TRUE(hypervisor_->ListDevices(Patience()));
        const Status removed = hypervisor_->RemoveDevice(IdOf(device), Patience());
        EXPECT_TRUE(removed) << removed.error().ToString();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_THAT(Ids(), testing::IsEmpty());
}

// Of machines whose devices are those that they were started with.
class HypervisorFixedDeviceContract : public HypervisorDeviceContract {};

TEST_P(HypervisorFixedDeviceContract, Start_WithDevices_HasThem) {
  VmConfig config = DeviceConfig();
  config.devices = {Disk("one"), Network("two")};
  StartVm(config);
  EXPECT_THAT(Ids(), testing::ElementsAre("one", "two"));
}

TEST_P(HypervisorFixedDeviceContract, AddDevice_VmRuns_FailsAndNamesMachineThatPlugs) {
  const HypervisorFeatures features = Features();
  EXPECT_FALSE(features.plugs_block || features.plugs_network || features.plugs_shares ||
               features.plugs_memory);
  StartVm();
  const Error error = hypervisor_->AddDevice(Disk("disk"), Soon()).error();
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), testing::HasSubstr("use machine '"));
  EXPECT_EQ(hypervisor_->RemoveDevice("disk", Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(Ids(), testing::IsEmpty());
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_TEST_CONTRACT_HYPERVISOR_DEVICE_CONTRACT_H_
