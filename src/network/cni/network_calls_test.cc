#include "network/cni/network_calls.h"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "base/test_deadline.h"
#include "network/cni/list_file.h"
#include "os/test_directory.h"

namespace virtcontainers::cni {
namespace {

using ::testing::HasSubstr;

class CniNetworkCalls : public ::testing::Test {
 protected:
  // A plugin that writes its calls and their configurations to a file.
  void WritePlugin(const std::string& type, const std::string& versions, const std::string& answer = "true") {
    const std::string path =
        directory_.Write(type, "#!/bin/sh\nconfig=$(cat)\necho \"" + type + " $CNI_COMMAND $config\" >> " +
                                   directory_ / "calls" + "\nif [ $CNI_COMMAND = VERSION ]; then\necho '" +
                                   R"({"supportedVersions": )" + versions + "}'\nelse\n" + answer + "\nfi\n");
    ::chmod(path.c_str(), 0755);
  }

  List ListOf(const std::string& more = "", const std::string& version = "1.1.0") const {
    CniOptions options;
    options.config = R"({"cniVersion": ")" + version + R"(", "name": "net1", )" + more +
                     R"("plugins": [{"type": "old"}, {"type": "new"}, {"type": "new", "n": 2}]})";
    options.plugin_directories = {directory_.path()};
    return *LoadList("", options);
  }

  // Nothing if the call failed.
  static std::optional<bool> Answer(const Result<bool>& called) {
    EXPECT_TRUE(called) << called.error().ToString();
    return called ? std::optional<bool>(*called) : std::nullopt;
  }

  std::string Calls() const { return TestDirectory::Read(directory_ / "calls"); }

  void SetUp() override { WritePlugin("old", R"(["0.4.0", "1.0.0"])"); }

  TestDirectory directory_;
};

TEST_F(CniNetworkCalls, Status_AsksThosePluginsThatHaveIt) {
  WritePlugin("new", R"(["1.0.0", "1.1.0"])");
  EXPECT_EQ(Answer(CheckReady(ListOf(), Soon())), true);
  EXPECT_EQ(Calls(),
            "old VERSION {\"cniVersion\":\"1.1.0\"}\n"
            "new VERSION {\"cniVersion\":\"1.1.0\"}\n"
            "new STATUS {\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"new\"}\n"
            "new STATUS {\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"new\",\"n\":2}\n");
}

TEST_F(CniNetworkCalls, PluginThatIsNotReady_IsNamed) {
  WritePlugin("new", R"(["1.1.0"])", R"(echo '{"code": 50, "msg": "no addresses left"}'; exit 1)");
  const Result<bool> ready = CheckReady(ListOf(), Soon());
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code(), Code::kUnavailable);
  EXPECT_EQ(ready.error().message(),
            "CNI plugin 'new' of the network 'net1': STATUS failed: no addresses left (code 50)");
}

TEST_F(CniNetworkCalls, GarbageCollection_NamesTheValidAttachments) {
  WritePlugin("new", R"(["1.1.0"])");
  EXPECT_EQ(Answer(CollectGarbage(ListOf(), {{"pod1", "eth0"}}, Soon())), true);
  EXPECT_THAT(Calls(), HasSubstr(R"("cni.dev/valid-attachments":[{"containerID":"pod1","ifname":"eth0"}])"));
}

TEST_F(CniNetworkCalls, GarbageCollection_GoesOnAfterAFailure) {
  WritePlugin("new", R"(["1.1.0"])", "exit 1");
  const Result<bool> collected = CollectGarbage(ListOf(), {}, Soon());
  ASSERT_FALSE(collected);
  EXPECT_THAT(Calls(), HasSubstr("\"n\":2"));
}

TEST_F(CniNetworkCalls, OlderOrDisabledLists_CallNothing) {
  WritePlugin("new", R"(["1.1.0"])");
  EXPECT_EQ(Answer(CheckReady(ListOf("", "1.0.0"), Soon())), false);
  EXPECT_EQ(Answer(CollectGarbage(ListOf("", "1.0.0"), {}, Soon())), false);
  EXPECT_EQ(Answer(CollectGarbage(ListOf(R"("disableGC": true, )"), {}, Soon())), false);
  EXPECT_EQ(Calls(), "");
}

}  // namespace
}  // namespace virtcontainers::cni
