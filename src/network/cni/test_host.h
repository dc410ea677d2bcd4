// A host of its own for one test of CNI plugins. For tests only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_TEST_HOST_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_TEST_HOST_H_

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/test_deadline.h"
#include "network/cni/list_file.h"
#include "network/cni/request.h"
#include "os/file.h"
#include "os/random_name.h"
#include "os/subprocess.h"
#include "os/test_directory.h"

namespace virtcontainers::cni {

inline constexpr char kTestPlugins[] = "/usr/lib/cni";

// Runs `body` in a thread with a network namespace of its own, and a mount namespace in which /run and
// /var/lib are empty. All of it is gone with the thread. Skips without root, or without the plugins.
class TestHost : public ::testing::Test {
 protected:
  void Run(const std::function<void()>& body) {
    std::string obstacle;
    std::thread([&] {
      obstacle = Enter();
      if (obstacle.empty()) body();
    }).join();
    if (obstacle.empty()) return;
    if (std::getenv("VIRTCONTAINERS_MUST_RUN") != nullptr) FAIL() << "must run here, but " << obstacle;
    GTEST_SKIP() << obstacle;
  }

  // What a command prints; fails the test if it fails.
  static std::string Sh(const std::string& script) {
    const Result<std::string> output = RunCommand({"/bin/sh", "-c", script}, Soon());
    EXPECT_TRUE(output) << script << ": " << (output ? "" : output.error().ToString());
    return output.value_or("");
  }

  // A network namespace, whose path it answers.
  static std::string MakeNamespace(const std::string& name) {
    Sh("ip netns add " + name + " && ip -n " + name + " link set lo up");
    return "/run/netns/" + name;
  }

  // A list that looks for plugins in the test's directory first.
  List ListOf(const std::string& config) const {
    CniOptions options;
    options.config = config;
    options.plugin_directories = {directory_.path(), kTestPlugins};
    Result<List> list = LoadList("", options);
    EXPECT_TRUE(list) << list.error().ToString();
    return list ? std::move(*list) : List{};
  }

  Request RequestOf(const std::string& netns) const {
    return {.container = pod_, .netns = netns, .interface = "eth0", .args = {}, .capabilities = {}};
  }

  // "ipam": host-local with its store in the test's directory.
  std::string HostLocal(const std::string& subnet = "10.91.0.0/24") const {
    return R"("ipam": {"type": "host-local", "dataDir": ")" + directory_ / "ipam" + R"(", "subnet": ")" +
           subnet + R"(", "routes": [{"dst": "0.0.0.0/0"}]})";
  }

  // The addresses that host-local's store of a network holds.
  std::vector<std::string> Allocations(const std::string& network) const {
    std::vector<std::string> held;
    const Result<std::vector<std::string>> names = ListDirectory(directory_ / "ipam/" + network);
    if (!names) return held;
    for (const std::string& name : *names) {
      if (name != "lock" && !name.starts_with("last_reserved_ip")) held.push_back(name);
    }
    return held;
  }

  // A plugin that is a shell script.
  void WritePlugin(const std::string& type, const std::string& script) const {
    const std::string path = directory_.Write(type, "#!/bin/sh\n" + script);
    ::chmod(path.c_str(), 0755);
  }

  // No other test on this machine has it, not even this one when it runs twice at the same time: processes
  // are told apart by it.
  const std::string pod_ = "pod-" + RandomName();
  TestDirectory directory_;

 private:
  static std::string Enter() {
    if (::geteuid() != 0) return "only root may make network namespaces";
    if (!IsExecutable(std::string(kTestPlugins) + "/bridge")) return "there are no CNI plugins";
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return "no namespaces may be made";
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "mounts cannot be private";
    for (const char* path : {"/run", "/var/lib"}) {
      if (::mount("test", path, "tmpfs", 0, "mode=755") != 0) return "no tmpfs can be mounted";
    }
    Sh("ip link set lo up");
    return "";
  }
};

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_TEST_HOST_H_
