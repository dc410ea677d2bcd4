// A config.json as `crun spec` 1.8 writes it. For tests only.

#ifndef VIRTCONTAINERS_SRC_POD_TEST_BUNDLE_H_
#define VIRTCONTAINERS_SRC_POD_TEST_BUNDLE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "base/json.h"
#include "virtcontainers/oci.h"

namespace virtcontainers {

inline constexpr std::string_view kCrunSpec = R"json({
  "ociVersion": "1.0.0",
  "process": {
    "terminal": true,
    "user": {"uid": 0, "gid": 0},
    "args": ["sh"],
    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
    "cwd": "/",
    "capabilities": {
      "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "inheritable": [],
      "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "ambient": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    },
    "rlimits": [
      {"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}
    ],
    "noNewPrivileges": true
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "crun",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {
      "destination": "/dev",
      "type": "tmpfs",
      "source": "tmpfs",
      "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]
    },
    {
      "destination": "/dev/pts",
      "type": "devpts",
      "source": "devpts",
      "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    },
    {
      "destination": "/dev/shm",
      "type": "tmpfs",
      "source": "shm",
      "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
    },
    {
      "destination": "/dev/mqueue",
      "type": "mqueue",
      "source": "mqueue",
      "options": ["nosuid", "noexec", "nodev"]
    },
    {
      "destination": "/sys",
      "type": "sysfs",
      "source": "sysfs",
      "options": ["nosuid", "noexec", "nodev", "ro"]
    },
    {
      "destination": "/sys/fs/cgroup",
      "type": "cgroup",
      "source": "cgroup",
      "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]
    }
  ],
  "linux": {
    "resources": {
      "devices": [
        {"allow": false, "access": "rwm"}
      ]
    },
    "namespaces": [
      {"type": "pid"},
      {"type": "network"},
      {"type": "ipc"},
      {"type": "uts"},
      {"type": "mount"}
    ],
    "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
      "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  }
}
)json";

// The sample with the value at a JSON pointer replaced.
inline Json BundleWith(const std::string& pointer, const std::string& value) {
  Json json = ParseJson(kCrunSpec).value();
  json[Json::json_pointer(pointer)] = ParseJson(value, {.bytes = value.size()}).value();
  return json;
}

inline Result<ContainerConfig> ParseBundle(const Json& json) {
  Result<OciConfig> oci = ParseOciConfig(DumpJson(json), "web", {.base = "/bundle"});
  if (!oci) return tl::unexpected<Error>(oci.error());
  return std::move(oci->container);
}

inline void ExpectRefused(const std::string& pointer, const std::string& value, const std::string& message) {
  const Result<ContainerConfig> config = ParseBundle(BundleWith(pointer, value));
  ASSERT_FALSE(config) << pointer << " = " << value;
  EXPECT_EQ(config.error().code(), Code::kInvalidArgument) << config.error().ToString();
  EXPECT_THAT(config.error().ToString(), ::testing::HasSubstr(message)) << pointer << " = " << value;
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_TEST_BUNDLE_H_
