// ADD whose caller, plugin or both are killed: DEL by another process finds everything.

#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "network/cni/attachment.h"
#include "network/cni/plugin_processes.h"
#include "network/cni/test_host.h"
#include "os/marked_process.h"

namespace virtcontainers::cni {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kRecordVariable[] = "VC_TEST_CNI_RECORD";

// The caller: this program again, as a process that can be killed. Adds the attachment of the record in a
// file, and writes each result to another.
TEST(CniKilledCaller, DISABLED_Caller) {
  const char* path = std::getenv(kRecordVariable);
  ASSERT_NE(path, nullptr);
  Result<Record> record = ParseRecord(TestDirectory::Read(path));
  ASSERT_TRUE(record) << record.error().ToString();
  const auto observe = [&](const std::string& result) -> Status {
    record->result = result;
    return WriteFileAtomically(path, FormatRecord(*record));
  };
  EXPECT_TRUE(Add(record->list, record->request, Soon(), observe));
}

class CniKilledCallers : public TestHost {
 protected:
  Result<Subprocess> StartCaller() const {
    std::vector<std::string> environment = MarkedEnvironment("");
    environment.push_back(std::string(kRecordVariable) + "=" + record_path_);
    return Subprocess::Spawn({.argv = {"/proc/self/exe", "--gtest_also_run_disabled_tests",
                                       "--gtest_filter=CniKilledCaller.DISABLED_Caller"},
                              .program = program_,
                              .env = environment});
  }

  const std::string record_path_ = directory_ / "record";
  const std::string program_ = std::filesystem::read_symlink("/proc/self/exe");
};

TEST_F(CniKilledCallers, KilledAtAnyTime_DelReleasesEverything) {
  Run([&] {
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const std::string netns = MakeNamespace("a");
    const List list = ListOf(R"({"cniVersion": "1.0.0", "name": "net1", "plugins": [
        {"type": "bridge", "bridge": "cni-test0", "isGateway": true, )" +
                             HostLocal() + R"(},
        {"type": "portmap", "capabilities": {"portMappings": true}},
        {"type": "firewall", "backend": "iptables"}]})");
    Request request = RequestOf(netns);
    request.capabilities["portMappings"] =
        *ParseJson(R"([{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}])");
    const std::string mark = AttachmentMark("net1", request.container, request.interface);
    for (int round = 0; round < 12; ++round) {
      ASSERT_TRUE(WriteFileAtomically(record_path_, FormatRecord({list, request, ""})));
      Result<Subprocess> caller = StartCaller();
      ASSERT_TRUE(caller) << caller.error().ToString();
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 80));
      ASSERT_TRUE(caller->Kill(SIGKILL));
      // The plugins live on, or are killed as well.
      if (round % 2 == 1) {
        const Result<std::vector<ProcessIdentity>> plugins = FindPluginProcesses(mark, 0);
        ASSERT_TRUE(plugins);
        for (const ProcessIdentity& plugin : *plugins) ::kill(plugin.pid, SIGKILL);
      }
      ASSERT_TRUE(caller->Wait(Soon()));

      const Result<Record> record = ParseRecord(TestDirectory::Read(record_path_));
      ASSERT_TRUE(record) << record.error().ToString();
      const Status deleted = Del(*record, Soon());
      ASSERT_TRUE(deleted) << deleted.error().ToString();
      // One that was just being started reads no configuration, and ends.
      ASSERT_TRUE(EndPluginProcesses(mark, std::chrono::seconds(20), Soon()));
      EXPECT_THAT(Allocations("net1"), IsEmpty());
      EXPECT_THAT(Sh("ip -n a link"), Not(HasSubstr("eth0")));
      EXPECT_THAT(Sh("ip link"), Not(HasSubstr("veth")));
      EXPECT_THAT(Sh("iptables-save -t nat"), Not(HasSubstr("8080")));
      EXPECT_THAT(Sh("iptables-save -t filter"), Not(HasSubstr("10.91.0.")));
    }
  });
}

}  // namespace
}  // namespace virtcontainers::cni
