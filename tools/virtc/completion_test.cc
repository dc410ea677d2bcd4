#include "completion.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtc {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;
using virtcontainers::ContainerState;
using virtcontainers::ContainerStatus;
using virtcontainers::PodState;
using virtcontainers::PodStatus;

class CompletionTest : public testing::Test {
 protected:
  static PodStatus Pod(const std::string& id, const std::vector<std::string>& containers) {
    PodStatus pod;
    pod.id = id;
    pod.state = PodState::kRunning;
    for (const std::string& name : containers) {
      ContainerStatus container;
      container.id = name;
      container.state = ContainerState::kStopped;
      pod.containers.push_back(container);
    }
    return pod;
  }

  Completions Of(const std::vector<std::string>& words) {
    return Complete(words, [this](const GlobalOptions& globals) {
      root_ = globals.root;
      return std::vector<PodStatus>{Pod("web", {"main"}), Pod("shop", {"db", "log"}), Pod("empty", {})};
    });
  }

  std::vector<std::string> ValuesOf(const std::vector<std::string>& words) {
    std::vector<std::string> values;
    for (const Candidate& candidate : Of(words).candidates) values.push_back(candidate.value);
    return values;
  }

  std::string root_ = "not asked";
};

TEST_F(CompletionTest, FirstWord_IsACommandAnAliasOrAGroup) {
  EXPECT_THAT(ValuesOf({""}),
              IsSupersetOf({"run", "exec", "ps", "rm", "pod", "container", "help", "doctor"}));
  std::vector<std::string> values = ValuesOf({""});
  EXPECT_THAT(values, AllOf(Not(Contains("__complete")), Not(Contains("list"))));
  std::sort(values.begin(), values.end());
  EXPECT_EQ(std::adjacent_find(values.begin(), values.end()), values.end()) << "each once";
  EXPECT_EQ(ValuesOf({"help", ""}), ValuesOf({""}));
  EXPECT_EQ(ValuesOf({"--root", "/r", "--"}), ValuesOf({"--"})) << "options of virtc itself";
}

TEST_F(CompletionTest, SecondWord_IsACommandOfTheGroup) {
  EXPECT_THAT(ValuesOf({"pod", ""}), IsSupersetOf({"create", "list", "ls", "rm", "enter"}));
  EXPECT_THAT(ValuesOf({"pod", "s"}), Not(Contains("kill")));
  EXPECT_THAT(ValuesOf({"container", ""}), IsSupersetOf({"kill", "logs", "exec"}));
  EXPECT_THAT(ValuesOf({"help", "container", ""}), Contains("logs"));
  EXPECT_THAT(ValuesOf({"frobnicate", ""}), IsEmpty());
  EXPECT_THAT(ValuesOf({"container", "frobnicate", ""}), IsEmpty());
}

TEST_F(CompletionTest, Options_AreThoseOfTheCommand) {
  EXPECT_THAT(ValuesOf({"run", "-"}), IsSupersetOf({"--rootfs", "--name", "--workdir", "--root", "--help"}));
  EXPECT_THAT(ValuesOf({"rm", "--f"}), AllOf(Contains("--force"), Not(Contains("--rootfs"))));
  EXPECT_THAT(ValuesOf({"-"}), ElementsAre("--help", "--version", "--root", "--run", "--format"));
  EXPECT_THAT(ValuesOf({"pod", "list", "web", "--"}), Contains("--quiet")) << "after a word too many as well";
}

TEST_F(CompletionTest, Values_AreTheChoicesOfTheOption) {
  EXPECT_THAT(ValuesOf({"--format", ""}), ElementsAre("table", "json"));
  EXPECT_THAT(ValuesOf({"run", "--accel", "k"}), ElementsAre("auto", "kvm", "tcg"));
  EXPECT_THAT(ValuesOf({"run", "--accel=k"}), ElementsAre("--accel=auto", "--accel=kvm", "--accel=tcg"));
  EXPECT_THAT(ValuesOf({"run", "--pids-limit", ""}), ElementsAre("unlimited"));
  EXPECT_THAT(ValuesOf({"kill", "-s", ""}), IsSupersetOf({"TERM", "KILL"}));
  EXPECT_THAT(ValuesOf({"run", "--cap-add", ""}), IsSupersetOf({"NET_ADMIN", "ALL"}));
  EXPECT_THAT(ValuesOf({"completion", ""}), ElementsAre("bash", "fish", "zsh"));
  EXPECT_THAT(ValuesOf({"run", "--memory", ""}), IsEmpty());
  EXPECT_THAT(ValuesOf({"run", "-it", "--name", ""}), IsEmpty()) << "a name of a pod that is to be";
}

