#include "hypervisor/qemu/command_line.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

VmConfig Config(const std::string& machine) {
  VmConfig config;
  config.name = "web";
  config.hypervisor.machine = machine;
  config.hypervisor.kernel = "/guest/vmlinux";
  config.hypervisor.initrd = "/guest/initramfs.cpio";
  config.run_dir = "/run/vc/web";
  config.console = "/run/vc/web/console.log";
  return config;
}

QemuFacts Facts(Accelerator accelerator) {
  return {"/usr/bin/qemu-system-x86_64", "qboot.rom", accelerator,
          accelerator == Accelerator::kTcg ? 2596152u : 0u};
}

std::vector<std::string> Arguments(const VmConfig& config, Accelerator accelerator = Accelerator::kTcg) {
  const auto arguments = QemuArguments(config, Facts(accelerator));
  EXPECT_TRUE(arguments) << arguments.error().ToString();
  return arguments.value_or(std::vector<std::string>());
}

// One flag a line, with its value.
std::string Text(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) {
    const bool flag = !argument.empty() && argument[0] == '-';
    if (!text.empty()) text += flag ? "\n" : " ";
    text += argument;
  }
  return text + "\n";
}

TEST(QemuArgumentsTest, Arguments_Q35WithTcg_AreComplete) {
  EXPECT_EQ(Text(Arguments(Config("q35"))), R"(/usr/bin/qemu-system-x86_64
-name guest=web
-nodefaults
-no-user-config
-display none
-no-reboot
-S
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-machine q35,graphics=off,sata=off,smbus=off,vmport=off,dump-guest-core=off,memory-backend=ram
-accel tcg,tb-size=256
-cpu max,erms=off,fsrm=off
-smp 1
-m 256M
-object memory-backend-memfd,id=ram,share=on,size=256M
-bios qboot.rom
-kernel /guest/vmlinux
-initrd /guest/initramfs.cpio
-append console=ttyS0 panic=-1 reboot=t cryptomgr.notests quiet tsc_early_khz=2596152 no_timer_check virtcontainers.transport=virtio-serial virtcontainers.poweroff=acpi agent.log=info
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
-chardev socket,id=qmp-successor,fd=4,server=on,wait=off
-mon chardev=qmp-successor,mode=control
-add-fd set=1,fd=6
-chardev file,id=console,append=on,path=/dev/fdset/1
-serial chardev:console
-object rng-random,id=entropy,filename=/dev/urandom
-device virtio-rng-pci,rng=entropy
-device virtio-serial-pci,max_ports=2
-chardev socket,id=agent,fd=5,server=on,wait=off
-device virtserialport,chardev=agent,name=org.virtcontainers.agent.0
-device pci-bridge,id=bridge0,bus=pcie.0,addr=0x10,chassis_nr=1,shpc=off
)");
}

TEST(QemuArgumentsTest, Arguments_Q35WithKvmShareAndVsock_AreComplete) {
  VmConfig config = Config("q35");
  config.transport = AgentTransport::kVsock;
  config.vsock_cid = 1234;
  config.devices = {SharedDirectory{"share", "kataShared", 40}};
  config.resources.vcpus = 4;
  config.resources.memory = Bytes::MiB(1024);
  EXPECT_EQ(Text(Arguments(config, Accelerator::kKvm)), R"(/usr/bin/qemu-system-x86_64
-name guest=web
-nodefaults
-no-user-config
-display none
-no-reboot
-S
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-machine q35,graphics=off,sata=off,smbus=off,vmport=off,dump-guest-core=off,memory-backend=ram
-accel kvm
-cpu host
-smp 4
-m 1024M
-object memory-backend-memfd,id=ram,share=on,size=1024M
-bios qboot.rom
-kernel /guest/vmlinux
-initrd /guest/initramfs.cpio
-append console=ttyS0 panic=-1 reboot=t cryptomgr.notests quiet virtcontainers.transport=vsock virtcontainers.poweroff=acpi agent.log=info
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
-chardev socket,id=qmp-successor,fd=4,server=on,wait=off
-mon chardev=qmp-successor,mode=control
-add-fd set=1,fd=6
-chardev file,id=console,append=on,path=/dev/fdset/1
-serial chardev:console
-object rng-random,id=entropy,filename=/dev/urandom
-device virtio-rng-pci,rng=entropy
-device vhost-vsock-pci,guest-cid=1234,vhostfd=7
-device pci-bridge,id=bridge0,bus=pcie.0,addr=0x10,chassis_nr=1,shpc=off
-chardev socket,id=share-socket,fd=10
-device {"id":"device.share","driver":"vhost-user-fs-pci","bus":"bridge0","addr":"0x0","chardev":"share-socket","tag":"kataShared"}
)");
}

