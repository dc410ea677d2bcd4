// A pod whose virtiofsd may have few descriptors: what the guest looks at and what one container opens leaves
// enough for the others.

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "fixture.h"

namespace virtcontainers::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr rlim_t kDescriptors = 4096;
constexpr int kFiles = 6000;

// For this process and all that it starts: virtiofsd raises its own limit where it may.
void LowerDescriptorLimit() {
  const rlimit few{kDescriptors, kDescriptors};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  ::prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  ASSERT_EQ(::syscall(SYS_capget, &header, data.data()), 0);
  for (uint32_t* set : {&data[0].effective, &data[0].permitted, &data[0].inheritable}) {
    *set &= ~CAP_TO_MASK(CAP_SYS_RESOURCE);
  }
  ASSERT_EQ(::syscall(SYS_capset, &header, data.data()), 0);
}

class FileLimitsTest : public SharedPodTest<FileLimitsTest> {
 public:
  static void SetUpTestSuite() {
    LowerDescriptorLimit();
    SharedPodTest::SetUpTestSuite();
  }

  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("greedy", {"sleep", "100000"}),
                      host.Container("neighbour", {"sleep", "100000"})};
    const std::string rootfs = pod.containers[0].rootfs;
    fs::copy_file(VIRTCONTAINERS_FILE_PROBE, rootfs + "/bin/file_probe");
    for (int i = 0; i < kFiles; ++i) {
      for (const std::string& folder :
           {"/many/" + std::to_string(i % 10), "/small/" + std::to_string(i % 100), std::string("/flat")}) {
        fs::create_directories(rootfs + folder);
        std::ofstream(rootfs + folder + "/" + std::to_string(i)) << "x";
      }
    }
    return pod;
  }

 protected:
  // That a container runs commands, and that containers are made, start, run commands, and stop.
  void ExpectThatOthersWork() {
    const Finished listed =
        Enter("neighbour", Shell("ls /bin | wc -l; sh -c 'sh -c ls' >/dev/null && echo done"));
    EXPECT_EQ(listed.code, 0) << listed.err;
    EXPECT_THAT(listed.out, testing::EndsWith("done\n"));
    MakeRootfs("next");
    ASSERT_OK(runtime().CreateContainer(kPod, Container("next")));
    ASSERT_OK(runtime().StartContainer(kPod, "next"));
    EXPECT_EQ(Enter("next", Command({"echo", "alive"})).out, "alive\n");
    EXPECT_OK(runtime().StopContainer(kPod, "next", milliseconds(0)));
    EXPECT_OK(runtime().DeleteContainer(kPod, "next"));
  }

  // What file_probe says, which then waits.
  std::string Said(Process& process) {
    std::string said;
    std::array<char, 256> buffer{};
    while (said.find('\n') == std::string::npos) {
      const auto count = process.ReadStdout(buffer, Deadline::After(seconds(60)));
      if (!count || *count == 0) break;
      said.append(buffer.data(), *count);
    }
    return said;
  }

  std::unique_ptr<Process> Probe(const std::string& command, const std::string& path) {
    auto process = runtime().EnterContainer(kPod, "greedy", Command({"file_probe", command, path}));
    EXPECT_OK(process);
    return process ? std::move(*process) : nullptr;
  }
};

TEST_F(FileLimitsTest, LookingAtMoreFilesThanThereAreDescriptors_FindsThemAll) {
  for (int round = 0; round < 2; ++round) {
    const Finished found = Enter("greedy", Shell("find /many /flat -type f -size -2 | wc -l"));
    EXPECT_EQ(found.out, std::to_string(2 * kFiles) + "\n") << found.err;
    EXPECT_EQ(found.err, "");
    ExpectThatOthersWork();
  }
}

TEST_F(FileLimitsTest, AContainerThatOpensAllFiles_LeavesEnoughForOthers) {
  for (const std::string command : {"open-all", "map-all", "open-all"}) {
    const auto process = Probe(command, "/flat");
    ASSERT_NE(process, nullptr);
    const std::string said = Said(*process);
    EXPECT_THAT(said, testing::HasSubstr("Too many open files"));
    EXPECT_GT(std::atoi(said.c_str()), 500) << "its limit is still lowered";
    ExpectThatOthersWork();
    EXPECT_EQ(Enter("greedy", Command({"echo", "alive"})).out, "alive\n");
    EXPECT_OK(process->Signal(SIGKILL));
    EXPECT_OK(process->Wait());
  }
}

TEST_F(FileLimitsTest, AContainerOfManyProcessesThatOpenAllFiles_LosesSomeOfThem) {
  // None of them has many: a hundred times sixty.
  const auto crowd = runtime().EnterContainer(kPod, "greedy",
                                              Shell("cd /small; for d in *; do file_probe open-all /small/$d "
                                                    ">/dev/null & done; sleep 3; echo done; wait"));
  ASSERT_OK(crowd);
  EXPECT_EQ(Said(**crowd), "done\n");
  ExpectThatOthersWork();
  EXPECT_OK((*crowd)->Signal(SIGKILL));
  EXPECT_OK((*crowd)->Wait());
  const Finished left = Enter("greedy", Shell("pidof file_probe | wc -w"));
  EXPECT_GT(std::atoi(left.out.c_str()), 10)
      << left.out << left.err << FileContent(root() + "/pods/shared/console.log");
  EXPECT_LT(std::atoi(left.out.c_str()), 100);
  EXPECT_EQ(Enter("greedy", Command({"killall", "-9", "file_probe"})).code, 0);
}

}  // namespace
}  // namespace virtcontainers::test