TEST_F(CompletionTest, Paths_AreLeftToTheShell) {
  EXPECT_EQ(Of({"run", "--rootfs", "/va"}).paths, CandidatePaths::kDirectories);
  EXPECT_EQ(Of({"run", "--rootfs=/va"}).paths, CandidatePaths::kDirectories);
  EXPECT_EQ(Of({"run", "--kernel", ""}).paths, CandidatePaths::kFiles);
  EXPECT_EQ(Of({"run", "-v", "/da"}).paths, CandidatePaths::kFiles);
  EXPECT_EQ(Of({"run", "-v", "/data:/da"}).paths, CandidatePaths::kNone) << "a path in the container";
  EXPECT_EQ(Of({"run", "-w", "/da"}).paths, CandidatePaths::kNone) << "a path in the container";
}

TEST_F(CompletionTest, Ids_AreThoseOfPodsAndContainers) {
  EXPECT_THAT(ValuesOf({"stop", ""}), ElementsAre("web", "shop", "empty"));
  EXPECT_THAT(ValuesOf({"rm", "web", ""}), ElementsAre("web", "shop", "empty"));
  EXPECT_THAT(ValuesOf({"pod", "stop", "--time", "5", ""}), ElementsAre("web", "shop", "empty"));
  EXPECT_THAT(ValuesOf({"container", "logs", "shop", ""}), ElementsAre("db", "log"));
  EXPECT_THAT(ValuesOf({"logs", "shop/"}), ElementsAre("web/main", "shop/db", "shop/log"));
  EXPECT_THAT(ValuesOf({"exec", "-it", ""}), ElementsAre("web", "shop/db", "shop/log"));
  EXPECT_THAT(ValuesOf({"exec", "web/"}), ElementsAre("web/main", "shop/db", "shop/log"));
  EXPECT_THAT(ValuesOf({"events", "--pod", ""}), ElementsAre("web", "shop", "empty"));
  EXPECT_THAT(ValuesOf({"container", "create", "web", ""}), IsEmpty()) << "a name of its own";
  EXPECT_THAT(ValuesOf({"pod", "create", ""}), IsEmpty());
  EXPECT_EQ(Of({"stop", ""}).candidates.front().help, "running");
}

TEST_F(CompletionTest, Root_OnTheCommandLine_IsTheOneLookedAt) {
  Of({"--root", "/front", "stop", ""});
  EXPECT_EQ(root_, "/front");
  Of({"stop", "--root=/behind", ""});
  EXPECT_EQ(root_, "/behind");
  Of({"stop", ""});
  EXPECT_EQ(root_, "");
}

TEST_F(CompletionTest, CommandToRun_IsNotCompleted) {
  EXPECT_THAT(ValuesOf({"exec", "web", "ls", ""}), IsEmpty());
  EXPECT_THAT(ValuesOf({"exec", "web", "ls", "-"}), IsEmpty());
  EXPECT_THAT(ValuesOf({"exec", "web", "--", "-"}), IsEmpty());
  EXPECT_EQ(root_, "not asked");
  EXPECT_THAT(ValuesOf({}), IsEmpty());
}

TEST(CompletionLines, CompletionLines_Candidates_AreOneLineEach) {
  EXPECT_EQ(CompletionLines({{{"a", "first"}, {"b", ""}}, CandidatePaths::kDirectories}),
            "a\tfirst\nb\t\n:directories\n");
  EXPECT_EQ(CompletionLines({{}, CandidatePaths::kFiles}), ":files\n");
  EXPECT_EQ(CompletionLines({}), "");
}

TEST(CompletionScript, OfEachShell_CallsTheHiddenCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_THAT(CompletionScript(shell), HasSubstr(" __complete -- ")) << shell;
  }
  EXPECT_THAT(CompletionScript("zsh"), StartsWith("#compdef virtc\n"));
  EXPECT_EQ(CompletionScript("tcsh"), "");
}

}  // namespace
}  // namespace virtc