TEST(QemuArgumentsTest, Arguments_MicrovmWithTcgShareAndDebug_AreComplete) {
  VmConfig config = Config("microvm");
  config.devices = {SharedDirectory{"share", "kataShared", 40}};
  config.hypervisor.debug = true;
  config.hypervisor.kernel_parameters = {"mitigations=off", "quiet"};
  config.resources.vcpus = 2;
  EXPECT_EQ(Text(Arguments(config)), R"(/usr/bin/qemu-system-x86_64
-name guest=web
-nodefaults
-no-user-config
-display none
-no-reboot
-S
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-global virtio-mmio.force-legacy=false
-machine microvm,rtc=on,dump-guest-core=off,memory-backend=ram
-accel tcg,tb-size=256,thread=multi
-cpu max,erms=off,fsrm=off
-smp 2
-m 256M
-object memory-backend-memfd,id=ram,share=on,size=256M
-bios qboot.rom
-kernel /guest/vmlinux
-initrd /guest/initramfs.cpio
-append console=ttyS0 panic=-1 reboot=t cryptomgr.notests ignore_loglevel pci=off tsc_early_khz=2596152 no_timer_check virtcontainers.transport=virtio-serial virtcontainers.poweroff=acpi agent.log=debug mitigations=off quiet
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
-chardev socket,id=qmp-successor,fd=4,server=on,wait=off
-mon chardev=qmp-successor,mode=control
-add-fd set=1,fd=6
-chardev file,id=console,append=on,path=/dev/fdset/1
-serial chardev:console
-object rng-random,id=entropy,filename=/dev/urandom
-device virtio-rng-device,rng=entropy
-device virtio-serial-device,max_ports=2
-chardev socket,id=agent,fd=5,server=on,wait=off
-device virtserialport,chardev=agent,name=org.virtcontainers.agent.0
-chardev socket,id=share-socket,fd=10
-device {"id":"device.share","driver":"vhost-user-fs-device","chardev":"share-socket","tag":"kataShared"}
)");
}

TEST(QemuArgumentsTest, Arguments_MicrovmWithKvm_AreComplete) {
  EXPECT_EQ(Text(Arguments(Config("microvm"), Accelerator::kKvm)), R"(/usr/bin/qemu-system-x86_64
-name guest=web
-nodefaults
-no-user-config
-display none
-no-reboot
-S
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-global virtio-mmio.force-legacy=false
-machine microvm,rtc=on,dump-guest-core=off,memory-backend=ram
-accel kvm
-cpu host
-smp 1
-m 256M
-object memory-backend-memfd,id=ram,share=on,size=256M
-bios qboot.rom
-kernel /guest/vmlinux
-initrd /guest/initramfs.cpio
-append console=ttyS0 panic=-1 reboot=t cryptomgr.notests quiet pci=off virtcontainers.transport=virtio-serial virtcontainers.poweroff=acpi agent.log=info
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
-chardev socket,id=qmp-successor,fd=4,server=on,wait=off
-mon chardev=qmp-successor,mode=control
-add-fd set=1,fd=6
-chardev file,id=console,append=on,path=/dev/fdset/1
-serial chardev:console
-object rng-random,id=entropy,filename=/dev/urandom
-device virtio-rng-device,rng=entropy
-device virtio-serial-device,max_ports=2
-chardev socket,id=agent,fd=5,server=on,wait=off
-device virtserialport,chardev=agent,name=org.virtcontainers.agent.0
)");
}

