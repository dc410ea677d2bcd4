// crun is the oracle: of one config.json, on one machine, it and the agent make the same container.

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <gtest/gtest.h>
#include <string>

#include "guest/agent/os/file.h"
#include "guest/agent/testing/spec.h"
#include "guest/agent/testing/standalone_agent.h"

namespace virtcontainers::guest {
namespace {

// What a container can see of what was made for it. The parts that the two name differently for good reasons
// (the source of a mount, the covers of masked files) are left out.
constexpr const char* kScript = R"(
grep -E '^(Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status
id; ulimit -n; umask; pwd; env | sort; hostname
ls -l /dev | cut -c1-34,57-
ls -ld /dev/shm /dev/mqueue /dev/pts /dev/null /proc/acpi | cut -c1-10
ls /proc/acpi /sys/firmware; cat /proc/keys
mount | grep -E ' on (/proc|/dev|/sys)' | grep -vE ' on (/proc/(kcore|keys|timer_list|acpi)|/sys/(firmware|fs)[^ ]*) ' |
  sed 's/^[^ ]* on//; s/,inode64//' | sort
touch /file /proc/sys/kernel/panic /sys/x; echo x > /dev/full; head -c 3 /dev/zero | wc -c
)";

// The configuration is crun's own default, but for what this machine cannot (a device filter, raised limits).
constexpr const char* kRunCrun = R"(
set -e
# A machine with both versions of cgroups confuses crun.
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
cd "$BUNDLE"
crun spec
jq --arg rootfs "$ROOTFS" --arg script "$SCRIPT" '.root.path = $rootfs | .hostname = "web" | .process.terminal = false |
  .process.args = ["sh", "-c", $script] | .process.env = [.process.env[0]] | del(.linux.resources) |
  .process.rlimits[0].hard = 512 | .process.rlimits[0].soft = 512' config.json > changed
mv changed config.json
crun --root "$BUNDLE/state" --cgroup-manager=disabled run "vc-oracle-$$" > output 2>&1 || true
)";

bool Have(const char* path) { return ::access(path, X_OK) == 0; }

TEST(CrunComparisonTest, TheDefaultConfigMakesTheSameContainer) {
  if (const std::string reason = StandaloneAgent::WhyNot(); !reason.empty()) GTEST_SKIP() << reason;
  if (!Have("/usr/bin/crun") || !Have("/usr/bin/jq")) GTEST_SKIP() << "no crun and jq to compare with";
  StandaloneAgent agent;
  const std::string rootfs = agent.MakeRootfs("rootfs");

  const std::string bundle = agent.directory() + "/bundle";
  std::filesystem::create_directory(bundle);
  ::setenv("BUNDLE", bundle.c_str(), 1);
  ::setenv("ROOTFS", rootfs.c_str(), 1);
  ::setenv("SCRIPT", kScript, 1);
  ASSERT_TRUE(CreateFile(bundle + "/run", kRunCrun));
  ASSERT_EQ(std::system("unshare --mount --propagation private sh \"$BUNDLE/run\""), 0);
  const std::string expected = ReadFile(bundle + "/output").value_or("");
  ASSERT_NE(expected.find("CapEff"), std::string::npos) << "crun cannot run here: " << expected;

  const auto client = agent.Connect();
  ASSERT_TRUE(client);
  grpc::CreateSandboxRequest sandbox;
  sandbox.set_hostname("web");
  ASSERT_TRUE(client->Call("CreateSandbox", sandbox));
  auto request = DefaultContainer("c", rootfs, {"sh", "-c", std::string("exec 2>&1\n") + kScript});
  const auto created = client->Call("CreateContainer", request);
  ASSERT_TRUE(created) << created.error().ToString();
  grpc::StartContainerRequest start;
  start.set_container_id("c");
  ASSERT_TRUE(client->Call("StartContainer", start));
  EXPECT_EQ(client->ReadToEnd("c", "c"), expected);
  EXPECT_TRUE(client->Call("DestroySandbox", grpc::DestroySandboxRequest()));
  EXPECT_EQ(agent.WaitForEnd(), 0);
}

}  // namespace
}  // namespace virtcontainers::guest
