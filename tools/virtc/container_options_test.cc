#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_options.h"

namespace virtc {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Optional;
using virtcontainers::Bytes;
using virtcontainers::ContainerConfig;
using virtcontainers::LogFormat;
using virtcontainers::NamespaceOwner;

const CommandWords kWords = std::vector<std::string>{"true"};

ContainerOptions Options() {
  ContainerOptions options;
  options.rootfs = "/rootfs";
  return options;
}

ContainerConfig Made(const ContainerOptions& options) {
  EXPECT_TRUE(options.given(kWords));
  const auto checked = options.Check(kWords);
  EXPECT_TRUE(checked) << checked.error().message();
  const auto config = options.Config(kWords);
  EXPECT_TRUE(config) << config.error().message();
  return config.value_or(ContainerConfig());
}

std::string Refused(const ContainerOptions& options) {
  const auto checked = options.Check(kWords);
  return checked ? "accepted" : checked.error().message();
}

TEST(ContainerOptions, Config_Volumes_BecomeMounts) {
  ContainerOptions options = Options();
  options.volumes = {"/data:/in:ro", "relative/./x:/b", "/c:/c:ro,noexec"};
  const ContainerConfig config = Made(options);
  ASSERT_EQ(config.mounts.size(), 3u);
  EXPECT_EQ(config.mounts[0].source, "/data");
  EXPECT_EQ(config.mounts[0].destination, "/in");
  EXPECT_EQ(config.mounts[0].type, "bind");
  EXPECT_THAT(config.mounts[0].options, ElementsAre("rbind", "ro"));
  EXPECT_THAT(config.mounts[1].source,
              testing::AllOf(testing::StartsWith("/"), testing::EndsWith("/relative/x")));
  EXPECT_THAT(config.mounts[1].options, ElementsAre("rbind"));
  EXPECT_THAT(config.mounts[2].options, ElementsAre("rbind", "ro", "noexec"));
  for (const char* text :
       {"", "/data", ":/x", "/data:", "/data:in", "/data:/in:", "/a:/b:ro:x", "/a:/b:ro,"}) {
    options.volumes = {text};
    EXPECT_THAT(Refused(options), HasSubstr(std::string("--volume '") + text + "'"));
  }
}

TEST(ContainerOptions, Config_ForwardedSockets_AreSet) {
  ContainerOptions options = Options();
  options.forward_sockets = {"/run/a.sock:/run/b.sock", "x.sock:/x"};
  const ContainerConfig config = Made(options);
  ASSERT_EQ(config.forward_sockets.size(), 2u);
  EXPECT_EQ(config.forward_sockets[0].source, "/run/a.sock");
  EXPECT_EQ(config.forward_sockets[0].destination, "/run/b.sock");
  EXPECT_THAT(config.forward_sockets[1].source,
              testing::AllOf(testing::StartsWith("/"), testing::EndsWith("/x.sock")));
  for (const char* text : {"", "/a", ":/x", "/a:", "/a:x", "/a:/b:/c"}) {
    options.forward_sockets = {text};
    EXPECT_THAT(Refused(options), HasSubstr(std::string("--forward-socket '") + text + "'"));
  }
}

TEST(ContainerOptions, Config_Limits_AreSet) {
  ContainerOptions options = Options();
  options.resources.memory = "64M";
  options.resources.memory_swap = "unlimited";
  options.resources.cpu_quota = "-1";
  options.resources.cpu_shares = "512";
  options.resources.cpu_period = "50000";
  options.resources.cpus = "0-1";
  options.resources.pids_limit = "100";
  options.resources.unified = {"memory.high=48M"};
  const auto limits = Made(options).resources;
  EXPECT_EQ(limits.memory_limit, 64 << 20);
  EXPECT_EQ(limits.memory_reservation, std::nullopt);
  EXPECT_EQ(limits.memory_swap, -1);
  EXPECT_EQ(limits.cpu_quota, -1);
  EXPECT_EQ(limits.cpu_shares, 512u);
  EXPECT_EQ(limits.cpu_period, 50000u);
  EXPECT_EQ(limits.cpus, "0-1");
  EXPECT_EQ(limits.pids_limit, 100);
  EXPECT_EQ(limits.unified.at("memory.high"), "48M");
  for (const auto& [field, text] : {std::pair{&ResourceOptions::memory, "64"},
                                    {&ResourceOptions::memory, "8388608T"},
                                    {&ResourceOptions::pids_limit, "-2"},
                                    {&ResourceOptions::cpu_shares, "much"}}) {
    ContainerOptions wrong = Options();
    wrong.resources.*field = text;
    EXPECT_THAT(Refused(wrong), HasSubstr(std::string("'") + text + "'"));
  }
}

TEST(ContainerOptions, Config_CapAddAndDrop_ChangeDefault) {
  ContainerOptions options = Options();
  options.cap_add = {"net_admin"};
  options.cap_drop = {"CAP_CHOWN"};
  auto capabilities = Made(options).process.capabilities;
  ASSERT_TRUE(capabilities);
  for (const auto* set : {&capabilities->bounding, &capabilities->effective, &capabilities->permitted}) {
    EXPECT_THAT(*set, Contains("CAP_NET_ADMIN"));
    EXPECT_THAT(*set, Contains("CAP_KILL"));
    EXPECT_THAT(*set, Not(Contains("CAP_CHOWN")));
  }
  options.cap_drop = {"all"};
  EXPECT_THAT(Made(options).process.capabilities->bounding, ElementsAre("CAP_NET_ADMIN"));
  EXPECT_FALSE(Made(Options()).process.capabilities) << "the library's default";
  options.cap_add = {"NET_ADMN"};
  EXPECT_EQ(Refused(options), "--cap-add 'NET_ADMN' is no capability: did you mean 'NET_ADMIN'?");
}

TEST(ContainerOptions, Privileged_GivesAllOfTheVm) {
  EXPECT_FALSE(Made(Options()).masked_paths) << "the library's default";
  ContainerOptions options = Options();
  options.privileged = true;
  options.cap_drop = {"SYS_BOOT"};
  const ContainerConfig config = Made(options);
  EXPECT_THAT(config.masked_paths, Optional(IsEmpty()));
  EXPECT_THAT(config.readonly_paths, Optional(IsEmpty()));
  ASSERT_TRUE(config.process.capabilities);
  EXPECT_THAT(config.process.capabilities->bounding, Contains("CAP_SYS_ADMIN"));
  EXPECT_THAT(config.process.capabilities->effective, Contains("CAP_CHECKPOINT_RESTORE"));
  EXPECT_THAT(config.process.capabilities->permitted, Not(Contains("CAP_SYS_BOOT"))) << "dropped by name";
  ASSERT_EQ(config.resources.devices.size(), 1u);
  EXPECT_TRUE(config.resources.devices[0].allow);
  ASSERT_EQ(config.mounts.size(), 2u);
  for (const auto& [mount, place] :
       {std::pair{config.mounts[0], "/sys"}, std::pair{config.mounts[1], "/sys/fs/cgroup"}}) {
    EXPECT_EQ(mount.destination, place);
    EXPECT_THAT(mount.options, Not(Contains("ro")));
  }
}

TEST(ContainerOptions, GivenUser_ReplacesAllButTheUmask) {
  ProcessOptions options;
  options.user = "web:www";
  virtcontainers::ProcessConfig process;
  process.user = {.uid = 1, .gid = 2, .additional_gids = {3}, .umask = 077, .name = "old"};
  ASSERT_TRUE(options.Apply(process));
  EXPECT_EQ(process.user.name, "web");
  EXPECT_EQ(process.user.group, "www");
  EXPECT_TRUE(process.user.additional_gids.empty());
  EXPECT_EQ(process.user.umask, 077u);
}

TEST(ContainerOptions, Config_OtherOptions_AreSet) {
  ContainerOptions options = Options();
  options.sysctl = {"net.ipv4.ip_forward=1"};
  options.share_pid = true;
  options.own_namespaces = {"network", "uts"};
  options.process.umask = "0077";
  options.process.user = "1000";
  options.process.groups = {"video", "7"};
  options.log_format = "json";
  options.log_max_size = "1M";
  options.log_max_files = "5";
  const ContainerConfig config = Made(options);
  EXPECT_EQ(config.sysctl.at("net.ipv4.ip_forward"), "1");
  EXPECT_EQ(config.namespaces.pid, NamespaceOwner::kPod);
  EXPECT_EQ(config.namespaces.network, NamespaceOwner::kContainer);
  EXPECT_EQ(config.namespaces.uts, NamespaceOwner::kContainer);
  EXPECT_EQ(config.namespaces.ipc, NamespaceOwner::kPod);
  EXPECT_EQ(config.process.user.umask, 077u);
  EXPECT_EQ(config.process.user.name, "1000");
  EXPECT_THAT(config.process.user.additional_groups, ElementsAre("video", "7"));
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.log.max_size, Bytes::MiB(1));
  EXPECT_EQ(config.log.max_files, 5u);

