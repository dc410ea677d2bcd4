#include "hypervisor/host_probe.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::HasSubstr;

class HostProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "vc-probe-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    files_ = {directory_ + "/kvm", directory_ + "/cpuinfo", directory_ + "/vhost-vsock"};
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

  std::string directory_;
  HostFiles files_;
};

TEST_F(HostProbeTest, ProbeKvm_NoDeviceNode_IsUnusable) {
  const Probe kvm = ProbeKvm(files_);
  EXPECT_FALSE(kvm.usable);
  EXPECT_EQ(kvm.reason, "kvm not used: '" + files_.kvm + "': No such file or directory");
}

TEST_F(HostProbeTest, ProbeKvm_CpuWithoutVirtualization_IsUnusable) {
  Write(files_.kvm, "");
  Write(files_.cpuinfo, "processor\t: 0\nflags\t\t: fpu svm_lock vmxish hypervisor\nbugs\t\t: svm vmx\n");
  const Probe kvm = ProbeKvm(files_);
  EXPECT_FALSE(kvm.usable);
  EXPECT_EQ(kvm.reason, "kvm not used: the CPU offers neither svm nor vmx to this host");
}

TEST_F(HostProbeTest, ProbeKvm_DeviceIsNotKvm_IsUnusable) {
  Write(files_.kvm, "");
  for (const char* flags : {"fpu vmx sse", "svm", "fpu svm"}) {
    Write(files_.cpuinfo, std::string("processor\t: 0\nflags\t\t: ") + flags + "\n");
    const Probe kvm = ProbeKvm(files_);
    EXPECT_FALSE(kvm.usable);
    EXPECT_THAT(kvm.reason, HasSubstr("interface version 12")) << flags;
  }
}

TEST_F(HostProbeTest, Probe_ThisHost_HasReason) {
  EXPECT_FALSE(ProbeKvm().reason.empty());
  EXPECT_FALSE(ProbeVhostVsock().reason.empty());
}

TEST_F(HostProbeTest, ChooseAccelerator_AutoOrGiven_HasReason) {
  const auto automatic = ChooseAccelerator(Accelerator::kAuto, files_);
  ASSERT_TRUE(automatic);
  EXPECT_EQ(automatic->accelerator, Accelerator::kTcg);
  EXPECT_THAT(automatic->reason, HasSubstr("kvm not used"));

  EXPECT_EQ(ChooseAccelerator(Accelerator::kTcg, files_).value().accelerator, Accelerator::kTcg);

  const auto kvm = ChooseAccelerator(Accelerator::kKvm, files_);
  ASSERT_FALSE(kvm);
  EXPECT_EQ(kvm.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(kvm.error().message(), HasSubstr("kvm not used"));
}

}  // namespace
}  // namespace virtcontainers
