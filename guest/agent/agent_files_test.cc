// The agent as a whole, on this machine: lists of processes, and files copied into containers.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "guest.pb.h"
#include "guest/agent/os/file.h"
#include "guest/agent/testing/agent_fixture.h"
#include "guest/agent/testing/spec.h"

namespace virtcontainers::guest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AgentProcessListTest : public AgentTest {
 protected:
  wire::ListProcessesResponse List(const std::string& id) {
    wire::ListProcessesRequest request;
    request.set_container_id(id);
    const auto list = client_->CallGuest<wire::ListProcessesResponse>("ListProcesses", request);
    EXPECT_TRUE(list) << list.error().ToString();
    return list.value_or(wire::ListProcessesResponse());
  }
};

TEST_F(AgentProcessListTest, ListProcesses_OfRunningContainer_NamesEachProcess) {
  grpc::CreateContainerRequest request = Request("c", {"sh", "-c", "sleep 1111 & while :; do :; done"});
  request.mutable_oci()->mutable_process()->mutable_user()->set_uid(1000);
  request.mutable_oci()->mutable_process()->mutable_user()->set_gid(5);
  Run(request);
  for (int i = 0; i < 300 && List("c").processes_size() < 2; ++i) ::usleep(10'000);
  ASSERT_TRUE(client_->Exec("c", "e", {"sh", "-c", "read line", ""}));
  wire::ListProcessesResponse list;
  for (int i = 0; i < 300; ++i) {
    list = List("c");
    if (list.processes_size() == 3 && list.processes(0).cpu_ns() > 0) break;
    ::usleep(10'000);
  }
  ASSERT_EQ(list.processes_size(), 3);
  EXPECT_FALSE(list.truncated());
  const wire::GuestProcess& init = list.processes(0);
  EXPECT_EQ(init.pid(), 1u);
  EXPECT_EQ(init.parent(), 0u);
  EXPECT_EQ(init.uid(), 1000u);
  EXPECT_EQ(init.gid(), 5u);
  EXPECT_EQ(init.state(), "R");
  EXPECT_GT(init.cpu_ns(), 0u);
  EXPECT_GT(init.resident(), 4096u);
  EXPECT_EQ(init.name(), "sh");
  EXPECT_THAT(init.args(), ElementsAre("sh", "-c", "sleep 1111 & while :; do :; done"));
  const int64_t age =
      (std::chrono::system_clock::now().time_since_epoch() - std::chrono::nanoseconds(init.started_ns()))
          .count();
  EXPECT_GT(age, -1'000'000'000);
  EXPECT_LT(age, 60'000'000'000);
  EXPECT_EQ(list.processes(1).parent(), 1u);
  EXPECT_THAT(list.processes(1).args(), ElementsAre("sleep", "1111"));
  EXPECT_EQ(list.processes(2).parent(), 0u) << "it came from outside";
  EXPECT_THAT(list.processes(2).args(), ElementsAre("sh", "-c", "read line", ""));
  EXPECT_LT(list.processes(1).pid(), list.processes(2).pid());
}

TEST_F(AgentProcessListTest, ListProcesses_ZombiesSubCgroupsAndLongCommandLines_AreListed) {
  // The program of the container never waits for the child it inherits.
  Run("c", {"sh", "-c", "sh -c 'exit 0' & exec sleep 1000"});
  for (int i = 0; i < 1000; ++i) {  // before the next process, so that they are in this order
    const wire::ListProcessesResponse list = List("c");
    if (list.processes_size() == 2 && list.processes(1).state() == "Z") break;
    ::usleep(10'000);
  }
  const std::string below = agent_->cgroup() + "/c/below";
  ASSERT_TRUE(std::filesystem::create_directory(below));
  ASSERT_TRUE(client_->Exec("c", "e", {"sh", "-c", "read line", std::string(100'000, 'x')}));
  wire::ListProcessesResponse list;
  for (int i = 0; i < 300; ++i) {
    list = List("c");
    if (list.processes_size() == 3 && list.processes(1).state() == "Z") break;
    ::usleep(10'000);
  }
  ASSERT_EQ(list.processes_size(), 3);
  EXPECT_EQ(list.processes(1).state(), "Z");
  EXPECT_EQ(list.processes(1).parent(), 1u);
  EXPECT_THAT(list.processes(1).args(), ElementsAre());
  EXPECT_TRUE(list.truncated());
  EXPECT_LT(list.processes(2).args(3).size(), 65'536u);
  EXPECT_GT(list.processes(2).args(3).size(), 60'000u);
}

TEST_F(AgentProcessListTest, ListProcesses_OfEndedContainer_IsEmptyAndOfUnknownOneFails) {
  Run("c", {"true"});
  EXPECT_EQ(client_->Wait("c", ""), 0);
  EXPECT_EQ(List("c").processes_size(), 0);
  wire::ListProcessesRequest request;
  request.set_container_id("nobody");
  EXPECT_EQ(client_->CallGuest("ListProcesses", request).error().code(), Code::kNotFound);
}

class AgentCopyTest : public AgentTest {
 protected:
  static wire::CopyFileChunk Chunk(const std::string& path, const std::string& data) {
    wire::CopyFileChunk chunk;
    chunk.set_container_id("c");
    chunk.set_copy("copy");
    chunk.set_path(path);
    chunk.set_size(data.size());
    chunk.set_data(data);
    chunk.set_mode(0644);
    chunk.set_uid(1000);
    chunk.set_gid(1001);
    return chunk;
  }
  Code Copy(const wire::CopyFileChunk& chunk) {
    const auto copied = client_->CallGuest("CopyFile", chunk);
    return copied ? Code{} : copied.error().code();
  }
  // The hidden files of copies that are under way.
  int Hidden(const std::string& directory) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      count += entry.path().filename().string().compare(0, 20, ".virtcontainers-copy") == 0 ? 1 : 0;
    }
    return count;
  }
  grpc::CreateContainerRequest Writable() {
    grpc::CreateContainerRequest request = Request("c", {"sleep", "1000"});
    request.mutable_oci()->mutable_root()->set_readonly(false);
    return request;
  }
};

TEST_F(AgentCopyTest, CopyFile_InParts_AppearsWhenWhole) {
  ASSERT_TRUE(client_->Call("CreateContainer", Writable()));
  wire::CopyFileChunk first = Chunk("/tmp/file", "one ");
  first.set_size(7);
  wire::CopyFileChunk second = Chunk("/tmp/file", "two");
  second.set_size(7);
  second.set_offset(4);
  EXPECT_EQ(Copy(first), Code{}) << "into a created one, too";
  EXPECT_FALSE(std::filesystem::exists(rootfs_ + "/tmp/file")) << "not before it is whole";
  EXPECT_EQ(Hidden(rootfs_ + "/tmp"), 1);
  ASSERT_TRUE(Start("c"));
  EXPECT_EQ(Copy(second), Code{});
  EXPECT_EQ(client_->Output("c", {"cat", "/tmp/file"}), "one two");
  EXPECT_THAT(client_->Output("c", {"ls", "-ln", "/tmp/file"}), HasSubstr("-rw-r--r--    1 1000     1001"));
  EXPECT_EQ(Hidden(rootfs_ + "/tmp"), 0);
  wire::CopyFileChunk empty = Chunk("/tmp/file", "");
  empty.set_mode(04755);
  EXPECT_EQ(Copy(empty), Code{}) << "an empty one replaces it";
  EXPECT_THAT(client_->Output("c", {"ls", "-ln", "/tmp/file"}),
              HasSubstr("-rwsr-xr-x    1 1000     1001             0"));
}

TEST_F(AgentCopyTest, CopyFile_OverMount_GoesWhereContainerSeesIt) {
  const std::string volume = agent_->directory() + "/volume";
  std::filesystem::create_directory(volume);
  std::ofstream(volume + "/bound") << "bound";
  grpc::CreateContainerRequest request = Writable();
  AddMount(*request.mutable_oci(), "/data", "tmpfs", "tmpfs", {});
  AddMount(*request.mutable_oci(), "/volume", "bind", volume, {"rbind"});
  AddMount(*request.mutable_oci(), "/frozen", "bind", volume, {"rbind", "ro"});
  AddMount(*request.mutable_oci(), "/etc/bound", "bind", volume + "/bound", {"bind"});
  Run(request);
  EXPECT_EQ(Copy(Chunk("/data/file", "on a tmpfs")), Code{});
  EXPECT_EQ(client_->Output("c", {"cat", "/data/file"}), "on a tmpfs");
  EXPECT_FALSE(std::filesystem::exists(rootfs_ + "/data/file"));
  EXPECT_EQ(Copy(Chunk("/volume/file", "on a volume")), Code{});
  EXPECT_EQ(ReadFile(volume + "/file").value_or(""), "on a volume");
  EXPECT_EQ(Copy(Chunk("/frozen/file", "x")), Code::kPermissionDenied);
  EXPECT_EQ(Copy(Chunk("/etc/bound", "x")), Code::kFailedPrecondition) << "the mount stays";
  EXPECT_EQ(client_->Output("c", {"cat", "/etc/bound"}), "bound");
}

TEST_F(AgentCopyTest, CopyFile_ThroughLink_StaysInContainer) {
  const std::string outside = agent_->directory() + "/outside";
  std::filesystem::create_directory(outside);
  std::ofstream(outside + "/file") << "kept";
  std::filesystem::create_symlink(outside, rootfs_ + "/absolute");
  std::filesystem::create_symlink("../../../.." + outside, rootfs_ + "/relative");
  std::filesystem::create_symlink("/tmp", rootfs_ + "/inside");
  std::filesystem::create_symlink(outside + "/file", rootfs_ + "/tmp/last");
  Run(Writable());
  EXPECT_EQ(Copy(Chunk("/absolute/file", "x")), Code::kNotFound);
  EXPECT_EQ(Copy(Chunk("/relative/file", "x")), Code::kNotFound);
  EXPECT_EQ(Copy(Chunk("/../../../.." + outside + "/file", "x")), Code::kNotFound);
  EXPECT_NE(Copy(Chunk("/proc/1/root/tmp/file", "x")), Code{});
  EXPECT_EQ(Copy(Chunk("/inside/file", "inside")), Code{});
  EXPECT_EQ(ReadFile(rootfs_ + "/tmp/file").value_or(""), "inside");
  EXPECT_EQ(Copy(Chunk("/tmp/last", "instead")), Code{}) << "the link itself is replaced";
  EXPECT_FALSE(std::filesystem::is_symlink(rootfs_ + "/tmp/last"));
  EXPECT_EQ(ReadFile(outside + "/file").value_or(""), "kept");
}

TEST_F(AgentCopyTest, CopyFile_WrongRequest_IsRefusedAndLeavesNothing) {
  Run(Writable());
  EXPECT_EQ(Copy(Chunk("/no/such/file", "x")), Code::kNotFound);
  EXPECT_EQ(Copy(Chunk("/tmp", "x")), Code::kFailedPrecondition);
  for (const char* path : {"", "tmp/file", "/", "/tmp/", "/tmp/.", "/tmp/.."}) {
    EXPECT_EQ(Copy(Chunk(path, "x")), Code::kInvalidArgument) << path;
  }
  wire::CopyFileChunk late = Chunk("/tmp/file", "x");
  late.set_size(10);
  late.set_offset(5);
  EXPECT_EQ(Copy(late), Code::kInvalidArgument) << "no part came before";
  wire::CopyFileChunk first = late;
  first.set_offset(0);
  EXPECT_EQ(Copy(first), Code{});
  EXPECT_EQ(Copy(late), Code::kInvalidArgument) << "a gap";
  EXPECT_EQ(Copy(first), Code{});
  late.set_offset(1);
  late.set_data(std::string(10, 'x'));
  EXPECT_EQ(Copy(late), Code::kInvalidArgument) << "too much";
  late.set_data("x");
  EXPECT_EQ(Copy(late), Code::kInvalidArgument) << "the copy was given up";
  wire::CopyFileChunk other = Chunk("/tmp/file", "x");
  other.set_container_id("nobody");
  EXPECT_EQ(Copy(other), Code::kNotFound);
  EXPECT_EQ(Hidden(rootfs_ + "/tmp"), 0);
  EXPECT_FALSE(std::filesystem::exists(rootfs_ + "/tmp/file"));

  for (int i = 0; i < 64; ++i) {
    first.set_copy("copy" + std::to_string(i));
    EXPECT_EQ(Copy(first), Code{}) << i;
  }
  first.set_copy("one more");
  EXPECT_EQ(Copy(first), Code::kResourceExhausted);
  EXPECT_EQ(Hidden(rootfs_ + "/tmp"), 64);
  EXPECT_TRUE(Remove("c"));
  EXPECT_EQ(Hidden(rootfs_ + "/tmp"), 0) << "they go with the container";
}

TEST_F(AgentCopyTest, CopyFile_SessionEnds_IsUndone) {
  Run(Writable());
  auto other = agent_->Connect();
  wire::CopyFileChunk first = Chunk("/tmp/file", "x");
  first.set_size(10);
  ASSERT_TRUE(other->CallGuest("CopyFile", first));
  EXPECT_EQ(Hidden(rootfs_ + "/tmp"), 1);
  other.reset();
  for (int i = 0; i < 500 && Hidden(rootfs_ + "/tmp") > 0; ++i) ::usleep(10'000);
  EXPECT_EQ(Hidden(rootfs_ + "/tmp"), 0);
  EXPECT_EQ(Copy(Chunk("/tmp/file", "x")), Code{});
  EXPECT_TRUE(Signal("c", "", SIGKILL));
  EXPECT_EQ(client_->Wait("c", ""), 137);
  EXPECT_EQ(Copy(Chunk("/tmp/file", "x")), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace virtcontainers::guest