  options.process.umask = "99";
  EXPECT_THAT(Refused(options), HasSubstr("--umask '99'"));
  options.process.umask = "7777";
  EXPECT_THAT(Refused(options), HasSubstr("--umask '7777'"));
  options.process.umask = "";
  options.log_format = "xml";
  EXPECT_THAT(Refused(options), HasSubstr("--log-format 'xml' is not one of: cri, json, plain"));
  options.log_format = "";
  options.own_namespaces = {"mount"};
  EXPECT_THAT(Refused(options), HasSubstr("--own-namespace 'mount'"));
  options.own_namespaces = {};
  options.sysctl = {"net.ipv4.ip_forward"};
  EXPECT_THAT(Refused(options), HasSubstr("--sysctl"));
}

TEST(PodOptions, Config_DnsAndSharedMemory_AreSet) {
  PodOptions options;
  options.dns = {"10.0.0.1"};
  options.dns_searches = {"example.org"};
  options.dns_options = {"ndots:2"};
  options.hosts = {"db:10.0.0.2", "six:fd00::1"};
  options.shared_memory = "128M";
  const auto config = options.Config();
  ASSERT_TRUE(config);
  EXPECT_THAT(config->dns.servers, ElementsAre("10.0.0.1"));
  EXPECT_THAT(config->dns.searches, ElementsAre("example.org"));
  EXPECT_THAT(config->dns.options, ElementsAre("ndots:2"));
  ASSERT_EQ(config->hosts.size(), 2u);
  EXPECT_EQ(config->hosts[1].address, "fd00::1");
  EXPECT_THAT(config->hosts[1].names, ElementsAre("six"));
  EXPECT_EQ(config->shared_memory, Bytes::MiB(128));
  for (const char* text : {"db", ":10.0.0.1", "db:"}) {
    options.hosts = {text};
    EXPECT_THAT(options.Config().error().message(), HasSubstr(std::string("--add-host '") + text + "'"));
  }
}

}  // namespace
}  // namespace virtc