TEST(QemuArgumentsTest, Arguments_MicrovmWithVsock_HaveVirtioMmioDevice) {
  VmConfig config = Config("microvm");
  config.transport = AgentTransport::kVsock;
  config.vsock_cid = 3;
  EXPECT_THAT(Arguments(config), Contains("vhost-vsock-device,guest-cid=3,vhostfd=7"));
  EXPECT_THAT(Arguments(config), Not(Contains(HasSubstr("virtserialport"))));
}

TEST(QemuArgumentsTest, Arguments_ValuesWithCommas_AreEscaped) {
  VmConfig config = Config("q35");
  config.name = "a,process=b";
  config.devices = {SharedDirectory{"share", "t,x=y", 40}};
  const auto arguments = Arguments(config);
  EXPECT_THAT(arguments, Contains("guest=a,,process=b"));
  EXPECT_THAT(arguments, Contains(HasSubstr("\"tag\":\"t,x=y\"")));
}

TEST(QemuArgumentsTest, Arguments_RunDirectoryPaths_AreOmitted) {
  VmConfig config = Config("q35");
  config.devices = {SharedDirectory{"share", "kataShared", 40}};
  EXPECT_THAT(Arguments(config), Not(Contains(HasSubstr("/run/vc"))));
}

TEST(QemuArgumentsTest, Arguments_ManySlots_HaveBridgeForEach32) {
  VmConfig config = Config("q35");
  config.hypervisor.device_slots = 33;
  const auto arguments = Arguments(config);
  EXPECT_THAT(arguments, Contains("pci-bridge,id=bridge0,bus=pcie.0,addr=0x10,chassis_nr=1,shpc=off"));
  EXPECT_THAT(arguments, Contains("pci-bridge,id=bridge1,bus=pcie.0,addr=0x11,chassis_nr=2,shpc=off"));
  EXPECT_THAT(arguments, Not(Contains(HasSubstr("bridge2"))));
}

TEST(QemuArgumentsTest, Arguments_MoreDevicesThanSlots_Fail) {
  VmConfig config = Config("q35");
  config.hypervisor.device_slots = 1;
  config.devices = {SharedDirectory{"one", "1", 40}, SharedDirectory{"two", "2", 41}};
  const auto arguments = QemuArguments(config, Facts(Accelerator::kTcg));
  ASSERT_FALSE(arguments);
  EXPECT_EQ(arguments.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(arguments.error().message(), HasSubstr("'two'"));
}

TEST(QemuArgumentsTest, Arguments_VmThatGrows_HaveMemorySlots) {
  VmConfig config = Config("q35");
  config.resources.max_memory = Bytes::MiB(1024);
  EXPECT_THAT(Arguments(config), Contains("256M,slots=16,maxmem=1024M"));
}

TEST(QemuArgumentsTest, Arguments_MemoryDeviceOfMicrovm_Fail) {
  VmConfig config = Config("microvm");
  config.devices = {MemoryDevice{"more", Bytes::MiB(128)}};
  const auto arguments = QemuArguments(config, Facts(Accelerator::kTcg));
  ASSERT_FALSE(arguments);
  EXPECT_EQ(arguments.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(arguments.error().message(), HasSubstr("memory 'more'"));
}

TEST(QemuArgumentsTest, Arguments_UnknownMachine_Fail) {
  const auto arguments = QemuArguments(Config("pc"), Facts(Accelerator::kTcg));
  ASSERT_FALSE(arguments);
  EXPECT_EQ(arguments.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(arguments.error().message(), HasSubstr("'pc'"));
}

TEST(QemuArgumentsTest, Arguments_KernelCommandLineTooLong_Fail) {
  VmConfig config = Config("q35");
  config.hypervisor.kernel_parameters = {std::string(2048, 'x')};
  const auto arguments = QemuArguments(config, Facts(Accelerator::kTcg));
  ASSERT_FALSE(arguments);
  EXPECT_EQ(arguments.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(arguments.error().message(), HasSubstr("2047"));
}

}  // namespace
}  // namespace virtcontainers
