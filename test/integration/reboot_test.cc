// A host that was restarted, as a caller sees it: no process of a pod is there, and the boot is another. Pods
// are stopped, what they were asked to be is kept, and processes that have their pids by now are left alone.

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "integration/fixture.h"
#include "os/process_identity.h"

namespace virtcontainers::test {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

constexpr char kEarlierBoot[] = "01234567-89ab-4cde-8f01-23456789abcd";

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

class Reboot : public PodTest {
 protected:
  void SetUp() override {
    PodTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    PodConfig config = Pod("p", {Container("c"), Container("logged", {"sh", "-c", "echo said; sleep 1000"})});
    config.annotations = {{"kept", "yes"}};
    ASSERT_OK(runtime().CreatePod(config));
    ASSERT_OK(runtime().CreatePod(Pod("untouched")));
    ASSERT_OK(runtime().StartPod("p"));
    ASSERT_TRUE(Eventually([&] { return FileContent(Log()).find("said") != std::string::npos; }));
  }

  std::string Log() const { return root() + "/pods/p/logs/logged.log"; }

  // Power is cut: everything of the pods ends at once, and the files stay.
  void CutPower() {
    const PodStatus pod = StatusOf("p");
    pids_ = {pod.monitor_pid, pod.vm_pid};
    for (const std::string& line : ProcessesLeft()) pids_.push_back(std::atoi(line.c_str()));
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    ASSERT_TRUE(Eventually([&] { return ProcessesLeft().empty(); }));
    // The locks of who was killed last a moment longer.
    ASSERT_TRUE(Eventually([&] { return StatusOf("p").state == PodState::kStopped; }));
    Rewrite([](const std::string& text) { return Replaced(text, BootId().value(), kEarlierBoot); });
  }

  // What is written of the pod is changed behind the library's back.
  void Rewrite(const std::function<std::string(const std::string&)>& change) {
    for (const auto& entry : fs::directory_iterator(root() + "/pods/p")) {
      const std::string name = entry.path().filename();
      if (!entry.is_regular_file() || name.find("log") != std::string::npos) continue;
      const std::string before = FileContent(entry.path());
      const std::string after = change(before);
      if (after != before) WriteTo(entry.path(), after);
    }
  }

  // By other processes than the one that had the pods.
  void ExpectAllIsWell() {
    EXPECT_THAT(FileContent(root() + "/pods/p/state.json"), HasSubstr(kEarlierBoot))
        << "nobody has looked yet";
    const Finished listed = Virtc({"pod", "list"});
    EXPECT_EQ(listed.code, 0) << listed.err;
    EXPECT_THAT(listed.out, HasSubstr("stopped"));
    EXPECT_THAT(listed.out, Not(HasSubstr("running")));
    EXPECT_THAT(Virtc({"pod", "status", "p"}).out, HasSubstr("the host was restarted"));
    for (const ContainerStatus& container : StatusOf("p").containers) {
      EXPECT_EQ(container.state, ContainerState::kStopped) << container.id;
      EXPECT_THAT(container.reason, HasSubstr("the host was restarted")) << container.id;
    }
    EXPECT_EQ(StatusOf("untouched").state, PodState::kReady);
    EXPECT_THAT(FileContent(Log()), HasSubstr("said")) << "what it said before is kept";

    const auto config = OpenAgain().FetchPod("p");
    ASSERT_OK(config);
    EXPECT_EQ(config->annotations.at("kept"), "yes");
    ASSERT_EQ(config->containers.size(), 2u);
    EXPECT_EQ(config->containers[1].process.args[2], "echo said; sleep 1000");

    const Finished started = Virtc({"pod", "start", "p"});
    ASSERT_EQ(started.code, 0) << started.err;
    EXPECT_EQ(StatusOf("p").state, PodState::kRunning);
    EXPECT_EQ(StatusOf("p").reason, "");
    EXPECT_EQ(Finish(runtime().EnterContainer("p", "c", Command({"echo", "again"}))).out, "again\n");
    EXPECT_THAT(FileContent(root() + "/pods/p/state.json"), Not(HasSubstr(kEarlierBoot)));
  }

  std::vector<pid_t> pids_;
};

TEST_F(Reboot, Pods_HostRebootsWithOldSockets_AreStoppedAndStartAgain) {
  CutPower();
  ASSERT_FALSE(fs::is_empty(run()));
  ExpectAllIsWell();
}

TEST_F(Reboot, Pods_HostRebootsWithoutRunDirectory_AreStoppedAndStartAgain) {
  CutPower();
  fs::remove_all(run());
  ExpectAllIsWell();
}

TEST_F(Reboot, Pods_HostRebootsAndPidsAreReused_OtherProcessesLive) {
  CutPower();
  // With their start times, too: as short after this boot as the pod's processes began after theirs.
  HostProcess other({"sleep", "1000"});
  const auto identity = IdentifyProcess(other.pid());
  ASSERT_OK(identity);
  Rewrite([&](std::string text) {
    for (const char* field : {"\"pid\": ", "\"start_time\": "}) {
      const std::string number = field == std::string("\"pid\": ") ? std::to_string(identity->pid)
                                                                   : std::to_string(identity->start_time);
      for (size_t at = 0; (at = text.find(field, at)) != std::string::npos;) {
        at += std::string(field).size();
        text.replace(at, text.find_first_not_of("0123456789", at) - at, number);
      }
    }
    return text;
  });
  EXPECT_THAT(FileContent(root() + "/pods/p/state.json"), HasSubstr(std::to_string(other.pid())));
  ExpectAllIsWell();
  EXPECT_TRUE(IsAlive(*identity)) << "it was somebody else's process";
  ASSERT_OK(runtime().StopPod("p"));
  ASSERT_OK(runtime().DeletePod("p"));
  EXPECT_TRUE(IsAlive(*identity)) << "it was somebody else's process";
  ::kill(other.pid(), SIGKILL);
}

// What was left is removed without a start as well.
TEST_F(Reboot, StopAndDeletePod_AfterReboot_Succeed) {
  CutPower();
  ASSERT_EQ(Virtc({"pod", "stop", "p"}).code, 0);
  EXPECT_TRUE(fs::is_empty(run()));
  EXPECT_THAT(StatusOf("p").reason, HasSubstr("the host was restarted"));
  const Finished deleted = Virtc({"pod", "delete", "p"});
  EXPECT_EQ(deleted.code, 0) << deleted.err;
}

}  // namespace
}  // namespace virtcontainers::test
